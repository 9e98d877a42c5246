//! A push gateway: pushes in order, one page of all groups, and the HTTP surface around them.
//!
//! [`Gateway`] is the gateway without its surface: it takes pushes, whatever they came by, and prints the page.
//! [`Surface`] shows it by HTTP as the official push gateway is shown, byte for byte where that has no fault, and
//! [`serve`] answers on a listener:
//!
//! | path | what |
//! |---|---|
//! | `PUT`, `POST`, `DELETE` `/metrics/job/JOB{/NAME/VALUE}` | a group: [`PushPath`] |
//! | `GET /metrics` | the page of all groups |
//! | `/api/v1/status`, `/api/v1/metrics`, `/api/v1/admin/wipe` | as the official one |
//! | `/api/v1/groups`, `/api/v1/push` | groups page by page, deleted by selector or search, pushed many at once |
//! | `/api/v1/group` | a group: its families, series of one of them, deleting it |
//! | `/`, `/status`, `/static/...` | for people with a browser |
//! | `/-/healthy`, `/-/ready`, `/-/quit`, `/-/reload` | for those who run it |
//!
//! A push may say more than the official one hears: `?mode=`, `?gauges=`, `?ttl=`, `?group_by=`, `?dry_run=1`, and the
//! headers `X-Push-TTL` and `Idempotency-Key`.
#![forbid(unsafe_code)]

mod gateway;

mod surface;

mod server;

mod tls;

mod stream;

mod path;
mod routes;

mod accept;
mod browse;
mod duration;
mod query;
mod selector;
mod wishes;

mod api;
mod dry_run;
mod group_api;
mod groups_api;
mod guard;
mod ingest;
mod pushes;
mod scrape;
mod split;

mod web;

mod answer;
mod packed;
mod stamp;

mod own;
mod own_process;
mod quantiles;

mod board;
mod committer;
mod heads;
mod reason;
mod shard;

pub use answer::{Answer, Pieces};
pub use duration::parse_duration;
pub use gateway::{Done, Gateway, GatewayOptions, Group, Groups, PrintedPage, Refusal, Shown};
pub use path::{PathError, PushPath};
pub use routes::Routes;
pub use server::serve;
pub use stamp::stamp;
pub use surface::{Reload, Surface, SurfaceOptions, respond};
pub use tls::tls_config;
