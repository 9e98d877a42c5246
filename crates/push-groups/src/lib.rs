//! What is pushed, as values: groups, how bodies are read, what may stand beside what, and the page that comes of it.
//!
//! A job that lives too shortly to be scraped pushes its families to a gateway, under a [`GroupKey`]; the gateway
//! shows them until they are deleted or expire. This crate holds all of that which needs no network and no disk:
//!
//! * A body becomes [`Family`] values, each with its [`Metric`]s: [`decode`] undoes its coding, [`read`](fn@read) reads
//!   it, [`check`](fn@check) says whether one page could show it.
//! * What a group holds at rest is its [`Content`], as bytes.
//! * What a group shows is put into [`Claims`], so that whether a push fits beside all other groups costs what the
//!   push costs.
//! * A [`Page`] follows the groups and prints what they show.
//! * [`GroupStore`] is what a gateway asks of the place where groups are kept.
//!
//! The rules are those of the official push gateway 1.5.1; where it has a fault that hurts, ours are better, and the
//! difference is told where it is made.
#![forbid(unsafe_code)]

mod family;
mod key;

mod names;
mod quote;

mod check;
mod read;

mod claims;
mod content;

mod aggregate;
mod push;

mod store;

mod page;

pub use aggregate::{AggregateError, Misfit, aggregate};
pub use check::check;
pub use claims::{ClaimChange, Claims, Clash, PART, PUSH_TIMES, series_hash, tag, tag_word};
pub use content::{Content, ContentError, Held};
pub use family::{Bucket, Exemplar, Family, Help, Label, Labels, Metric, Value, series_labels};
pub use key::{GroupKey, KeyError, is_group_label};
pub use names::{is_label_name, is_metric_name};
pub use page::{Hidden, Page, PageFormat, Piece, push_go_number};
pub use push::{Mode, Prepared, Push, Unfit, prepare, prepare_delete, prepare_failure};
pub use quote::{quoted, quoted_byte};
pub use read::{
    Body, Coding, Exceeded, Inconsistent, Limit, ReadError, ReadLimits, Syntax, decode, read, read_family,
    read_flat,
};
pub use store::{Act, Change, Cursor, Entry, GroupStore, Once, Outcome, StoreError, Updates, Version};
