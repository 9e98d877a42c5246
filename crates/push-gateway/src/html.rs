//! The page for people: what there is, and how the gateway was started.

use std::fmt::Write;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::HeaderValue;

use crate::answer::{Answer, typed};
use crate::surface::Surface;

/// `/`, with the number of groups, or `/status`, with the flags.
pub(crate) async fn status(surface: &Arc<Surface>, is_root: bool) -> Answer {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Prometheus Pushgateway</title>\n</head>\n<body>\n<h1>Push gateway</h1>\n",
    );
    if is_root {
        let known = surface.clone();
        let groups = tokio::task::spawn_blocking(move || known.gateway.groups()).await;
        match groups {
            Ok(Ok(groups)) => {
                let _ = writeln!(page, "<p>{} groups are shown.</p>", groups.groups.len());
            }
            Ok(Err(error)) => {
                let _ = writeln!(page, "<p>The groups cannot be read: {}</p>", escaped(&error.to_string()));
            }
            Err(_) => page.push_str("<p>The groups cannot be read.</p>\n"),
        }
        let prefix = escaped(&surface.options.routes.prefix);
        let metrics = escaped(&surface.options.routes.page);
        let _ = writeln!(
            page,
            "<ul>\n<li><a href=\"{prefix}{metrics}\">metrics</a></li>\n\
             <li><a href=\"{prefix}/api/v1/groups\">groups</a></li>\n\
             <li><a href=\"{prefix}/status\">status</a></li>\n</ul>"
        );
    } else {
        let _ = writeln!(page, "<p>Version {}</p>\n<table>", env!("CARGO_PKG_VERSION"));
        for (name, value) in &surface.options.flags {
            let _ = writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(value));
        }
        page.push_str("</table>\n");
    }
    page.push_str("</body>\n</html>\n");
    typed(StatusCode::OK, HeaderValue::from_static("text/html; charset=utf-8"), vec![page.into()])
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
