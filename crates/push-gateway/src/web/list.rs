//! The list of groups, as it is without JavaScript.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use push_groups::Content;

use super::LETTERS;
use super::markup::{escaped, in_query, page};
use crate::browse::{Browse, Browsed, Order, cut, id_of};
use crate::gateway::Group;
use crate::stamp::stamp;
use crate::surface::Surface;

/// The whole page, with what was found or why nothing could be.
pub(super) fn page_of(
    surface: &Surface,
    browse: &Browse,
    search: &str,
    found: Result<Browsed, String>,
) -> String {
    let mut main = String::new();
    push_form(&mut main, browse, search);
    main.push_str("<div id=\"failed\" role=\"alert\">");
    if let Err(why) = &found {
        let _ = write!(main, "The groups cannot be read: {}", escaped(why));
    }
    main.push_str("</div>\n<p id=\"found\" role=\"status\">");
    if let Ok(found) = &found {
        main.push_str(&told(found, browse));
    }
    main.push_str("</p>\n<ol id=\"groups\" aria-label=\"Groups\">\n");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    for group in found.iter().flat_map(|found| &found.groups) {
        push_group(&mut main, group, now);
    }
    main.push_str("</ol>\n<nav id=\"paging\" aria-label=\"Paging\">");
    if browse.after.is_some() {
        let _ = write!(main, "<a id=\"first\" href=\"{}\">First page</a> ", link(browse, search, None));
    }
    if let Some(next) = found.as_ref().ok().and_then(|found| found.next.as_ref()) {
        let _ = write!(
            main,
            "<a id=\"next\" href=\"{}\">Next page</a>",
            link(browse, search, Some(next.cursor()))
        );
    }
    main.push_str("</nav>\n");
    let routes = &surface.options.routes;
    let body = if routes.admin { " data-admin" } else { "" };
    page("Groups – push gateway", true, routes.page.trim_start_matches('/'), body, &main)
}

fn push_form(out: &mut String, browse: &Browse, search: &str) {
    let chosen = |order| if browse.order == order { " selected" } else { "" };
    let _ = writeln!(
        out,
        "<form id=\"search\" role=\"search\" action=\"./\">\n<label for=\"words\">Search labels</label>\n\
         <input id=\"words\" name=\"search\" type=\"search\" value=\"{}\" maxlength=\"250\" autocomplete=\"off\" \
         spellcheck=\"false\" placeholder=\"backup, job=backup, …\">\n\
         <span class=\"field\"><label for=\"sort\">Sort by</label>\n<select id=\"sort\" name=\"sort\">\
         <option value=\"name\"{}>name</option><option value=\"pushed\"{}>last push</option></select></span>\n\
         <button>Search</button>\n</form>",
        escaped(search),
        chosen(Order::Name),
        chosen(Order::Pushed),
    );
}

/// How many were found.
fn told(found: &Browsed, browse: &Browse) -> String {
    let groups = |count: usize| if count == 1 { "1 group".to_owned() } else { format!("{count} groups") };
    let mut told = match browse.search.is_empty() {
        true => groups(found.all),
        false => format!("{} of {}", found.found, groups(found.all)),
    };
    if found.groups.len() < found.found {
        let _ = write!(told, ", {} on this page", found.groups.len());
    }
    if let Some(age) = found.stale {
        let _ =
            write!(told, "; the store has not answered for {} s, so this is as it was then", age.as_secs());
    }
    told
}

fn push_group(out: &mut String, group: &Group, now: f64) {
    let id = id_of(&group.key);
    let content = Content::decode(&group.entry.content).unwrap_or_default();
    let series: usize = content.families.iter().map(|held| held.family.metrics.len()).sum();
    let _ = write!(out, "<li><a class=\"group\" href=\"api/v1/group?id={id}&amp;label_chars={LETTERS}\">");
    let job = ("job", group.key.job());
    for (name, value) in [job].into_iter().chain(group.key.labels().filter(|(name, _)| *name != "job")) {
        let value = cut(value, Some(LETTERS));
        let _ = write!(
            out,
            "<span class=\"chip\"><b>{}</b>=<bdi>{}</bdi></span> ",
            escaped(name),
            escaped(&value)
        );
    }
    out.push_str("</a> <span class=\"facts\">");
    match group.entry.pushed {
        0 => out.push_str("<span>never pushed</span> "),
        pushed => {
            let exact = stamp(pushed);
            let ago = ago(now - pushed as f64 / 1e9);
            let _ =
                write!(out, "<span>pushed <time datetime=\"{exact}\" title=\"{exact}\">{ago}</time></span> ");
        }
    }
    if group.entry.failed > group.entry.pushed {
        let exact = stamp(group.entry.failed);
        let _ = write!(out, "<strong class=\"failed\" title=\"{exact}\">last push failed</strong> ");
    }
    if let Some(expires) = group.entry.expires {
        let exact = stamp(expires.saturating_mul(1_000_000));
        let left = long((expires as f64 / 1e3 - now).max(0.0));
        let _ = write!(
            out,
            "<span>expires in <time datetime=\"{exact}\" title=\"{exact}\">{left}</time></span> "
        );
    }
    let many =
        |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    let families = many(content.families.len(), "family", "families");
    let _ = writeln!(out, "<span>{families}, {series} series</span></span></li>");
}

/// A page of the same search, behind this cursor.
fn link(browse: &Browse, search: &str, after: Option<String>) -> String {
    let after = after.map(|after| format!("&amp;after={after}")).unwrap_or_default();
    format!("./?search={}&amp;sort={}{after}", in_query(search), browse.order.word())
}

fn ago(seconds: f64) -> String {
    if seconds < 1.0 { "just now".to_owned() } else { format!("{} ago", long(seconds)) }
}

/// A time in the unit that suits it.
fn long(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
    let unit = units.iter().find(|(length, _)| seconds >= *length);
    let (length, unit) = unit.copied().unwrap_or((1.0, "s"));
    format!("{} {unit}", (seconds / length).floor())
}
