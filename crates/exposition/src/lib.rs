//! Pages that Prometheus reads: written, read, and chosen by what the reader asks for.
//!
//! Three deeds, each a free function:
//!
//! * [`encode`] writes a [`Snapshot`](metrics_core::Snapshot) as Prometheus text 0.0.4 or 1.0.0, or as
//!   OpenMetrics 1.0.0.
//! * [`parse`] reads any of them back; any bytes give a snapshot or an error with its line.
//! * [`negotiate`] answers an `Accept` header with a [`Format`] and its content type, [`negotiate_coding`]
//!   an `Accept-Encoding` header with a [`Coding`]. They always answer something that we can produce.
//!
//! ```
//! use std::sync::Arc;
//! use exposition::{Format, encode, parse};
//! use metrics_core::{FamilySnapshot, Kind, Label, Sample, Series, Snapshot};
//!
//! let get = Series::new("http_requests_total", [Label::new("method", "GET")]);
//! let snapshot = Snapshot {
//!     families: vec![FamilySnapshot {
//!         name: "http_requests".into(),
//!         help: "Requests served.".into(),
//!         unit: None,
//!         kind: Kind::Counter,
//!         bare: false,
//!         samples: vec![Sample::new(Arc::new(get), 3.0)],
//!     }],
//! };
//!
//! let mut page = Vec::new();
//! encode(Format::TEXT, &snapshot, &mut page);
//! assert_eq!(
//!     String::from_utf8_lossy(&page).lines().collect::<Vec<_>>(),
//!     [
//!         "# HELP http_requests_total Requests served.",
//!         "# TYPE http_requests_total counter",
//!         "http_requests_total{method=\"GET\"} 3.0",
//!     ],
//! );
//! assert_eq!(parse(Format::TEXT.syntax, &page)?, snapshot);
//! # Ok::<(), exposition::ParseError>(())
//! ```
//!
//! # What a page is compared with
//!
//! Text 0.0.4 and OpenMetrics come out byte for byte as client_python 0.26.0 prints the same families
//! (`exposition.py`, `openmetrics/exposition.py`), in its default name escaping. Prometheus and that client
//! read every page that [`encode`] writes of families that keep their format's rules. Where the *values* break
//! the rules, Python prints them all the same, and so do we:
//!
//! * label values that are not UTF-8 (the Ruby client's files can hold them), in every format;
//! * in OpenMetrics: `NaN` or negative counters and buckets, a `_sum` beside negative bounds, a histogram of
//!   which only some lines were asked for; samples that are no part of their family's kind;
//! * in OpenMetrics with escaped names: a state set whose name has a colon, which its label cannot have;
//! * quoted names, which Prometheus reads from version 3 on, only where they were asked for
//!   ([`Escaping::AllowUtf8`], never in text 0.0.4).
//!
//! Where Python's page would say two different things about one name, we follow Prometheus' own library
//! (common `expfmt`) instead: the name of a sample always agrees with that of its `# TYPE` line under all four
//! [`Escaping`]s, and a counter whose samples lack `_total` is `unknown` in OpenMetrics.
#![forbid(unsafe_code)]

mod format;

mod encode;
mod parse;

mod negotiate;

mod escape;
mod name;

pub use encode::{encode, prepare};
pub use escape::{push_help, push_quotable};
pub use format::{Escaping, Format, Syntax};
pub use negotiate::{Coding, Negotiated, negotiate, negotiate_coding};
pub use parse::{ParseError, parse};
