//! The Python and GitLab clients' keys: JSON arrays of family, sample name, labels and help.

mod decode;
mod encode;

pub(crate) use decode::{Spelling, decode, spelling, split_value, value_ranges};
pub(crate) use encode::{encode_gitlab, encode_python};

#[cfg(test)]
mod tests;
