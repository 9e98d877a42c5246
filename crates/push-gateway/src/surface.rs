//! The gateway as HTTP shows it: its options, and which request gets which answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HOST, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Version};
use metrics_core::Kind;
use push_groups::{Coding, ReadLimits};
use tokio::sync::watch;

use crate::answer::{Answer, empty, not_allowed, refused, text, typed, with_allow, with_cors};
use crate::groups_api::{foreign, is_foreign};
use crate::own::{Condition, OwnMetrics};
use crate::path::percent_decode;
use crate::routes::{Found, Place, Router, Routes, escape};
use crate::{Gateway, api, group_api, groups_api, guard, ingest, pushes, scrape, web};

/// A gateway, and how HTTP shows it.
pub struct Surface {
    pub(crate) gateway: Gateway,
    pub(crate) options: SurfaceOptions,
    pub(crate) own: OwnMetrics,
    /// The names that the page has of the gateway itself.
    pub(crate) own_kinds: Vec<(Box<str>, Kind)>,
    pub(crate) started: SystemTime,
    router: Router,
    connections: AtomicUsize,
    quit: watch::Sender<bool>,
    reload: Reload,
}

/// Reads again what can be read again; else says why not.
pub type Reload = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// How the gateway is shown.
#[derive(Clone, Debug)]
pub struct SurfaceOptions {
    /// Where things are.
    pub routes: Routes,
    /// Whether pushes have to fit beside all groups: else they are answered 202, and what does not fit is not shown.
    pub checked: bool,
    /// How long a group lives after a push that does not say; none for ever.
    pub lives: Option<Duration>,
    /// How long a group of flat text lives.
    pub ingest_lives: Option<Duration>,
    /// The job of what comes without one: flat text, and what is added up without a job in its path.
    pub default_job: String,
    /// How long an `Idempotency-Key` is remembered.
    pub once: Duration,
    /// Whether who likes OpenMetrics best gets it, though it reads text.
    pub prefer_openmetrics: bool,
    /// What a body may hold.
    pub limits: ReadLimits,
    /// How long a request may take to arrive, and its answer to be taken.
    pub request_time: Duration,
    /// How many connections there may be at once.
    pub connections: usize,
    /// What is shown to clients that are to speak TLS: [`tls_config`](crate::tls_config); none for plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Who may do what, with TLS if need be, which goes before [`tls`](SurfaceOptions::tls), and headers of all answers.
    pub web: Option<Arc<web_config::WatchedConfig>>,
    /// Whether everybody may ask for the health, whatever users there are.
    pub open_health: bool,
    /// What the program was told, for the status page.
    pub flags: Vec<(String, String)>,
}

impl Surface {
    /// Shows this gateway. `reload` is called where its clients may ask for it ([`Routes::lifecycle`]).
    pub fn new(gateway: Gateway, options: SurfaceOptions, reload: Reload) -> Surface {
        let own = OwnMetrics::default();
        let inline = options.routes.own.is_none();
        let own_kinds = if inline { own.names() } else { Vec::new() };
        let router = Router::new(&options.routes);
        let (quit, _) = watch::channel(false);
        let (started, connections) = (SystemTime::now(), AtomicUsize::new(0));
        Surface { gateway, options, own, own_kinds, started, router, connections, quit, reload }
    }

    /// Becomes true when a client has told the gateway to end.
    pub fn quit(&self) -> watch::Receiver<bool> {
        self.quit.subscribe()
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    pub(crate) fn open_connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self.clone())
    }

    /// How it is, as far as no page is needed for that.
    pub(crate) fn condition(&self) -> Condition {
        let (waiting, _) = self.gateway.waiting();
        Condition { waiting, connections: self.connections.load(Ordering::Relaxed), ..Condition::default() }
    }
}

/// A connection that is served.
pub(crate) struct OpenConnection(Arc<Surface>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that has arrived.
pub(crate) struct Asked {
    pub(crate) parts: Parts,
    /// Its path, free of percent-encoding and of the [prefix](Routes::prefix).
    pub(crate) path: Vec<u8>,
    pub(crate) body: Bytes,
    pub(crate) since: Instant,
}

/// Answers one request: all that [`serve`](crate::serve) does but for the connection, for a server that exists.
///
/// # Panics
/// Outside of a tokio runtime with a timer.
pub async fn respond<B>(surface: &Arc<Surface>, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let answer = answer_anybody(surface, request).await;
    if surface.options.web.is_some() { guard::dressed(surface, answer) } else { answer }
}

async fn answer_anybody<B>(surface: &Arc<Surface>, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let since = Instant::now();
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS && parts.uri.path() == "*" {
        return empty(StatusCode::OK);
    }
    if let Some(fault) = head_fault(&parts) {
        return fault;
    }
    let Some(path) = percent_decode(parts.uri.path().as_bytes()) else {
        return text(StatusCode::BAD_REQUEST, "400 Bad Request: invalid URL escape");
    };
    let found = surface.router.find(&parts.method, &path);
    if let Some(answer) = guard::denied(surface, &parts, &found).await {
        return answer;
    }
    let place = match found {
        Found::Place(place) => place,
        Found::Redirect(code, to) => return redirect(&parts, code, &to),
        Found::NotAllowed(allow) => return not_allowed(&allow),
        Found::Options(allow) => return with_allow(empty(StatusCode::OK), &allow),
        Found::Nothing => return refused(StatusCode::NOT_FOUND, "404 page not found"),
    };
    let body = match read(surface, body).await {
        Ok(body) => body,
        Err((status, why)) => {
            pushes::count_unread(surface, place, &parts.method, status);
            return refused(status, &why);
        }
    };
    if let Some(fault) = gzip_fault(&parts, place, &body) {
        return refused(StatusCode::BAD_REQUEST, fault);
    }
    let mut path = path;
    path.drain(..surface.options.routes.prefix.len().min(path.len()));
    answer(surface, place, Asked { parts, path, body, since }).await
}

async fn answer(surface: &Arc<Surface>, place: Place, asked: Asked) -> Answer {
    let method = asked.parts.method.clone();
    let counted = |handler, answer: Answer| {
        surface.own.count(handler, &method, answer.status());
        answer
    };
    match place {
        Place::Push if method == Method::DELETE => counted("delete", pushes::delete(surface, &asked).await),
        Place::Push => pushes::push(surface, &asked).await,
        Place::Aggregate => pushes::aggregate(surface, &asked).await,
        Place::Page if method != Method::GET => pushes::aggregate(surface, &asked).await,
        Place::Page => scrape::page(surface, &asked).await,
        Place::Own => scrape::own(surface, &asked).await,
        Place::Ingest => ingest::ingest(surface, &asked).await,
        Place::Healthy => counted("healthy", healthy(surface)),
        Place::Ready => counted("ready", healthy(surface)),
        Place::Quit => quit(surface, &method),
        Place::Reload => match (surface.reload)() {
            Ok(()) => empty(StatusCode::OK),
            Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why),
        },
        Place::Status if asked.path == b"/" => counted("status", web::list(surface, &asked).await),
        Place::Status => counted("status", web::status(surface).await),
        Place::Static => counted("static", web::file(&asked)),
        Place::ApiStatus => counted("api/v1/status", api::status(surface)),
        Place::ApiMetrics => counted("api/v1/metrics", api::metrics(surface).await),
        Place::Api => counted("api/v1/options", with_cors(empty(StatusCode::OK))),
        Place::ApiWipe if is_foreign(&asked.parts) => counted("wipe", foreign()),
        Place::ApiWipe => counted("wipe", pushes::wipe(surface).await),
        Place::ApiGroups if method == Method::DELETE => {
            counted("api/v1/groups", groups_api::delete(surface, &asked).await)
        }
        Place::ApiGroups => counted("api/v1/groups", groups_api::list(surface, &asked).await),
        Place::ApiGroup if method == Method::DELETE => {
            counted("api/v1/group", group_api::delete(surface, &asked).await)
        }
        Place::ApiGroup => counted("api/v1/group", group_api::show(surface, &asked).await),
        Place::ApiPush => counted("api/v1/push", groups_api::push(surface, &asked).await),
    }
}

/// What Go's server says of a head that it does not take, before anybody looks at the path.
fn head_fault(parts: &Parts) -> Option<Answer> {
    if parts.version == Version::HTTP_11 && !parts.headers.contains_key(HOST) {
        let why = "400 Bad Request: missing required Host header";
        return Some(text(StatusCode::BAD_REQUEST, why));
    }
    let expect = parts.headers.get(EXPECT)?.as_bytes();
    (!expect.eq_ignore_ascii_case(b"100-continue")).then(|| empty(StatusCode::EXPECTATION_FAILED))
}

/// The whole body, in time and within the limit; else the status and the reason.
async fn read<B>(surface: &Surface, body: B) -> Result<Bytes, (StatusCode, String)>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let most = surface.options.limits.bytes;
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {most} bytes"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let whole = Box::pin(Limited::new(body, most).collect());
    match tokio::time::timeout(surface.options.request_time, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        // The client went away before it had said all, or its chunks are none.
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "unexpected EOF".to_owned())),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time".to_owned())),
    }
}

/// What the official gateway says of a body that is to be gzip and does not begin so; there it stands in front of all
/// that is not the API, whether anybody looks at the body or not.
fn gzip_fault(parts: &Parts, place: Place, body: &Bytes) -> Option<&'static str> {
    let header = parts.headers.get(CONTENT_ENCODING)?.to_str().ok();
    let is_api = matches!(
        place,
        Place::Api
            | Place::ApiStatus
            | Place::ApiMetrics
            | Place::ApiWipe
            | Place::ApiGroup
            | Place::ApiGroups
            | Place::ApiPush
    );
    if is_api || Coding::of_content_encoding(header) != Coding::Gzip {
        return None;
    }
    const HEAD: usize = 10; // bytes
    match &body[..] {
        [] => Some("EOF"),
        head if head.len() < HEAD => Some("unexpected EOF"),
        [0x1F, 0x8B, 8, ..] => None,
        _ => Some("gzip: invalid header"),
    }
}

/// Sends the client to the path that it meant.
///
/// Source: `http.Redirect` of Go.
fn redirect(parts: &Parts, code: u16, to: &[u8]) -> Answer {
    let mut location = escape(to);
    if let Some(query) = parts.uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::MOVED_PERMANENTLY);
    let mut answer = match parts.method == Method::GET {
        true => {
            let shown = location.replace('&', "&amp;");
            let page =
                format!("<a href=\"{shown}\">{}</a>.\n\n", status.canonical_reason().unwrap_or_default());
            typed(status, HeaderValue::from_static("text/html; charset=utf-8"), vec![page.into()])
        }
        false => empty(status),
    };
    match HeaderValue::from_str(&location) {
        Ok(location) => {
            answer.headers_mut().insert(LOCATION, location);
            answer
        }
        Err(_) => refused(StatusCode::NOT_FOUND, "404 page not found"),
    }
}

/// Whether pushes can be taken; the word has no line end there, and the reason has one.
fn healthy(surface: &Surface) -> Answer {
    let (waiting, most) = surface.gateway.waiting();
    match waiting < most {
        true => text(StatusCode::OK, "OK"),
        false => refused(StatusCode::INTERNAL_SERVER_ERROR, "write queue is full"),
    }
}

/// The answer is on its way before the end begins: connections are closed when theirs are sent.
fn quit(surface: &Surface, method: &Method) -> Answer {
    if method == Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed.");
    }
    if !surface.options.routes.lifecycle {
        return text(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.");
    }
    surface.quit.send_replace(true);
    text(StatusCode::OK, "Requesting termination... Goodbye!")
}

impl Default for SurfaceOptions {
    fn default() -> SurfaceOptions {
        SurfaceOptions {
            routes: Routes::default(),
            checked: true,
            lives: None,
            ingest_lives: Some(Duration::from_secs(300)),
            default_job: "ingest".to_owned(),
            once: Duration::from_secs(600),
            prefer_openmetrics: false,
            limits: ReadLimits::default(),
            request_time: Duration::from_secs(30),
            connections: 1000,
            tls: None,
            web: None,
            open_health: false,
            flags: Vec::new(),
        }
    }
}

impl fmt::Debug for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surface")
            .field("gateway", &self.gateway)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What stands in a header, for those who read it as text.
pub(crate) fn content_type(parts: &Parts) -> Option<&str> {
    parts.headers.get(CONTENT_TYPE)?.to_str().ok()
}
