//! Names of metrics and labels as a page prints them.

use std::io::Write;

use crate::escape::push_quotable;
use crate::format::Escaping;

/// Whether every reader takes `name` for a metric as it is.
pub(crate) fn is_legacy_metric(name: &str) -> bool {
    is_legacy(name, Subject::Metric)
}

/// Whether every reader takes `name` for a label as it is.
pub(crate) fn is_legacy_label(name: &str) -> bool {
    is_legacy(name, Subject::Label)
}

/// Whether the metric `name` stands in quotes, and therefore between the braces of its sample.
pub(crate) fn is_quoted_metric(name: &str, escaping: Escaping) -> bool {
    escaping == Escaping::AllowUtf8 && !name.is_empty() && !is_legacy_metric(name)
}

/// Appends the metric name `stem` + `suffix`, quoted where the scheme quotes it.
///
/// `suffix` is appended after escaping, so that the samples of a family agree with its name; its parts have
/// only characters that are always allowed.
pub(crate) fn push_metric(out: &mut Vec<u8>, stem: &str, suffix: [&str; 2], escaping: Escaping) {
    push(out, stem, suffix, escaping, Subject::Metric);
}

/// Appends the label name `name`, quoted where the scheme quotes it.
pub(crate) fn push_label(out: &mut Vec<u8>, name: &str, escaping: Escaping) {
    push(out, name, [""; 2], escaping, Subject::Label);
}

/// What a name is of: metrics may have colons in their names.
#[derive(Clone, Copy)]
enum Subject {
    Metric,
    Label,
}

fn is_legacy(name: &str, subject: Subject) -> bool {
    let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    // To the end even after a bad byte: without an early way out, the compiler looks at many bytes at a time.
    starts_well && name.bytes().fold(true, |all, byte| all & is_allowed_inside(byte, subject))
}

fn is_allowed(at: usize, character: char, subject: Subject) -> Option<u8> {
    let byte = u8::try_from(character).ok()?;
    (is_allowed_inside(byte, subject) && (at > 0 || !byte.is_ascii_digit())).then_some(byte)
}

fn is_allowed_inside(byte: u8, subject: Subject) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'_') | (byte == b':' && matches!(subject, Subject::Metric))
}

fn push(out: &mut Vec<u8>, stem: &str, suffix: [&str; 2], escaping: Escaping, subject: Subject) {
    let legacy = is_legacy(stem, subject);
    let quoted = escaping == Escaping::AllowUtf8 && !legacy && !stem.is_empty();
    match escaping {
        // No scheme makes a name out of nothing, and no page may hold an empty one.
        _ if stem.is_empty() => out.push(b'_'),
        _ if quoted => {
            out.push(b'"');
            push_quotable(out, stem.as_bytes());
        }
        Escaping::Dots => push_mapped(out, stem, subject, |out, character| match character {
            '.' => out.extend_from_slice(b"_dot_"),
            _ => out.extend_from_slice(b"__"),
        }),
        _ if legacy => out.extend_from_slice(stem.as_bytes()),
        Escaping::Values => {
            out.extend_from_slice(b"U__");
            push_mapped(out, stem, subject, |out, character| match character {
                '_' => out.extend_from_slice(b"__"),
                _ => write!(out, "_{:x}_", u32::from(character)).expect("a vector takes every write"),
            });
        }
        Escaping::Underscores | Escaping::AllowUtf8 => {
            push_mapped(out, stem, subject, |out, _| out.push(b'_'));
        }
    }
    for part in suffix {
        out.extend_from_slice(part.as_bytes());
    }
    if quoted {
        out.push(b'"');
    }
}

/// Appends `name` with `replace` called for each `_` and each character that is not allowed.
fn push_mapped(out: &mut Vec<u8>, name: &str, subject: Subject, replace: impl Fn(&mut Vec<u8>, char)) {
    for (at, character) in name.char_indices() {
        match is_allowed(at, character, subject) {
            Some(byte) if byte != b'_' => out.push(byte),
            _ => replace(out, character),
        }
    }
}

#[cfg(test)]
mod tests;
