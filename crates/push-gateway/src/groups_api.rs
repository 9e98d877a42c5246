//! What the API has beyond the official one: groups page by page, deleting by selector, pushing many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::http::request::Parts;
use push_groups::{Content, GroupKey, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::answer::{Answer, json, json_data, refused, with_cors};
use crate::browse::{Browse, Search, cut, id_of};
use crate::dry_run;
use crate::gateway::Group;
use crate::own::Rejected;
use crate::pushes::{Failure, failure, push_families, said};
use crate::query::parameters;
use crate::selector::Selector;
use crate::surface::{Asked, Surface};
use crate::wishes::{Wishes, flag, lives, mode_of};

/// How many deletions are under way at once: they share a write to disk.
const AT_ONCE: usize = 256;

/// `GET /api/v1/groups?limit=N&after=CURSOR&search=WORDS&sort=name|pushed&label_chars=N`: groups without their metrics.
pub(crate) async fn list(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let parameters = asked.parts.uri.query().map(parameters).unwrap_or_default();
    let browse = match Browse::of(&parameters) {
        Ok(browse) => browse,
        Err(why) => return bad(&why),
    };
    let known = surface.clone();
    let page = tokio::task::spawn_blocking(move || {
        let page = browse.page(&known.gateway)?;
        let groups: Vec<Value> = page.groups.iter().map(|group| told(group, browse.letters)).collect();
        let next = page.next.map(|place| place.cursor());
        Ok::<Value, StoreError>(
            json!({ "groups": groups, "all": page.all, "found": page.found, "next": next }),
        )
    });
    match page.await {
        Ok(Ok(page)) => json_data(&page),
        Ok(Err(error)) => with_cors(refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
        Err(_) => with_cors(refused(StatusCode::INTERNAL_SERVER_ERROR, "listing the groups panicked")),
    }
}

/// `DELETE /api/v1/groups?match[]=SELECTOR` or `?search=WORDS`: all groups that any of the selectors means, or that the
/// search finds; with `dry_run=1` they are told. With `expect=N` it is done if they are so many.
pub(crate) async fn delete(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    if is_foreign(&asked.parts) {
        return foreign();
    }
    let (mut selectors, mut search, mut expected, mut is_dry) = (Vec::new(), Search::default(), None, false);
    for (name, value) in asked.parts.uri.query().map(parameters).unwrap_or_default() {
        let read = match &*name {
            "match[]" => Selector::parse(&value).map(|selector| selectors.push(selector)),
            "search" => Search::of(&value).map(|read| search = read),
            "expect" => match value.parse::<usize>() {
                Ok(number) => {
                    expected = Some(number);
                    Ok(())
                }
                Err(_) => Err(format!("expect={value:?}: a number of groups is wanted")),
            },
            "dry_run" => flag("dry_run", &value).map(|flag| is_dry = flag),
            _ => Ok(()),
        };
        if let Err(why) = read {
            return bad(&why);
        }
    }
    if selectors.is_empty() && search.is_empty() {
        return bad("match[] is missing: which groups, such as match[]={job=\"x\"}, or search=x");
    }
    let Some(groups) = groups(surface).await else { return unavailable(surface).await };
    let mut text = String::new();
    let mut is_meant = |key: &GroupKey| {
        let is_found = !search.is_empty() && search.finds(key, &mut text);
        is_found || selectors.iter().any(|selector| selector.matches(key))
    };
    let keys: Vec<GroupKey> = groups.into_iter().map(|group| group.key).filter(|key| is_meant(key)).collect();
    if is_dry {
        let would = |key: &GroupKey| json!({ "labels": dry_run::labels(key), "would": "delete" });
        let groups: Vec<Value> = keys.iter().map(would).collect();
        return json_data(&json!({ "dry_run": true, "groups": groups }));
    }
    if let Some(expected) = expected.filter(|expected| *expected != keys.len()) {
        let why = format!("{expected} groups were expected and there are {}; none was deleted", keys.len());
        return with_cors(refused(StatusCode::CONFLICT, &why));
    }
    let mut deleted: Vec<Value> = Vec::with_capacity(keys.len());
    for some in keys.chunks(AT_ONCE) {
        let mut under_way = JoinSet::new();
        for key in some {
            let (surface, key) = (surface.clone(), key.clone());
            under_way.spawn(async move { surface.gateway.delete(key).await });
        }
        for ended in under_way.join_all().await {
            if let Err(refusal) = ended {
                let failed = failure(refusal);
                let why = format!("{}; {} groups or more were deleted before it", failed.why, deleted.len());
                return with_cors(refused(failed.status, &why));
            }
        }
        deleted.extend(some.iter().map(dry_run::labels));
    }
    json_data(&json!({ "deleted": deleted }))
}

/// One line of a push of many groups.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    labels: BTreeMap<String, String>,
    /// Text of the format 0.0.4, or OpenMetrics where `content_type` says so.
    metrics: String,
    content_type: Option<String>,
    mode: Option<String>,
    ttl: Option<String>,
}

/// `POST /api/v1/push`: a line of JSON for each group. Each is taken or not for itself; the answer tells of each.
pub(crate) async fn push(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let parts = &asked.parts;
    let wishes = match Wishes::of(&parts.method, parts.uri.query(), &parts.headers) {
        Ok(wishes) => wishes,
        Err(why) => return bad(&why),
    };
    let mut worst = StatusCode::OK;
    let mut told = Vec::new();
    for (at, line) in asked.body.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let result = push_line(surface, asked, line, &wishes).await;
        let (status, why) = match &result {
            Ok(answer) => (answer.status(), None),
            Err(failed) => (failed.status, Some(&failed.why)),
        };
        if let Err(failed) = &result {
            surface.own.reject(failed.counted);
        }
        worst = worst.max(status);
        let mut one = json!({ "line": at + 1, "code": status.as_u16() });
        if let (Some(why), Some(one)) = (why, one.as_object_mut()) {
            one.insert("error".to_owned(), why.as_str().into());
        }
        told.push(one);
    }
    let word = if worst.is_success() { "success" } else { "error" };
    let whole = json!({ "status": word, "data": told });
    json(worst, vec![Bytes::from(format!("{whole}\n"))])
}

async fn push_line(
    surface: &Arc<Surface>,
    asked: &Asked,
    line: &[u8],
    wishes: &Wishes,
) -> Result<Answer, Failure> {
    let bad = |why: String| Failure::new(StatusCode::BAD_REQUEST, why, Rejected::Options);
    let line: Line = serde_json::from_slice(line)
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string(), Rejected::Body))?;
    let key = GroupKey::new(line.labels.iter().map(|(name, value)| (&**name, &**value)))
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string(), Rejected::Path))?;
    let mut wishes = wishes.clone();
    if let Some(mode) = &line.mode {
        wishes.mode = mode_of(mode).map_err(bad)?;
    }
    if let Some(ttl) = &line.ttl {
        wishes.lives = Some(lives("ttl", ttl).map_err(bad)?);
    }
    let mut parts = asked.parts.clone();
    parts.headers.remove(hyper::header::CONTENT_ENCODING);
    parts.headers.remove(hyper::header::CONTENT_TYPE);
    if let Some(content_type) = line.content_type.as_deref().and_then(|text| text.parse().ok()) {
        parts.headers.insert(hyper::header::CONTENT_TYPE, content_type);
    }
    let said = said(surface, &parts, &key, line.metrics.into())?;
    push_families(surface, key, said.families, &wishes).await
}

/// A group without its metrics, values of labels cut behind so many letters.
pub(crate) fn told(group: &Group, letters: Option<usize>) -> Value {
    let content = Content::decode(&group.entry.content).unwrap_or_default();
    let series: usize = content.families.iter().map(|held| held.family.metrics.len()).sum();
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    let labels: serde_json::Map<String, Value> =
        group.key.labels().map(|(name, value)| (name.to_owned(), cut(value, letters).into())).collect();
    json!({
        "id": id_of(&group.key),
        "labels": labels,
        "push_time_seconds": seconds(group.entry.pushed),
        "push_failure_time_seconds": seconds(group.entry.failed),
        "expires_seconds": group.entry.expires.map(|milliseconds| milliseconds as f64 / 1e3),
        "families": content.families.len(),
        "series": series,
    })
}

async fn groups(surface: &Arc<Surface>) -> Option<Vec<Group>> {
    let surface = surface.clone();
    let known = tokio::task::spawn_blocking(move || surface.gateway.groups());
    known.await.ok()?.ok().map(|groups| groups.groups)
}

/// Why there are no groups now.
async fn unavailable(surface: &Arc<Surface>) -> Answer {
    let surface = surface.clone();
    let known = tokio::task::spawn_blocking(move || surface.gateway.groups().map(|_| ()));
    let why: Option<StoreError> = known.await.ok().and_then(Result::err);
    let why =
        why.map_or_else(|| "the groups could not be read; now they can be".to_owned(), |why| why.to_string());
    with_cors(refused(StatusCode::SERVICE_UNAVAILABLE, &why))
}

pub(crate) fn bad(why: &str) -> Answer {
    with_cors(refused(StatusCode::BAD_REQUEST, why))
}

/// Whether a browser says that a page of another site asks. Any site that somebody looks at could delete groups, else,
/// of every gateway that this browser reaches.
///
/// Source: <https://www.w3.org/TR/fetch-metadata/>; browsers without that say the origin.
pub(crate) fn is_foreign(parts: &Parts) -> bool {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = header("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let host = header("host").or(parts.uri.authority().map(|authority| authority.as_str()));
    header("origin").is_some_and(|origin| origin.split_once("://").map(|(_, its)| its) != host)
}

/// The refusal of what [`is_foreign`].
pub(crate) fn foreign() -> Answer {
    with_cors(refused(StatusCode::FORBIDDEN, "pages of other sites may not delete"))
}
