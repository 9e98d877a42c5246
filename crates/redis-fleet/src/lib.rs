//! What the processes of an application keep in Redis, on however many machines they are: read into a page, and what
//! the dead have counted kept.
//!
//! [`FleetSource`] reads what `store-redis` writes, in two round trips; a [`Janitor`] takes the dead out. Both may be
//! there as often as one likes. [`Inside`] shows a person all that is there, and what is wrong with it. The protocol is described in `redis-schema`, in `PROTOCOL.md`.
//!
//! ```no_run
//! use std::time::Duration;
//! use collector::{Ask, Collector};
//! use redis_fleet::{FleetSource, Janitor};
//! use redis_link::{Address, Timeouts};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let address = Address::parse("redis://127.0.0.1/0")?;
//! let source = FleetSource::new(address.clone(), "multiprom", Timeouts::default())?;
//! let page = Collector::new(vec![Box::new(source)]).collect(&Ask::default()).await?;
//! println!("{} families", page.families.len());
//!
//! let mut janitor = Janitor::new(address, "multiprom", Timeouts::default(), Duration::from_secs(15))?;
//! println!("{} processes were dead", janitor.tidy()?);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod fleet;
mod index;
mod inside;
mod janitor;
mod kept;
mod retired;
mod sealed;
mod shards;
mod shared;
mod source;
mod thinning;

pub use inside::{Fault, FaultSort, Inside, Keeper, Number, Refusal, SharedFamily, SharedNumber, shards};
pub use janitor::{Janitor, JanitorError};
pub use source::FleetSource;
pub use thinning::Keeping;
