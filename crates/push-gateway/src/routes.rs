//! Which path is what, which methods it takes, and where a client is sent that wrote it a little differently.
//!
//! Paths here are free of percent-encoding. The rules are those of the official push gateway's two routers, one
//! behind the other: Go's `http.ServeMux`, which cleans paths, and `julienschmidt/httprouter`, which mends a final
//! slash and upper case, for methods that the mended path takes.

use hyper::Method;

use crate::path::PushPath;
use crate::web::files;

/// Where things are.
#[derive(Clone, Debug, PartialEq)]
pub struct Routes {
    /// In front of all of them: empty, or `/` and what follows, without a slash at the end.
    pub prefix: String,
    /// Where the page is: `/metrics`.
    pub page: String,
    /// Where the gateway's own metrics are, where they have a place of their own.
    pub own: Option<String>,
    /// Where flat text is taken without a group, if it is: `/ingest`.
    pub ingest: Option<String>,
    /// Whether all groups may be wiped.
    pub admin: bool,
    /// Whether the gateway may be told to reload and to end.
    pub lifecycle: bool,
    /// Whether `PUT` and `POST` to the page, and to paths of labels that begin with no job, add up.
    pub aggregate: bool,
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `/metrics/job/...`
    Push,
    /// `/metrics`
    Page,
    /// The gateway's own metrics alone.
    Own,
    /// `/ingest`
    Ingest,
    /// `/metrics/NAME/VALUE...`, which adds up.
    Aggregate,
    Healthy,
    Ready,
    Quit,
    Reload,
    /// `/` and `/status`
    Status,
    /// `/static/...`
    Static,
    ApiStatus,
    ApiMetrics,
    ApiWipe,
    ApiGroups,
    ApiGroup,
    ApiPush,
    /// Any path of the API, which `OPTIONS` is answered for.
    Api,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is for this place.
    Place(Place),
    /// It should have been for this path: the status, and the path.
    Redirect(u16, Vec<u8>),
    /// The place takes other methods: `Allow`.
    NotAllowed(String),
    /// The place takes these methods: `Allow`, asked for by `OPTIONS`.
    Options(String),
    /// There is nothing.
    Nothing,
}

const PUT_POST: &[&str] = &["PUT", "POST"];
const GET: &[&str] = &["GET"];

/// The places that there are, and how to find them.
#[derive(Debug)]
pub(crate) struct Router {
    api: Vec<u8>,
    places: Vec<(Place, Pattern)>,
    api_places: Vec<(Place, Pattern)>,
    aggregate: bool,
}

impl Router {
    pub(crate) fn new(routes: &Routes) -> Router {
        let prefix = routes.prefix.as_bytes();
        let at = |path: &str| Pattern::Path([prefix, path.as_bytes()].concat());
        let mut places = vec![
            (Place::Push, Pattern::Push(prefix.to_vec())),
            (Place::Page, at(&routes.page)),
            (Place::Healthy, at("/-/healthy")),
            (Place::Ready, at("/-/ready")),
            (Place::Quit, at("/-/quit")),
            (Place::Status, at("/status")),
            (Place::Status, at("/")),
        ];
        places.extend(files().map(|path| (Place::Static, at(path))));
        if routes.lifecycle {
            places.push((Place::Reload, at("/-/reload")));
        }
        places.extend(routes.own.as_deref().map(|path| (Place::Own, at(path))));
        places.extend(routes.ingest.as_deref().map(|path| (Place::Ingest, at(path))));
        if routes.aggregate {
            places.push((Place::Aggregate, Pattern::Labels([prefix, b"/metrics"].concat())));
        }
        let at = |path: &str| Pattern::Path(path.as_bytes().to_vec());
        let mut api_places = vec![
            (Place::ApiStatus, at("/status")),
            (Place::ApiMetrics, at("/metrics")),
            (Place::ApiGroups, at("/groups")),
            (Place::ApiGroup, at("/group")),
            (Place::ApiPush, at("/push")),
            (Place::Api, Pattern::Any),
        ];
        if routes.admin {
            api_places.push((Place::ApiWipe, at("/admin/wipe")));
        }
        Router { api: [prefix, b"/api/v1"].concat(), places, api_places, aggregate: routes.aggregate }
    }

    /// What becomes of a request with this method to this path.
    pub(crate) fn find(&self, method: &Method, path: &[u8]) -> Found {
        if let Some(cleaned) = clean(path) {
            return Found::Redirect(301, cleaned);
        }
        match path.strip_prefix(&self.api[..]) {
            Some(b"") => Found::Redirect(301, [&self.api[..], b"/"].concat()),
            Some(rest) if rest.starts_with(b"/") => self.find_in(method, rest, &self.api_places),
            _ => self.find_in(method, path, &self.places),
        }
    }

    fn find_in(&self, method: &Method, path: &[u8], places: &[(Place, Pattern)]) -> Found {
        let name = method.as_str();
        let mut of_method = places.iter().filter(|(place, _)| self.methods(*place).contains(&name));
        if let Some((place, _)) = of_method.clone().find(|(_, pattern)| pattern.is(path)) {
            return Found::Place(*place);
        }
        if path != b"/"
            && let Some(mended) = of_method.find_map(|(_, pattern)| pattern.mend(path))
        {
            return Found::Redirect(if method == Method::GET { 301 } else { 307 }, mended);
        }
        let mut allowed: Vec<&str> = places
            .iter()
            .filter(|(place, pattern)| *place != Place::Api && pattern.is(path))
            .flat_map(|(place, _)| self.methods(*place))
            .copied()
            .collect();
        if allowed.is_empty() {
            return Found::Nothing;
        }
        allowed.push("OPTIONS");
        allowed.sort_unstable();
        allowed.dedup();
        match method == Method::OPTIONS {
            true => Found::Options(allowed.join(", ")),
            false => Found::NotAllowed(allowed.join(", ")),
        }
    }

    fn methods(&self, place: Place) -> &'static [&'static str] {
        match place {
            Place::Push => &["PUT", "POST", "DELETE"],
            Place::Page if self.aggregate => &["GET", "PUT", "POST"],
            Place::Quit => &["GET", "PUT", "POST"],
            Place::Page | Place::Own | Place::Healthy | Place::Ready => GET,
            Place::Status | Place::Static => GET,
            Place::ApiStatus | Place::ApiMetrics => GET,
            Place::Aggregate | Place::Reload => PUT_POST,
            // To the others it answers what its predecessor answers.
            Place::Ingest => &["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"],
            Place::ApiWipe => &["PUT"],
            Place::ApiGroups | Place::ApiGroup => &["GET", "DELETE"],
            Place::ApiPush => &["POST"],
            Place::Api => &["OPTIONS"],
        }
    }
}

/// What paths of a place look like.
#[derive(Debug)]
enum Pattern {
    Path(Vec<u8>),
    /// The path of a push, behind this.
    Push(Vec<u8>),
    /// Labels and their values, behind this; no job in front.
    Labels(Vec<u8>),
    Any,
}

impl Pattern {
    fn is(&self, path: &[u8]) -> bool {
        match self {
            Pattern::Path(its) => its == path,
            Pattern::Push(prefix) => {
                path.strip_prefix(&prefix[..]).is_some_and(|path| PushPath::of(path).is_some())
            }
            Pattern::Labels(prefix) => path.strip_prefix(&prefix[..]).is_some_and(|rest| {
                rest.len() > 1
                    && rest.starts_with(b"/")
                    && !rest.starts_with(b"/job/")
                    && !rest.starts_with(b"/job@")
            }),
            Pattern::Any => true,
        }
    }

    /// The path that was meant, if one of this place was: another case, a slash too many or too few at the end.
    fn mend(&self, path: &[u8]) -> Option<Vec<u8>> {
        let same = |left: &[u8], right: &[u8]| left.eq_ignore_ascii_case(right);
        match self {
            Pattern::Path(its) => {
                let bare = |path: &[u8]| path.strip_suffix(b"/").unwrap_or(path).to_vec();
                (same(&bare(its), &bare(path)) && its.len() > 1).then(|| its.clone())
            }
            Pattern::Push(prefix) => {
                for push in [&b"/metrics/job/"[..], b"/metrics/job@base64/"] {
                    let start = [&prefix[..], push].concat();
                    let (head, rest) = path.split_at_checked(start.len())?;
                    if same(head, &start) {
                        return match rest {
                            // The tree of that router ends there, and it takes the slash for one too many.
                            b"" if push == b"/metrics/job/" => start.strip_suffix(b"/").map(<[u8]>::to_vec),
                            b"" => None,
                            _ => Some([&start[..], rest].concat()),
                        };
                    }
                }
                None
            }
            Pattern::Labels(_) | Pattern::Any => None,
        }
    }
}

/// A path without empty components, `.` and `..`; a final slash stays. None where it has none of them.
///
/// Source: `cleanPath` of Go's `net/http`.
fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let mut components = path.split(|byte| *byte == b'/');
    let is_rooted = components.next().is_some_and(<[u8]>::is_empty);
    let mut is_last_empty = false;
    let is_clean = is_rooted
        && components.all(|component| {
            !std::mem::replace(&mut is_last_empty, component.is_empty())
                && component != b"."
                && component != b".."
        });
    if is_clean {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            component => kept.push(component),
        }
    }
    let mut cleaned = vec![b'/'];
    cleaned.extend_from_slice(&kept.join(&b'/'));
    if path.ends_with(b"/") && cleaned.len() > 1 {
        cleaned.push(b'/');
    }
    Some(cleaned)
}

/// A path as it stands in a `Location`.
///
/// Source: `shouldEscape` of Go's `net/url`, for paths.
pub(crate) fn escape(path: &[u8]) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => escaped.push(char::from(*byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'@' => {
                escaped.push(char::from(*byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

impl Default for Routes {
    fn default() -> Routes {
        Routes {
            prefix: String::new(),
            page: "/metrics".to_owned(),
            own: None,
            ingest: None,
            admin: false,
            lifecycle: false,
            aggregate: false,
        }
    }
}

#[cfg(test)]
mod tests;
