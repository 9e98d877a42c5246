//! One group in the API: its families, the series of one of them a page at a time, and its end.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use push_groups::{Content, Family, Held, Metric, StoreError};
use serde_json::{Value, json};

use crate::answer::{Answer, json, json_data, refused, with_cors};
use crate::api::{push_family, type_word};
use crate::browse::{cut, find};
use crate::dry_run;
use crate::gateway::Group;
use crate::groups_api::{bad, foreign, is_foreign, told};
use crate::pushes::failure;
use crate::query::parameters;
use crate::stamp::stamp;
use crate::surface::{Asked, Surface};

/// How many series a page of a family has, unless it is said.
const PAGE: usize = 100;

/// How many it may have.
const LONGEST_PAGE: usize = 1000;

/// What is asked of a group.
#[derive(Debug, Default)]
struct Question {
    id: String,
    family: Option<String>,
    skip: usize,
    limit: Option<usize>,
    letters: Option<usize>,
}

/// `GET /api/v1/group?id=ID`: its families without their series. `&family=NAME&skip=N&limit=N`: series of one of them,
/// as `/api/v1/metrics` has them. `ID` is that of `/api/v1/groups`.
pub(crate) async fn show(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    let question = match question(asked) {
        Ok(question) => question,
        Err(why) => return bad(&why),
    };
    let known = surface.clone();
    let shown = tokio::task::spawn_blocking(move || {
        let Some(group) = find(&known.gateway, &question.id)? else {
            return Ok(absent());
        };
        let content = Content::decode(&group.entry.content).unwrap_or_default();
        let Some(name) = &question.family else { return Ok(families(&group, &content, question.letters)) };
        Ok::<Answer, StoreError>(match content.families.iter().find(|held| *held.family.name == **name) {
            Some(held) => series(&group, held, &question),
            None => with_cors(refused(StatusCode::NOT_FOUND, "the group has no such family")),
        })
    });
    match shown.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => with_cors(refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
        Err(_) => with_cors(refused(StatusCode::INTERNAL_SERVER_ERROR, "showing the group panicked")),
    }
}

/// `DELETE /api/v1/group?id=ID`.
pub(crate) async fn delete(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    if is_foreign(&asked.parts) {
        return foreign();
    }
    let question = match question(asked) {
        Ok(question) => question,
        Err(why) => return bad(&why),
    };
    let known = surface.clone();
    let found = tokio::task::spawn_blocking(move || find(&known.gateway, &question.id));
    let key = match found.await {
        Ok(Ok(Some(group))) => group.key,
        Ok(Ok(None)) => return absent(),
        Ok(Err(error)) => return with_cors(refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
        Err(_) => {
            return with_cors(refused(StatusCode::INTERNAL_SERVER_ERROR, "looking for the group panicked"));
        }
    };
    let labels = dry_run::labels(&key);
    match surface.gateway.delete(key).await {
        Ok(_) => json_data(&json!({ "deleted": [labels] })),
        Err(refusal) => {
            let failed = failure(refusal);
            with_cors(refused(failed.status, &failed.why))
        }
    }
}

fn question(asked: &Asked) -> Result<Question, String> {
    let mut question = Question::default();
    for (name, value) in asked.parts.uri.query().map(parameters).unwrap_or_default() {
        let number = || value.parse().map_err(|_| format!("{name}={value:?}: a number is wanted"));
        match &*name {
            "id" => question.id = value,
            "family" => question.family = Some(value),
            "skip" => question.skip = number()?,
            "limit" => question.limit = Some(number()?.clamp(1, LONGEST_PAGE)),
            "label_chars" => question.letters = Some(number()?.max(1)),
            _ => {}
        }
    }
    match question.id.is_empty() {
        true => Err("id is missing: the one that /api/v1/groups tells of a group".to_owned()),
        false => Ok(question),
    }
}

fn families(group: &Group, content: &Content, letters: Option<usize>) -> Answer {
    let families: Vec<Value> = content
        .families
        .iter()
        .map(|held| {
            json!({
                "name": &*held.family.name,
                "type": type_word(held.family.kind),
                "help": cut(&held.family.help.to_text(), letters),
                "time_stamp": stamp(time_of(group, held)),
                "series": held.family.metrics.len(),
            })
        })
        .collect();
    json_data(&json!({ "group": told(group, letters), "families": families }))
}

fn series(group: &Group, held: &Held, question: &Question) -> Answer {
    let cut = |text: &str| cut(text, question.letters);
    let metrics = held.family.metrics.iter().skip(question.skip).take(question.limit.unwrap_or(PAGE));
    let metrics = metrics.map(|metric| {
        let labels = metric.labels.iter().map(|(name, value)| (name.clone(), cut(value).into()));
        Metric { labels: labels.collect(), ..metric.clone() }
    });
    let shown = Family {
        name: held.family.name.clone(),
        help: (&*cut(&held.family.help.to_text())).into(),
        kind: held.family.kind,
        unit: held.family.unit.clone(),
        metrics: metrics.collect(),
    };
    let labels: Vec<(&str, String)> = group.key.labels().map(|(name, value)| (name, cut(value))).collect();
    let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, &**value)).collect();
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(b"{\"status\":\"success\",\"data\":{\"all\":");
    out.extend_from_slice(held.family.metrics.len().to_string().as_bytes());
    out.extend_from_slice(b",\"family\":");
    push_family(&mut out, &labels, &shown, time_of(group, held));
    out.extend_from_slice(b"}}\n");
    json(StatusCode::OK, vec![Bytes::from(out)])
}

fn time_of(group: &Group, held: &Held) -> u64 {
    if held.time == 0 { group.entry.pushed } else { held.time }
}

fn absent() -> Answer {
    with_cors(refused(StatusCode::NOT_FOUND, "there is no such group (any more)"))
}
