//! Answers: a status, headers, and a body in pieces.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

/// The body of an answer: pieces that are sent as they are, without being joined.
#[derive(Debug, Default)]
pub struct Pieces {
    rest: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl Pieces {
    /// A body of these pieces.
    pub fn new(pieces: Vec<Bytes>) -> Pieces {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Pieces { rest: pieces.into_iter(), left }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.rest.find(|piece| !piece.is_empty());
        self.left -= next.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// An answer as all of ours are.
pub type Answer = Response<Pieces>;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Success without a word.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Pieces::default());
    *answer.status_mut() = status;
    answer
}

/// A body of a type.
pub(crate) fn typed(status: StatusCode, content_type: HeaderValue, pieces: Vec<Bytes>) -> Answer {
    let mut answer = Response::new(Pieces::new(pieces));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// A text as it is.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, TEXT, vec![body.into()])
}

/// A refusal, as Go's `http.Error` words it.
pub(crate) fn refused(status: StatusCode, why: &str) -> Answer {
    let mut answer = text(status, format!("{why}\n"));
    let nosniff = HeaderValue::from_static("nosniff");
    answer.headers_mut().insert(HeaderName::from_static("x-content-type-options"), nosniff);
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// The path takes other methods.
pub(crate) fn not_allowed(allow: &str) -> Answer {
    with_allow(refused(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"), allow)
}

/// With the methods that a path takes.
pub(crate) fn with_allow(mut answer: Answer, allow: &str) -> Answer {
    if let Ok(allow) = HeaderValue::from_str(allow) {
        answer.headers_mut().insert(ALLOW, allow);
    }
    answer
}

/// What the API says.
pub(crate) fn json(status: StatusCode, pieces: Vec<Bytes>) -> Answer {
    with_cors(typed(status, JSON, pieces))
}

/// What the API says of success: `data` is JSON.
pub(crate) fn json_data(data: &serde_json::Value) -> Answer {
    let whole = serde_json::json!({ "status": "success", "data": data });
    json(StatusCode::OK, vec![format!("{whole}\n").into()])
}

/// As all answers of the API are: pages of other sites may read them.
///
/// Source: `api/v1/api.go` of the official push gateway.
pub(crate) fn with_cors(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    for (name, value) in [
        ("access-control-allow-headers", "Accept, Authorization, Content-Type, Origin"),
        ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "Date"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    answer
}
