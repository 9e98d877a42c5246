//! The Python and GitLab clients' keys: JSON arrays of family, sample name, labels and help.

mod decode;
mod encode;

pub(crate) use decode::{Spelling, decode, decode_labels, spelling};
pub(crate) use encode::{encode_gitlab, encode_python};

#[cfg(test)]
mod tests;
