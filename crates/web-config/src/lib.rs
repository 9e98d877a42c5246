//! The web configuration file of Prometheus exporters: TLS, users, headers; read anew when it changes.
//!
//! The file is that of Prometheus' exporter-toolkit (`--web.config.file`), which all official programs share: the
//! same keys, the same defaults, and a key that is not known is an error. One key is ours: `basic_auth_scopes` says
//! what each user may do.
//!
//! ```
//! let text = "basic_auth_users:\n  job: $2b$04$DP3Dv4nJsuI8w9iIJXnpjO8gjiZF9ZLdGl3v9ucQtrH0fDSK4WvZG\n\
//!             basic_auth_scopes:\n  job: [push]\n";
//! let config = web_config::WebConfig::parse(text, "web.yml".as_ref())?;
//! assert!(config.has_users());
//! assert_eq!(config.http2, true);
//! # Ok::<(), web_config::WebConfigError>(())
//! ```
#![forbid(unsafe_code)]

mod config;
mod error;
mod watched;

mod clients;
mod tls;
mod users;

pub use config::WebConfig;
pub use error::WebConfigError;
pub use users::{Access, Scope};
pub use watched::WatchedConfig;
