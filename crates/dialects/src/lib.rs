//! The bytes, keys and file names of the Python, Ruby and GitLab clients: pure functions, total on any bytes.
#![forbid(unsafe_code)]

mod dialect;
mod file;
mod json;
mod key;
mod name;
mod query;
mod recognise;
mod record;
mod ruby_float;

pub use dialect::{Dialect, Era};
pub use file::{HEADER_LEN, grown_len, header, initial_len, used};
pub use key::{Key, decode_key, encode_key, keys};
pub use name::{FileName, file_name, is_metrics_file, parse_file_name};
pub use recognise::recognise;
pub use record::{Damage, Record, Records, push_record, record_len, records};
