//! Pushing, deleting and wiping groups.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::CONTENT_ENCODING;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use metrics_core::Mode as Rule;
use push_groups::{
    Body, Coding, Family, GroupKey, Mode, Once, Push, ReadError, ReadLimits, Syntax, check, decode, read,
};

use crate::answer::{Answer, empty, refused};
use crate::dry_run;
use crate::gateway::{Done, Refusal};
use crate::own::{Rejected, own_name_clash};
use crate::path::{PathError, PushPath, label_pairs};
use crate::routes::Place;
use crate::split::split;
use crate::surface::{Asked, Surface, content_type};
use crate::wishes::Wishes;

/// Why something was not taken: what is answered, and what is counted.
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) why: String,
    pub(crate) counted: Rejected,
}

/// What the official gateway says in front of why a push does not fit.
const INCONSISTENT: &str = "pushed metrics are invalid or inconsistent with existing metrics";

/// `PUT` or `POST` to the path of a group.
pub(crate) async fn push(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let result = async {
        let key = PushPath::of(&asked.path).ok_or(PathError::NoJob).and_then(|path| path.key());
        push_to(surface, asked, key.map_err(path_failure)?, None).await
    };
    finish(surface, asked, result.await)
}

/// A push that adds up, to labels that need no job among them.
pub(crate) async fn aggregate(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let result = async {
        let labels = asked.path.strip_prefix(b"/metrics").unwrap_or_default();
        let key = aggregate_key(labels, &surface.options.default_job).map_err(path_failure)?;
        push_to(surface, asked, key, Some(Mode::Aggregate(Rule::Sum))).await.map(|mut answer| {
            *answer.status_mut() = StatusCode::ACCEPTED;
            answer
        })
    };
    finish(surface, asked, result.await)
}

/// `DELETE` of a group. Of one that cannot be there as well: it is not.
pub(crate) async fn delete(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let key = match PushPath::of(&asked.path).ok_or(PathError::NoJob).and_then(|path| path.key()) {
        Ok(key) => key,
        Err(PathError::NotUtf8 { .. }) => return empty(StatusCode::ACCEPTED),
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let wishes = match Wishes::of(&asked.parts.method, asked.parts.uri.query(), &asked.parts.headers) {
        Ok(wishes) => wishes,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    if wishes.dry_run {
        return dry_run::delete(surface, vec![key]).await;
    }
    match surface.gateway.delete(key).await {
        Ok(_) => empty(StatusCode::ACCEPTED),
        Err(refusal) => answer_failure(failure(refusal)),
    }
}

/// Deletes all groups.
pub(crate) async fn wipe(surface: &Arc<Surface>) -> Answer {
    match surface.gateway.wipe().await {
        Ok(_) => empty(StatusCode::ACCEPTED),
        Err(refusal) => answer_failure(failure(refusal)),
    }
}

/// Counts a request whose body did not arrive.
pub(crate) fn count_unread(surface: &Surface, place: Place, method: &Method, status: StatusCode) {
    let is_push = matches!(place, Place::Push | Place::Aggregate | Place::Page | Place::Ingest);
    if is_push && matches!(*method, Method::PUT | Method::POST) {
        surface.own.count("push", method, status);
        let is_limit = status == StatusCode::PAYLOAD_TOO_LARGE;
        surface.own.reject(if is_limit { Rejected::Limit } else { Rejected::Body });
    }
}

async fn push_to(
    surface: &Arc<Surface>,
    asked: &Asked,
    key: GroupKey,
    mode: Option<Mode>,
) -> Result<Answer, Failure> {
    let mut wishes = Wishes::of(&asked.parts.method, asked.parts.uri.query(), &asked.parts.headers)
        .map_err(|why| Failure::new(StatusCode::BAD_REQUEST, why, Rejected::Options))?;
    if let Some(mode) = mode
        && !asked.parts.uri.query().is_some_and(|query| query.contains("mode="))
    {
        wishes.mode = mode;
    }
    let said = said(surface, &asked.parts, &key, asked.body.clone());
    if wishes.dry_run {
        let said = said?;
        let groups = split(&key, said.families, &wishes.group_by).map_err(options_failure)?;
        return Ok(dry_run::push(surface, groups, wishes.mode).await);
    }
    let said = match said {
        Ok(said) => said,
        Err(failure) => return note(surface, key, failure).await,
    };
    if wishes.group_by.is_empty() {
        return push_families(surface, key, said.families, &wishes).await;
    }
    let groups = split(&key, said.families, &wishes.group_by).map_err(options_failure)?;
    let all = groups.len();
    let mut answer = empty(success(surface));
    for (done, (key, families)) in groups.into_iter().enumerate() {
        let named = key.to_string();
        answer = push_families(surface, key, families, &wishes).await.map_err(|failure| Failure {
            why: format!("group {named}: {}; of {all} groups {done} were changed before it", failure.why),
            ..failure
        })?;
    }
    Ok(answer)
}

/// Pushes families that were read already.
pub(crate) async fn push_families(
    surface: &Arc<Surface>,
    key: GroupKey,
    families: Vec<Family>,
    wishes: &Wishes,
) -> Result<Answer, Failure> {
    let checked = surface.options.checked;
    let lives = wishes.lives.unwrap_or(surface.options.lives);
    let once = wishes.once.as_deref().map(|id| once_of(id, &key, surface.options.once));
    let unfit = match check(&key, &families) {
        Ok(()) => own_name_clash(&surface.own_kinds, &families).filter(|_| checked),
        Err(inconsistent) => Some(inconsistent.to_string()),
    };
    if let Some(why) = unfit {
        return note(surface, key, inconsistent(why)).await;
    }
    let push = Push { key, mode: wishes.mode, families, lives, once, checked };
    match surface.gateway.push(push).await {
        Ok(done) => {
            if done == Done::Repeated {
                surface.own.repeat();
            }
            Ok(empty(success(surface)))
        }
        Err(refusal) => Err(failure(refusal)),
    }
}

/// A request counts once for each group that it changes.
fn once_of(id: &str, key: &GroupKey, keep: Duration) -> Once {
    let group = push_groups::series_hash("", &key.labels().collect::<Vec<_>>());
    Once { id: format!("{id}@{group:032x}").into(), keep }
}

/// What the body says.
pub(crate) fn said(surface: &Surface, parts: &Parts, key: &GroupKey, body: Bytes) -> Result<Body, Failure> {
    said_by(surface, parts, body, |syntax, body, limits| read(syntax, key, body, limits))
}

/// What the body says to this reader.
pub(crate) fn said_by(
    surface: &Surface,
    parts: &Parts,
    body: Bytes,
    read: impl FnOnce(Syntax, &[u8], &ReadLimits) -> Result<Body, ReadError>,
) -> Result<Body, Failure> {
    let coding = parts.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let limits = &surface.options.limits;
    let body = decode(Coding::of_content_encoding(coding), body, limits.bytes);
    let said = body.and_then(|body| read(Syntax::of_content_type(content_type(parts)), &body, limits));
    match said {
        Ok(said) if said.timestamps => {
            Err(inconsistent("pushed metrics must not have timestamps".to_owned()))
        }
        Ok(said) => Ok(said),
        Err(ReadError::Inconsistent(why)) => Err(inconsistent(why.to_string())),
        Err(ReadError::Limit(exceeded)) => {
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, exceeded.to_string(), Rejected::Limit))
        }
        Err(ReadError::Parse(why)) => Err(Failure::new(StatusCode::BAD_REQUEST, why, Rejected::Body)),
    }
}

/// Notes at the group that a push failed, if that is something that it remembers.
async fn note(surface: &Arc<Surface>, key: GroupKey, failed: Failure) -> Result<Answer, Failure> {
    if failed.counted != Rejected::Inconsistent {
        return Err(failed);
    }
    let checked = surface.options.checked;
    match surface.gateway.fail(key, String::new(), checked).await {
        Ok(_) | Err(Refusal::Inconsistent(_)) => {}
        Err(refusal) => return Err(failure(refusal)),
    }
    match checked {
        true => Err(failed),
        // Whoever is not checked is not told, as in the official gateway; only the time of the failure tells.
        false => {
            surface.own.reject(Rejected::Inconsistent);
            Ok(empty(StatusCode::ACCEPTED))
        }
    }
}

/// Counts a push, and answers it.
fn finish(surface: &Surface, asked: &Asked, result: Result<Answer, Failure>) -> Answer {
    let answer = result.unwrap_or_else(|failed| {
        surface.own.reject(failed.counted);
        answer_failure(failed)
    });
    let parts = &asked.parts;
    surface.own.count("push", &parts.method, answer.status());
    // As `computeApproximateRequestSize` of Prometheus' Go client.
    let headers: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let uri = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    let size = uri + parts.method.as_str().len() + "HTTP/1.1".len() + headers + asked.body.len();
    surface.own.observe_push(&parts.method, size, asked.since.elapsed());
    answer
}

fn answer_failure(failure: Failure) -> Answer {
    refused(failure.status, &failure.why)
}

fn success(surface: &Surface) -> StatusCode {
    if surface.options.checked { StatusCode::OK } else { StatusCode::ACCEPTED }
}

fn inconsistent(why: String) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, format!("{INCONSISTENT}: {why}"), Rejected::Inconsistent)
}

fn path_failure(error: PathError) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, error.to_string(), Rejected::Path)
}

fn options_failure(why: String) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, why, Rejected::Options)
}

/// What is said of a push that the gateway did not make.
pub(crate) fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Inconsistent(why) => inconsistent(why),
        Refusal::Groups(_) => {
            Failure::new(StatusCode::TOO_MANY_REQUESTS, refusal.to_string(), Rejected::Limit)
        }
        Refusal::Full | Refusal::Contended | Refusal::Closed | Refusal::Store(_) => {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string(), Rejected::Store)
        }
    }
}

/// The group of labels that need no job.
fn aggregate_key(labels: &[u8], job: &str) -> Result<GroupKey, PathError> {
    let mut pairs = label_pairs(labels)?;
    pairs.entry("job".to_owned()).or_insert_with(|| job.as_bytes().to_vec());
    let mut texts = Vec::with_capacity(pairs.len());
    for (name, value) in &pairs {
        let text = std::str::from_utf8(value)
            .map_err(|_| PathError::NotUtf8 { name: name.clone(), value: value.clone() })?;
        texts.push((&**name, text));
    }
    GroupKey::new(texts).map_err(|_| PathError::NoJob)
}

impl Failure {
    pub(crate) fn new(status: StatusCode, why: String, counted: Rejected) -> Failure {
        Failure { status, why, counted }
    }
}
