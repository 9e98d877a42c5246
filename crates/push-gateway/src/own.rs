//! The gateway's own metrics: what was asked of it, and how it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::{Method, StatusCode};
use metrics_core::Kind;
use push_groups::{Family, Hidden, Metric, Value, tag};

use crate::own_process::process_families;
use crate::quantiles::Quantiles;

/// What was asked of the gateway. Counted where it happens; the locks are short.
#[derive(Debug, Default)]
pub(crate) struct OwnMetrics {
    requests: Mutex<BTreeMap<(&'static str, u16, String), u64>>,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
    duration: [Quantiles; 2],
    size: [Quantiles; 2],
    repeated: Mutex<u64>,
}

/// Why pushes were not taken: the values of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The path names no group.
    Path,
    /// A query parameter or a header that cannot be understood.
    Options,
    /// The body is not of its form, or did not arrive.
    Body,
    /// It does not fit what is held.
    Inconsistent,
    /// It is more than a limit allows.
    Limit,
    /// The store did not take it.
    Store,
}

/// How the gateway is at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Condition {
    pub(crate) groups: usize,
    pub(crate) hidden: Hidden,
    pub(crate) waiting: usize,
    pub(crate) connections: usize,
    /// For how long the store has not answered.
    pub(crate) stale: Option<Duration>,
}

/// The methods that push, as they stand on the page.
const PUSHING: [&str; 2] = ["post", "put"];

impl OwnMetrics {
    /// A request was answered.
    pub(crate) fn count(&self, handler: &'static str, method: &Method, status: StatusCode) {
        let key = (handler, status.as_u16(), method.as_str().to_ascii_lowercase());
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// A push was answered: of about so many bytes, in this time.
    pub(crate) fn observe_push(&self, method: &Method, bytes: usize, duration: Duration) {
        let at = usize::from(*method == Method::PUT);
        self.size[at].observe(bytes as f64);
        self.duration[at].observe(duration.as_secs_f64());
    }

    /// A push was not taken.
    pub(crate) fn reject(&self, why: Rejected) {
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner).entry(why.word()).or_default() += 1;
    }

    /// A push had been made before.
    pub(crate) fn repeat(&self) {
        *self.repeated.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// The names that [`families`](OwnMetrics::families) may have, with their types.
    pub(crate) fn names(&self) -> Vec<(Box<str>, Kind)> {
        let mut names: Vec<(Box<str>, Kind)> = self
            .families(&Condition::default())
            .into_iter()
            .map(|family| (family.name, family.kind))
            .collect();
        // These are not there before they were counted.
        names.push(("pushgateway_http_requests_total".into(), Kind::Counter));
        for name in ["pushgateway_http_push_duration_seconds", "pushgateway_http_push_size_bytes"] {
            names.push((name.into(), Kind::Summary));
        }
        names
    }

    /// As families of a page.
    pub(crate) fn families(&self, condition: &Condition) -> Vec<Family> {
        let mut families = process_families();
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let requests = requests.iter().map(|((handler, code, method), count)| {
            let code = code.to_string();
            number(&[("code", &code), ("handler", handler), ("method", method)], *count as f64)
        });
        families.push(family(Kind::Counter, "pushgateway_http_requests_total", REQUESTS, requests.collect()));
        let of_methods = |all: &[Quantiles; 2]| {
            let pairs = PUSHING.iter().zip(all.iter().map(Quantiles::value));
            let pairs = pairs.filter(|(_, value)| !matches!(value, Value::Summary { count: 0, .. }));
            pairs.map(|(method, value)| metric(&[("method", method)], value)).collect::<Vec<_>>()
        };
        let duration = of_methods(&self.duration);
        families.push(family(Kind::Summary, "pushgateway_http_push_duration_seconds", DURATION, duration));
        families.push(family(
            Kind::Summary,
            "pushgateway_http_push_size_bytes",
            SIZE,
            of_methods(&self.size),
        ));
        let version = env!("CARGO_PKG_VERSION");
        let build = [
            ("branch", ""),
            ("goarch", std::env::consts::ARCH),
            ("goos", std::env::consts::OS),
            ("goversion", ""),
            ("revision", ""),
            ("version", version),
        ];
        families.push(family(Kind::Gauge, "pushgateway_build_info", BUILD, vec![number(&build, 1.0)]));
        let rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rejected = Rejected::ALL.iter().map(|why| {
            number(&[("reason", why.word())], rejected.get(why.word()).map_or(0.0, |count| *count as f64))
        });
        families.push(family(
            Kind::Counter,
            "pushgateway_rejected_pushes_total",
            REJECTED,
            rejected.collect(),
        ));
        let repeated = *self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        let mut one = |kind, name, help, value: f64| {
            families.push(family(kind, name, help, vec![number(&[], value)]));
        };
        one(Kind::Counter, "pushgateway_repeated_pushes_total", REPEATED, repeated as f64);
        one(Kind::Gauge, "pushgateway_groups", GROUPS, condition.groups as f64);
        one(Kind::Gauge, "pushgateway_hidden_families", HIDDEN_FAMILIES, condition.hidden.families as f64);
        one(Kind::Gauge, "pushgateway_hidden_series", HIDDEN_SERIES, condition.hidden.series as f64);
        one(Kind::Gauge, "pushgateway_waiting_pushes", WAITING, condition.waiting as f64);
        one(Kind::Gauge, "pushgateway_http_connections", CONNECTIONS, condition.connections as f64);
        one(Kind::Gauge, "pushgateway_store_up", UP, if condition.stale.is_none() { 1.0 } else { 0.0 });
        let age = condition.stale.unwrap_or_default().as_secs_f64();
        one(Kind::Gauge, "pushgateway_store_age_seconds", AGE, age);
        families.retain(|family| !family.metrics.is_empty());
        families
    }
}

/// Whether pushed families leave the names of the gateway's own to those: else why not.
pub(crate) fn own_name_clash(own: &[(Box<str>, Kind)], pushed: &[Family]) -> Option<String> {
    pushed.iter().find_map(|family| {
        let (name, kind) = own.iter().find(|(name, _)| *name == family.name)?;
        (tag(*kind) != tag(family.kind)).then(|| {
            let word = |kind: Kind| push_groups::tag_word(tag(kind)).to_ascii_uppercase();
            format!(
                "gathered metric family {name} has type {} but should have {}",
                word(family.kind),
                word(*kind)
            )
        })
    })
}

const REQUESTS: &str = "Total HTTP requests processed by the Pushgateway, excluding scrapes.";
const DURATION: &str = "HTTP push duration, partitioned by method.";
const SIZE: &str = "HTTP push size, partitioned by method.";
const BUILD: &str = "A metric with a constant '1' value labeled by version, revision, branch, goversion from which \
                     pushgateway was built, and the goos and goarch for the build.";
const REJECTED: &str = "Pushes that were not taken, by reason.";
const REPEATED: &str =
    "Pushes that had been made before, by their Idempotency-Key, and so did not count again.";
const GROUPS: &str = "Groups that are shown.";
const HIDDEN_FAMILIES: &str =
    "Families of groups that the last page left out, since another group has the name for something else.";
const HIDDEN_SERIES: &str = "Series that the last page left out, since another group shows them.";
const WAITING: &str = "Pushes that wait to be kept.";
const CONNECTIONS: &str = "Connections that are open.";
const UP: &str = "Whether the store of groups answered when it was last asked.";
const AGE: &str = "How old what is shown is where the store does not answer; else 0.";

impl Rejected {
    const ALL: [Rejected; 6] = [
        Rejected::Path,
        Rejected::Options,
        Rejected::Body,
        Rejected::Inconsistent,
        Rejected::Limit,
        Rejected::Store,
    ];

    fn word(self) -> &'static str {
        match self {
            Rejected::Path => "path",
            Rejected::Options => "options",
            Rejected::Body => "body",
            Rejected::Inconsistent => "inconsistent",
            Rejected::Limit => "limit",
            Rejected::Store => "store",
        }
    }
}

/// A family of ours.
pub(crate) fn family(kind: Kind, name: &str, help: &str, metrics: Vec<Metric>) -> Family {
    Family { name: name.into(), help: help.into(), kind, unit: "".into(), metrics }
}

/// A number with labels, their names ascending.
pub(crate) fn number(labels: &[(&str, &str)], value: f64) -> Metric {
    metric(labels, Value::Number { value, exemplar: None })
}

fn metric(labels: &[(&str, &str)], value: Value) -> Metric {
    let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Metric { labels, value, created: None }
}
