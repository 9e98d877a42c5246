//! Who may do what: what the web configuration says of a request.

use std::sync::Arc;

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use web_config::{Access, Scope, WebConfig};

use crate::Surface;
use crate::answer::{Answer, refused};
use crate::routes::{Found, Place};

/// The answer to who may not do what he asks for: 401 where he has not said who he is, 403 where he may not.
///
/// Source of the first: Prometheus' exporter-toolkit (`web/handler.go`), which asks before it looks at the path.
pub(crate) async fn denied(surface: &Surface, parts: &Parts, found: &Found) -> Option<Answer> {
    let web = surface.options.web.as_ref()?.get();
    if !web.has_users() || (surface.options.open_health && is_health(found)) {
        return None;
    }
    let scope = scope(&parts.method, found);
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let access = match web.known_access(header, scope) {
        Some(known) => known,
        None => check(web, header.map(str::to_owned), scope).await,
    };
    match access {
        Access::Granted => None,
        Access::Unknown => {
            let mut answer = refused(StatusCode::UNAUTHORIZED, "Unauthorized");
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
            Some(answer)
        }
        Access::Forbidden => Some(refused(StatusCode::FORBIDDEN, "Forbidden")),
    }
}

/// The answer with the headers that the web configuration wants on all.
pub(crate) fn dressed(surface: &Surface, mut answer: Answer) -> Answer {
    let Some(web) = surface.options.web.as_ref().map(|web| web.get()) else { return answer };
    for (name, value) in &web.headers {
        // Names are checked when the file is read.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// Passwords are hashed at length, which is nothing to be done among requests.
async fn check(web: Arc<WebConfig>, header: Option<String>, scope: Scope) -> Access {
    let checked = tokio::task::spawn_blocking(move || web.access(header.as_deref(), scope)).await;
    checked.unwrap_or(Access::Unknown)
}

fn scope(method: &Method, found: &Found) -> Scope {
    let Found::Place(place) = found else { return Scope::Scrape };
    match place {
        Place::Push | Place::Aggregate | Place::Ingest | Place::ApiPush => Scope::Push,
        Place::Page | Place::ApiGroups if *method != Method::GET => Scope::Push,
        Place::ApiWipe | Place::Quit | Place::Reload => Scope::Admin,
        _ => Scope::Scrape,
    }
}

fn is_health(found: &Found) -> bool {
    matches!(found, Found::Place(Place::Healthy | Place::Ready))
}
