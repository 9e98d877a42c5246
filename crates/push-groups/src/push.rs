//! A push, and the change that it is to the group that it finds.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::aggregate::{AggregateError, aggregate};
use crate::store::{Act, Change, Entry, Once, Version};
use crate::{Claims, Clash, Content, Family, GroupKey, Held, Label};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// Of which group.
    pub key: GroupKey,
    /// What becomes of what it holds.
    pub mode: Mode,
    /// What is pushed; no two families of one name, none of the two push times. One without metrics, which protobuf can
    /// tell, takes those of its name away ([`Mode::Replace`], [`Mode::Merge`]).
    pub families: Vec<Family>,
    /// How long it is to live from now on; none for ever.
    pub lives: Option<Duration>,
    /// So that the request counts once.
    pub once: Option<Once>,
    /// Whether it has to fit beside all other groups. One that need not is in nobody's way either.
    pub checked: bool,
}

/// What becomes of what a group holds when something is pushed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// All of it goes (`PUT`).
    Replace,
    /// Families of a pushed name go (`POST`).
    Merge,
    /// Series that are pushed take the place of the same ones, and all others stay; a family that is pushed with
    /// another type goes.
    Update,
    /// What is pushed is added to it ([`aggregate`]), gauges by this rule.
    Aggregate(metrics_core::Mode),
}

/// A change, and the state that the group has if it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// For the store.
    pub change: Change,
    /// What the group holds then: none where it is gone.
    pub content: Option<Content>,
}

/// Why a push makes nothing that a group could hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// One name as two things, or one series twice.
    Clash(Clash),
    /// It cannot be added to what is held.
    Aggregate(AggregateError),
}

/// The change that a push is to a group, as it was found. `gives` is the name of the state that it makes.
///
/// # Errors
/// Where what the group would hold excludes itself, or does not add up.
pub fn prepare(push: &Push, found: Option<&Entry>, gives: Version) -> Result<Prepared, Unfit> {
    let held = found.map(held).unwrap_or_default();
    let families: Vec<Held> = match push.mode {
        Mode::Replace => push.families.iter().cloned().map(fresh).collect(),
        Mode::Merge => {
            let pushed = |name: &str| push.families.iter().any(|family| &*family.name == name);
            let kept = held.families.iter().filter(|held| !pushed(&held.family.name));
            let kept = kept.map(|held| timed(held, found));
            kept.chain(push.families.iter().cloned().map(fresh)).collect()
        }
        Mode::Update => updated(&held, &push.families, found),
        Mode::Aggregate(gauges) => {
            let held: Vec<Held> = held.families.iter().map(|held| timed(held, found)).collect();
            aggregate(&held, &push.families, gauges).map_err(Unfit::Aggregate)?
        }
    };
    let families: Vec<Held> =
        families.into_iter().filter(|held: &Held| !held.family.metrics.is_empty()).collect();
    let content = Content { checked: push.checked, families };
    let claims = match Claims::of(&push.key, content.families.iter().map(|held| &held.family)) {
        Ok(claims) if push.checked => claims,
        Err(clash) if push.checked => return Err(Unfit::Clash(clash)),
        _ => Claims::default(),
    };
    let act = Act::Push { content: content.encode().into(), lives: push.lives };
    let claims = claims.since(&claimed(&push.key, found, &held));
    let expects = found.map(|entry| entry.version);
    let change = Change { key: push.key.clone(), expects, gives, act, claims, once: push.once.clone() };
    Ok(Prepared { change, content: Some(content) })
}

/// The change that says of a group, as it was found, that a push to it failed. One that is not there comes to be, empty,
/// and lives so long.
pub fn prepare_failure(
    key: &GroupKey,
    found: Option<&Entry>,
    gives: Version,
    lives: Option<Duration>,
    checked: bool,
) -> Prepared {
    let empty = Content { checked, families: Vec::new() };
    let (content, claims) = match found {
        Some(entry) => (held(entry), Default::default()),
        // The push times of a group with nothing else never exclude each other.
        None if checked => (empty, Claims::of(key, []).unwrap_or_default().since(&Claims::default())),
        None => (empty, Default::default()),
    };
    let act = Act::Fail { content: found.is_none().then(|| content.encode().into()), lives };
    let expects = found.map(|entry| entry.version);
    let change = Change { key: key.clone(), expects, gives, act, claims, once: None };
    Prepared { change, content: Some(content) }
}

/// The change by which a group that was found is no more.
pub fn prepare_delete(key: &GroupKey, found: &Entry, gives: Version) -> Prepared {
    let claims = Claims::default().since(&claimed(key, Some(found), &held(found)));
    let expects = Some(found.version);
    let change = Change { key: key.clone(), expects, gives, act: Act::Delete, claims, once: None };
    Prepared { change, content: None }
}

/// What an entry holds. One that cannot be read holds nothing, and claims nothing that could be given back.
fn held(entry: &Entry) -> Content {
    Content::decode(&entry.content).unwrap_or_default()
}

/// What a group that was found has in the index.
fn claimed(key: &GroupKey, found: Option<&Entry>, held: &Content) -> Claims {
    match found {
        Some(_) if held.checked => {
            Claims::of(key, held.families.iter().map(|held| &held.family)).unwrap_or_default()
        }
        _ => Claims::default(),
    }
}

/// What is held, with the series that are pushed in the place of the same ones.
fn updated(held: &Content, pushed: &[Family], found: Option<&Entry>) -> Vec<Held> {
    let of_name: HashMap<&str, &Family> = pushed.iter().map(|family| (&*family.name, family)).collect();
    let mut all: Vec<Held> = Vec::with_capacity(held.families.len() + pushed.len());
    for held in &held.families {
        match of_name.get(&*held.family.name) {
            None => all.push(timed(held, found)),
            Some(pushed) if pushed.kind != held.family.kind => all.push(fresh((*pushed).clone())),
            Some(pushed) => {
                let new: HashSet<&[Label]> = pushed.metrics.iter().map(|metric| &metric.labels[..]).collect();
                let kept = held.family.metrics.iter().filter(|metric| !new.contains(&metric.labels[..]));
                let metrics = kept.chain(&pushed.metrics).cloned().collect();
                all.push(fresh(Family { metrics, ..(*pushed).clone() }));
            }
        }
    }
    let known: HashSet<&str> = held.families.iter().map(|held| &*held.family.name).collect();
    all.extend(pushed.iter().filter(|family| !known.contains(&*family.name)).cloned().map(fresh));
    all
}

fn fresh(family: Family) -> Held {
    Held { family, time: 0 }
}

/// A family that stays, with the time at which it was pushed: the group is pushed to anew.
fn timed(held: &Held, found: Option<&Entry>) -> Held {
    let pushed = found.map_or(0, |entry| entry.pushed);
    Held { family: held.family.clone(), time: if held.time == 0 { pushed } else { held.time } }
}

#[cfg(test)]
mod tests;
