//! Routes: which request gets which answer.

use bytes::Bytes;
use collector::CollectError;
use exposition::{Coding, Format, Negotiated, negotiate, negotiate_coding};
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AGE, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap,
    HeaderName, HeaderValue, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::Exporter;
use crate::landing::landing_page;
use crate::page::page_of;
use crate::query::wanted_names;
use crate::scrapes::Failure;

/// Answers one request, for a server that exists: its routes, `HEAD` and errors are those of
/// [`serve`](crate::serve). The body of the request is not looked at.
///
/// ```no_run
/// # async fn handler(exporter: std::sync::Arc<exporter_http::Exporter>) -> std::io::Result<()> {
/// use hyper::service::service_fn;
///
/// let service = service_fn(move |request| {
///     let exporter = exporter.clone();
///     async move { Ok::<_, std::convert::Infallible>(exporter_http::respond(&exporter, &request).await) }
/// });
/// # let stream = tokio::net::TcpStream::connect("localhost:80").await?;
/// # let io = hyper_util::rt::TokioIo::new(stream);
/// let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// Outside of a tokio runtime with a timer.
pub async fn respond<B>(exporter: &Exporter, request: &Request<B>) -> Response<Full<Bytes>> {
    let mut response = route(exporter, request).await;
    let length = response.body().size_hint().exact().unwrap_or(0);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    if request.method() == Method::HEAD {
        *response.body_mut() = Full::default();
    }
    response
}

async fn route<B>(exporter: &Exporter, request: &Request<B>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let is_page = path == exporter.path;
    let is_own = path == exporter.own_path;
    if !(is_page || is_own || matches!(path, "/" | "/-/healthy" | "/-/ready")) {
        return text(StatusCode::NOT_FOUND, format!("no such page; the metrics are at {}\n", exporter.path));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match path {
        _ if is_page => scrape(exporter, request).await,
        _ if is_own => own_metrics(exporter, request).await,
        "/-/healthy" => text(StatusCode::OK, "healthy\n"),
        "/-/ready" => ready(exporter).await,
        _ => html(landing_page(exporter, host(request.headers()))),
    }
}

/// The merged page.
async fn scrape<B>(exporter: &Exporter, request: &Request<B>) -> Response<Full<Bytes>> {
    let scrape = exporter.own.begin_scrape();
    let accepted = Accepted::of(request.headers());
    let names = request.uri().query().and_then(wanted_names);
    let response = match exporter.scrapes.page(names, accepted.format(), accepted.coding).await {
        Ok((page, age)) => {
            let mut response = accepted.answer(page);
            if let Some(age) = age {
                response.headers_mut().insert(AGE, HeaderValue::from(age.as_secs()));
            }
            response
        }
        Err(failure) => failed(&failure),
    };
    scrape.end(response.status());
    response
}

/// The exporter's own metrics.
async fn own_metrics<B>(exporter: &Exporter, request: &Request<B>) -> Response<Full<Bytes>> {
    let accepted = Accepted::of(request.headers());
    let snapshot = exporter.own.snapshot(&exporter.collector);
    accepted.answer(page_of(&snapshot, accepted.format(), accepted.coding))
}

/// Whether a scrape would find a page: the last collection worked, or else one that is made now does. A probe
/// thus costs nothing while Prometheus scrapes, and does not have to wait for its first scrape.
async fn ready(exporter: &Exporter) -> Response<Full<Bytes>> {
    if let Some(Ok(())) = exporter.scrapes.last() {
        return text(StatusCode::OK, "ready\n");
    }
    match exporter.scrapes.page(None, Format::TEXT, Coding::Identity).await {
        Ok(_) => text(StatusCode::OK, "ready\n"),
        Err(failure) => failed(&failure),
    }
}

/// Never an empty or partial page: to Prometheus a missing addend is a counter that was reset.
fn failed(failure: &Failure) -> Response<Full<Bytes>> {
    let status = match failure {
        Failure::Collect(error) if matches!(**error, CollectError::Late { .. }) => {
            StatusCode::GATEWAY_TIMEOUT
        }
        Failure::Collect(_) => StatusCode::SERVICE_UNAVAILABLE,
        Failure::Panic => StatusCode::INTERNAL_SERVER_ERROR,
    };
    text(status, format!("{failure}\n"))
}

/// What the client can read.
struct Accepted {
    page: Negotiated,
    coding: Coding,
}

impl Accepted {
    fn of(headers: &HeaderMap) -> Accepted {
        Accepted {
            page: negotiate(all_values(headers, ACCEPT).as_deref()),
            coding: negotiate_coding(all_values(headers, ACCEPT_ENCODING).as_deref()),
        }
    }

    fn format(&self) -> Format {
        self.page.format
    }

    fn answer(&self, page: Bytes) -> Response<Full<Bytes>> {
        let mut response = answer(StatusCode::OK, &self.page.content_type, page);
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if self.coding == Coding::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// The values of all headers of this name as one list; none where there is no such header.
fn all_values(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    if values.is_empty() { None } else { Some(values.join(", ")) }
}

/// How the client calls this server.
fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    answer(status, "text/plain; charset=utf-8", body.into())
}

fn html(body: String) -> Response<Full<Bytes>> {
    answer(StatusCode::OK, "text/html; charset=utf-8", body.into())
}

fn answer(status: StatusCode, content_type: &str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_str(content_type).expect("content types are visible ASCII");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
