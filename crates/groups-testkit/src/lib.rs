//! What every store of pushed groups must do, for our stores and strangers'.
//!
//! [`ModelStore`] is the meaning of [`GroupStore`](push_groups::GroupStore) in the fewest words: it keeps no index, it
//! asks all groups. [`agrees`] does the same steps with a store and with the model, and compares all that they say.
#![forbid(unsafe_code)]

mod model;
mod steps;

pub use model::{Clock, ModelStore};
pub use steps::{Step, Tested, agrees, steps};
