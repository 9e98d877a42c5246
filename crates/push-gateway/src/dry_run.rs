//! What would happen, told and not done.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::StatusCode;
use push_groups::{
    Claims, Content, Entry, Family, GroupKey, Mode, Push, StoreError, Unfit, Version, check, prepare,
};
use serde_json::{Value, json};

use crate::answer::{Answer, json_data, refused, with_cors};
use crate::gateway::Group;
use crate::reason::{clash_reason, unfit_reason};
use crate::surface::Surface;

/// What a push of these groups would make of what is held, and whether it would be made.
///
/// All groups are looked at for that, so it costs more than the push.
pub(crate) async fn push(surface: &Arc<Surface>, groups: Vec<(GroupKey, Vec<Family>)>, mode: Mode) -> Answer {
    let known = surface.clone();
    told(surface, move |held| {
        let checked = known.options.checked;
        let told = groups.into_iter().map(|(key, families)| {
            let push = Push { key, mode, families, lives: None, once: None, checked };
            would_push(&push, held)
        });
        json!({ "dry_run": true, "groups": told.collect::<Vec<_>>() })
    })
    .await
}

/// Which of these groups would go.
pub(crate) async fn delete(surface: &Arc<Surface>, keys: Vec<GroupKey>) -> Answer {
    told(surface, move |held| {
        let there = held.iter().filter(|group| keys.contains(&group.key));
        let groups: Vec<Value> =
            there.map(|group| json!({ "labels": labels(&group.key), "would": "delete" })).collect();
        json!({ "dry_run": true, "groups": groups })
    })
    .await
}

/// The labels of a group as JSON.
pub(crate) fn labels(key: &GroupKey) -> Value {
    let labels: serde_json::Map<String, Value> =
        key.labels().map(|(name, value)| (name.to_owned(), value.into())).collect();
    labels.into()
}

async fn told(surface: &Arc<Surface>, tell: impl FnOnce(&[Group]) -> Value + Send + 'static) -> Answer {
    let surface = surface.clone();
    let told = tokio::task::spawn_blocking(move || {
        let groups = surface.gateway.groups()?.groups;
        Ok::<Value, StoreError>(tell(&groups))
    });
    match told.await {
        Ok(Ok(told)) => json_data(&told),
        Ok(Err(error)) => with_cors(refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
        Err(_) => with_cors(refused(StatusCode::INTERNAL_SERVER_ERROR, "working it out panicked")),
    }
}

fn would_push(push: &Push, held: &[Group]) -> Value {
    let found = held.iter().find(|group| group.key == push.key).map(|group| &*group.entry);
    let before = sizes(found);
    let prepared = prepare(push, found, Version(1));
    let reason = match (&prepared, check(&push.key, &push.families)) {
        (_, Err(inconsistent)) => Some(inconsistent.to_string()),
        (Err(unfit), _) => Some(unfit_reason(unfit)),
        (Ok(_), _) => clash(push, found, held),
    };
    let after = match &prepared {
        Ok(prepared) => prepared.content.as_ref().map(of_content).unwrap_or_default(),
        Err(Unfit::Clash(_) | Unfit::Aggregate(_)) => before.clone(),
    };
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let families: serde_json::Map<String, Value> = names
        .into_iter()
        .map(|name| {
            let pushed = push.families.iter().any(|family| *family.name == **name);
            let would = match (before.get(name), after.get(name), pushed) {
                (None, _, _) => "add",
                (Some(_), None, _) => "delete",
                (Some(_), Some(_), false) => "keep",
                (Some(_), Some(_), true) if matches!(push.mode, Mode::Aggregate(_)) => "aggregate",
                (Some(_), Some(_), true) => "replace",
            };
            let series = |sizes: &BTreeMap<String, usize>| sizes.get(name).copied().unwrap_or(0);
            let told =
                json!({ "would": would, "series_before": series(&before), "series_after": series(&after) });
            (name.clone(), told)
        })
        .collect();
    let would = match (&reason, found) {
        (Some(_), _) => "refuse",
        (None, Some(_)) => "change",
        (None, None) => "create",
    };
    let mut told = json!({ "labels": labels(&push.key), "would": would, "families": families });
    if let (Some(reason), Some(told)) = (reason, told.as_object_mut()) {
        told.insert("reason".to_owned(), reason.into());
    }
    told
}

/// What of all other groups excludes what the push would show.
fn clash(push: &Push, found: Option<&Entry>, held: &[Group]) -> Option<String> {
    if !push.checked {
        return None;
    }
    let change = prepare(push, found, Version(1)).ok()?.change.claims;
    for group in held.iter().filter(|group| group.key != push.key) {
        let content = Content::decode(&group.entry.content).unwrap_or_default();
        let claims = match Claims::of(&group.key, content.families.iter().map(|held| &held.family)) {
            Ok(claims) if content.checked => claims,
            // Who is not checked is in nobody's way.
            _ => continue,
        };
        for (name, pushed) in &change.names_taken {
            if let Some(held) = claims.names.get(name).filter(|held| *held != pushed) {
                let clash = push_groups::Clash::Name { name: name.clone(), pushed: *pushed, held: *held };
                return Some(clash_reason(&clash, Some(push)));
            }
        }
        if let Some(hash) = change.series_taken.iter().find(|hash| claims.series.binary_search(hash).is_ok())
        {
            return Some(clash_reason(&push_groups::Clash::Series(*hash), Some(push)));
        }
    }
    None
}

/// How many series each family has.
fn sizes(entry: Option<&Entry>) -> BTreeMap<String, usize> {
    entry
        .and_then(|entry| Content::decode(&entry.content).ok())
        .map(|content| of_content(&content))
        .unwrap_or_default()
}

fn of_content(content: &Content) -> BTreeMap<String, usize> {
    let families = content.families.iter().map(|held| &held.family);
    families.map(|family| (family.name.to_string(), family.metrics.len())).collect()
}
