//! What a request says about a push besides its group and its body: query parameters and headers.

use std::time::Duration;

use hyper::{HeaderMap, Method};
use metrics_core::Mode as Rule;
use push_groups::Mode;

use crate::duration::parse_duration;
use crate::query::parameters;

/// What is wished for. Parameters of other names are ignored, as the official gateway ignores all of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wishes {
    pub(crate) mode: Mode,
    /// How long the group is to live: `None` where nothing is said, `Some(None)` for ever.
    pub(crate) lives: Option<Option<Duration>>,
    /// The name of the request, so that it counts once.
    pub(crate) once: Option<String>,
    /// Labels by whose values the body is split into groups.
    pub(crate) group_by: Vec<String>,
    /// To say what would happen, and do nothing.
    pub(crate) dry_run: bool,
}

/// The longest name of a request.
const LONGEST_ID: usize = 128; // bytes

impl Wishes {
    /// What the request of this method wishes for.
    ///
    /// # Errors
    /// Where one of ours has a value that cannot be understood: which, and what it may be.
    pub(crate) fn of(method: &Method, query: Option<&str>, headers: &HeaderMap) -> Result<Wishes, String> {
        let mut mode = if method == Method::POST { Mode::Merge } else { Mode::Replace };
        let mut wishes = Wishes { mode, lives: None, once: None, group_by: Vec::new(), dry_run: false };
        if let Some(ttl) = header(headers, "x-push-ttl")? {
            wishes.lives = Some(lives("X-Push-TTL", ttl)?);
        }
        if let Some(id) = header(headers, "idempotency-key")? {
            if id.is_empty() || id.len() > LONGEST_ID {
                return Err(format!("Idempotency-Key has {} bytes: 1 to {LONGEST_ID} are wanted", id.len()));
            }
            wishes.once = Some(id.to_owned());
        }
        let mut gauges = None;
        for (name, value) in query.map(parameters).unwrap_or_default() {
            match &*name {
                "mode" => mode = mode_of(&value)?,
                "gauges" => gauges = Some(rule_of(&value)?),
                "ttl" => wishes.lives = Some(lives("ttl", &value)?),
                "group_by" => {
                    let labels = value.split(',').filter(|label| !label.is_empty());
                    wishes.group_by.extend(labels.map(str::to_owned));
                }
                "dry_run" => wishes.dry_run = flag("dry_run", &value)?,
                _ => {}
            }
        }
        wishes.mode = match (mode, gauges) {
            (Mode::Aggregate(_), Some(rule)) => Mode::Aggregate(rule),
            (_, Some(_)) => return Err("gauges is for mode=aggregate alone".to_owned()),
            (mode, None) => mode,
        };
        if let Some(label) = wishes.group_by.iter().find(|label| !push_groups::is_group_label(label)) {
            return Err(format!("group_by: improper label name {label:?}"));
        }
        Ok(wishes)
    }
}

/// `replace`, `merge` or `aggregate`.
pub(crate) fn mode_of(text: &str) -> Result<Mode, String> {
    match text {
        "replace" => Ok(Mode::Replace),
        "merge" => Ok(Mode::Merge),
        "aggregate" => Ok(Mode::Aggregate(Rule::MostRecent)),
        _ => Err(format!("mode={text:?}: there are replace, merge and aggregate")),
    }
}

/// How gauges are added up.
pub(crate) fn rule_of(text: &str) -> Result<Rule, String> {
    match text {
        "sum" => Ok(Rule::Sum),
        "min" => Ok(Rule::Min),
        "max" => Ok(Rule::Max),
        "first" => Ok(Rule::First),
        "last" => Ok(Rule::MostRecent),
        _ => Err(format!("gauges={text:?}: there are sum, min, max, last and first")),
    }
}

/// A length of time that something lives; 0 is for ever.
pub(crate) fn lives(name: &str, text: &str) -> Result<Option<Duration>, String> {
    let time = parse_duration(text).ok_or_else(|| {
        format!("{name}={text:?}: a length of time such as 90, 90s or 1h30m is wanted, or 0 for ever")
    })?;
    Ok(Some(time).filter(|time| !time.is_zero()))
}

/// `1`, `true`, and nothing at all; `0` and `false`.
pub(crate) fn flag(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(format!("{name}={text:?}: 1 or 0 is wanted")),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, String> {
    let value = headers.get(name).map(|value| value.to_str().map(str::trim));
    value.transpose().map_err(|_| format!("{name} is not plain text"))
}

#[cfg(test)]
mod tests;
