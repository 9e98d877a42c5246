//! The page for people: groups page by page, and how the gateway was started and is.
//!
//! What stands here can be read without JavaScript; `web/page.js` adds search as one types, families, deleting and keys.
//! All links are relative, so it works under any prefix, a proxy's too. Scripts and styles come from files alone
//! ([`POLICY`]), and what was pushed is text wherever it stands.

mod list;
mod markup;
mod status;

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
};

use crate::answer::{Answer, empty, refused, typed};
use crate::browse::Browse;
use crate::query::parameters;
use crate::surface::{Asked, Surface};

/// What a browser may load and do on a page of ours.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How much of a label's value is shown.
const LETTERS: usize = 200;

/// Files that the pages load: path, type, content.
const FILES: [(&str, &str, &str); 3] = [
    ("/static/page.css", "text/css; charset=utf-8", include_str!("web/page.css")),
    ("/static/page.js", "text/javascript; charset=utf-8", include_str!("web/page.js")),
    ("/static/icon.svg", "image/svg+xml", include_str!("web/icon.svg")),
];

/// Where [`file`] has something.
pub(crate) fn files() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, ..)| *path)
}

/// One of the [`files`]. A browser that has it as it is, is told so.
pub(crate) fn file(asked: &Asked) -> Answer {
    let Some((_, content_type, content)) = FILES.iter().find(|(path, ..)| path.as_bytes() == asked.path)
    else {
        return refused(StatusCode::NOT_FOUND, "404 page not found");
    };
    let tag = format!("\"{:08x}\"", crc32fast::hash(content.as_bytes()));
    let known = asked.parts.headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known =
        known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let mut answer = match is_known {
        true => empty(StatusCode::NOT_MODIFIED),
        false => {
            typed(StatusCode::OK, HeaderValue::from_static(content_type), vec![content.as_bytes().into()])
        }
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    guarded(answer)
}

/// `/?search=WORDS&sort=name|pushed&after=CURSOR`: a page of groups.
pub(crate) async fn list(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let parameters = asked.parts.uri.query().map(parameters).unwrap_or_default();
    let search = parameters.iter().find(|(name, _)| name == "search");
    let search = search.map(|(_, search)| search.clone()).unwrap_or_default();
    let browse = match Browse::of(&parameters) {
        Ok(browse) => browse,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let known = surface.clone();
    let page = tokio::task::spawn_blocking(move || {
        let found = browse.page(&known.gateway).map_err(|error| error.to_string());
        list::page_of(&known, &browse, &search, found)
    });
    html(page.await)
}

/// `/status`: what the gateway is, how it is, and what it was told.
pub(crate) async fn status(surface: &Arc<Surface>) -> Answer {
    let known = surface.clone();
    html(tokio::task::spawn_blocking(move || status::page_of(&known)).await)
}

fn html(page: Result<String, tokio::task::JoinError>) -> Answer {
    match page {
        Ok(page) => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            guarded(typed(StatusCode::OK, html, vec![page.into()]))
        }
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "printing the page panicked"),
    }
}

/// With what keeps a browser from taking it for something else.
fn guarded(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("same-origin"));
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|its| its.as_bytes().starts_with(b"text/html"));
    // Files are asked for each time, and mostly not sent again; pages are of their moment.
    let cache = if is_page { "no-store" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    answer
}
