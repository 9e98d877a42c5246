//! What the API has beyond the official one: groups page by page, deleting by selector, pushing many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use push_groups::{Content, GroupKey, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, json, json_data, refused, with_cors};
use crate::dry_run;
use crate::gateway::Group;
use crate::own::Rejected;
use crate::pushes::{Failure, failure, push_families, said};
use crate::query::parameters;
use crate::selector::Selector;
use crate::surface::{Asked, Surface};
use crate::wishes::{Wishes, flag, lives, mode_of};

/// How many groups a page of the list has, unless it is said.
const PAGE: usize = 100;

/// How many it may have.
const LONGEST_PAGE: usize = 1000;

/// `GET /api/v1/groups?limit=N&after=CURSOR&search=TEXT`: groups in the order of their labels, without their metrics.
pub(crate) async fn list(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let (mut limit, mut after, mut search) = (PAGE, None, String::new());
    for (name, value) in asked.parts.uri.query().map(parameters).unwrap_or_default() {
        match &*name {
            "limit" => match value.parse().ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit)) {
                Some(number) => limit = number,
                None => return bad(&format!("limit={value:?}: 1 to {LONGEST_PAGE} are wanted")),
            },
            "after" => match from_hex(&value) {
                Some(key) => after = Some(key),
                None => return bad(&format!("after={value:?}: it is the \"next\" of the page before")),
            },
            "search" => search = value,
            _ => {}
        }
    }
    let Some(groups) = groups(surface).await else { return unavailable(surface).await };
    let found = groups
        .iter()
        .filter(|group| after.as_deref().is_none_or(|after| group.key.as_bytes() > after))
        .filter(|group| group.key.labels().any(|(_, value)| value.contains(&search)));
    let mut page: Vec<&Group> = found.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|last| to_hex(last.key.as_bytes()));
    let page: Vec<Value> = page.into_iter().map(told).collect();
    json_data(&json!({ "groups": page, "all": groups.len(), "next": next }))
}

/// `DELETE /api/v1/groups?match[]=SELECTOR`: all groups that any of the selectors means; with `dry_run=1` they are told.
pub(crate) async fn delete(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let (mut selectors, mut is_dry) = (Vec::new(), false);
    for (name, value) in asked.parts.uri.query().map(parameters).unwrap_or_default() {
        let read = match &*name {
            "match[]" => Selector::parse(&value).map(|selector| selectors.push(selector)),
            "dry_run" => flag("dry_run", &value).map(|flag| is_dry = flag),
            _ => Ok(()),
        };
        if let Err(why) = read {
            return bad(&why);
        }
    }
    if selectors.is_empty() {
        return bad("match[] is missing: which groups, such as match[]={job=\"x\"}");
    }
    let Some(groups) = groups(surface).await else { return unavailable(surface).await };
    let meant = groups.into_iter().map(|group| group.key);
    let keys: Vec<GroupKey> =
        meant.filter(|key| selectors.iter().any(|selector| selector.matches(key))).collect();
    if is_dry {
        return dry_run::delete(surface, keys).await;
    }
    let mut deleted = Vec::with_capacity(keys.len());
    for key in keys {
        if let Err(refusal) = surface.gateway.delete(key.clone()).await {
            let failed = failure(refusal);
            let why = format!("{}; {} groups were deleted before it", failed.why, deleted.len());
            return with_cors(refused(failed.status, &why));
        }
        deleted.push(dry_run::labels(&key));
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

/// A group without its metrics.
fn told(group: &Group) -> Value {
    let content = Content::decode(&group.entry.content).unwrap_or_default();
    let series: usize = content.families.iter().map(|held| held.family.metrics.len()).sum();
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    json!({
        "labels": dry_run::labels(&group.key),
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

fn bad(why: &str) -> Answer {
    with_cors(refused(StatusCode::BAD_REQUEST, why))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
