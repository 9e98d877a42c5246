//! Something that is wrong with a metrics directory: where, why, and what to do.

use std::path::Path;

use serde::Serialize;

use crate::inside::output::{Output, Tint};
use crate::inside::text::visible;

/// See the head of this file. `--json` prints it so: names and words are promised in `--help`.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    pub(crate) what: What,
    /// The file, the directory, or the address of the database.
    pub(crate) path: String,
    /// Of a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    pub(crate) offset: Option<usize>,
    pub(crate) why: String,
    pub(crate) advice: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Weight {
    /// Numbers are missing or wrong, or will be.
    Fault,
    /// Worth knowing; pages are right.
    Remark,
}

/// What sort of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    DirectoryUnreadable,
    DirectoryNotWritable,
    NoFiles,
    Unreadable,
    NotRegular,
    Foreign,
    UnknownKind,
    Empty,
    NegativeUsed,
    Damaged,
    BadKey,
    DuplicateSeries,
    LeftOver,
    KindsDiffer,
    ModesDiffer,
    HelpDiffers,
    BucketsDiffer,
    ProcessClash,
    DialectsMixed,
    DatabaseUnreadable,
    /// Of what is found in databases only the word is known here.
    #[serde(untagged)]
    Database(&'static str),
}

impl Finding {
    pub(crate) fn fault(
        what: What,
        path: &Path,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        let path = path.to_string_lossy().into_owned();
        Finding::fault_in(what, &path, None, why, advice)
    }

    pub(crate) fn remark(
        what: What,
        path: &Path,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding { weight: Weight::Remark, ..Finding::fault(what, path, why, advice) }
    }

    /// In a database, under this key.
    pub(crate) fn fault_in(
        what: What,
        address: &str,
        key: Option<&str>,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        let (path, key) = (address.to_owned(), key.map(str::to_owned));
        Finding {
            weight: Weight::Fault,
            what,
            path,
            key,
            offset: None,
            why: why.into(),
            advice: advice.into(),
        }
    }

    pub(crate) fn remark_in(
        what: What,
        address: &str,
        key: Option<&str>,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding { weight: Weight::Remark, ..Finding::fault_in(what, address, key, why, advice) }
    }

    pub(crate) fn at(self, offset: usize) -> Finding {
        Finding { offset: Some(offset), ..self }
    }

    /// What is wrong, and below it what to do.
    pub(crate) fn print(&self, out: &mut Output) -> anyhow::Result<()> {
        let mut place = visible(self.path.as_bytes());
        if let Some(key) = &self.key {
            place = format!("{place} {}", visible(key.as_bytes()));
        }
        let place = match self.offset {
            Some(offset) => format!("{place} at {offset}"),
            None => place,
        };
        let tint = if self.weight == Weight::Fault { Tint::Bad } else { Tint::Odd };
        let remark = if self.weight == Weight::Remark { "remark: " } else { "" };
        let (why, advice) = (visible(self.why.as_bytes()), visible(self.advice.as_bytes()));
        out.paragraph(&[(&place, Tint::Plain), (": ", Tint::Plain), (remark, tint), (&why, tint)])?;
        out.paragraph(&[("  = ", Tint::Plain), (&advice, Tint::Dim)])
    }
}
