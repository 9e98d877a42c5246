//! The status page: what the gateway is, how it is, and what it was told.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use super::markup::{escaped, page};
use crate::stamp::stamp;
use crate::surface::Surface;

/// The whole page.
pub(super) fn page_of(surface: &Surface) -> String {
    let (waiting, most) = surface.gateway.waiting();
    let health = if waiting < most { "healthy" } else { "not healthy: the write queue is full" };
    let (groups, store) = match surface.gateway.look(|groups| groups.count()) {
        Ok((groups, None)) => (groups.to_string(), "answers".to_owned()),
        Ok((groups, Some(age))) => (
            format!("{groups}, as of {} s ago", age.as_secs()),
            format!("has not answered for {} s", age.as_secs()),
        ),
        Err(error) => ("not known".to_owned(), format!("does not answer: {error}")),
    };
    let since = surface.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = stamp(since.as_secs() * 1_000_000_000);
    let switch = |on: bool| if on { "enabled" } else { "disabled" };
    let mut main = String::from("<h2>Build and state</h2>\n");
    table(
        &mut main,
        [
            ("Version", env!("CARGO_PKG_VERSION").to_owned()),
            ("System", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
            ("Started", started),
            ("Health", health.to_owned()),
            ("Store", store),
            ("Groups", groups),
            ("Pushes that wait", format!("{waiting} of {most} at most")),
            ("Admin API", switch(surface.options.routes.admin).to_owned()),
            ("Lifecycle API", switch(surface.options.routes.lifecycle).to_owned()),
        ]
        .iter()
        .map(|(name, value)| (*name, &**value)),
    );
    main.push_str("<h2>Flags</h2>\n");
    table(&mut main, surface.options.flags.iter().map(|(name, value)| (&**name, &**value)));
    let metrics = surface.options.routes.page.trim_start_matches('/');
    page("Status – push gateway", false, metrics, "", &main)
}

fn table<'a>(out: &mut String, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push_str("<table class=\"facts\">\n");
    for (name, value) in rows {
        // A String takes every letter.
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
    }
    out.push_str("</table>\n");
}
