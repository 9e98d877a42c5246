//! A text page 0.0.4, read from its first byte to its last as the official push gateway reads it.
//!
//! Source: `expfmt/text_parse.go` of Prometheus' Go library (common), and what the official gateway 1.5.1 answers.

mod cursor;
mod families;

use cursor::{Cursor, NameBytes, Why};
use families::{Families, Number};

use super::labels::{Group, Labels};
use super::number::number;
use super::{Body, Exceeded, Limit, ReadError, ReadLimits};
use crate::{GroupKey, Help, quoted, quoted_byte};

pub(super) fn read(key: &GroupKey, body: &[u8], limits: &ReadLimits) -> Result<Body, ReadError> {
    read_in(Group::new(key), body, limits)
}

/// Reads what is pushed to a group that does this to labels.
pub(super) fn read_in(group: Group<'_>, body: &[u8], limits: &ReadLimits) -> Result<Body, ReadError> {
    let mut reader = Reader {
        cursor: Cursor::new(body),
        families: Families::new(group),
        labels: Labels::default(),
        samples: limits.samples,
        timestamps: false,
        limits,
    };
    let mut line = 1;
    while let Some(byte) = reader.cursor.first_of_line() {
        let read = match byte {
            b'\n' => {
                reader.cursor.skip();
                Ok(())
            }
            b'#' => reader.comment(),
            _ => reader.sample(),
        };
        read.map_err(|why| why.at(line))?;
        line += 1;
    }
    Ok(Body { families: reader.families.finish(), timestamps: reader.timestamps })
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    families: Families<'a>,
    /// The labels of the line, used again for the next.
    labels: Labels<'a>,
    /// How many more there may be.
    samples: usize,
    timestamps: bool,
    limits: &'a ReadLimits,
}

impl<'a> Reader<'a> {
    /// The next byte is a `#`.
    fn comment(&mut self) -> Result<(), Why> {
        let cursor = &mut self.cursor;
        cursor.skip();
        cursor.skip_blanks();
        if cursor.takes_line_end()? {
            return Ok(());
        }
        let word = cursor.word()?;
        if cursor.takes_line_end()? {
            return Ok(());
        }
        let is_help = match word {
            b"HELP" => true,
            b"TYPE" => false,
            _ => return cursor.skip_line(),
        };
        cursor.skip_blanks();
        cursor.peek()?;
        let name = cursor.name(&NameBytes::METRIC)?;
        // A line that says nothing is no error.
        if cursor.takes_line_end()? {
            return Ok(());
        }
        if !matches!(cursor.peek()?, b' ' | b'\t') {
            return Err("invalid metric name in comment".into());
        }
        let place = self.families.place(name);
        cursor.skip_blanks();
        if cursor.takes_line_end()? {
            return Ok(());
        }
        let family = self.families.at(place);
        if is_help {
            if family.help.is_some() {
                return Err(format!("second HELP line for metric name {:?}", family.name).into());
            }
            family.help = Some(Help::from(&*cursor.help()?));
        } else {
            if family.kind.is_some() {
                let name = family.name;
                let why = "or TYPE reported after samples";
                return Err(format!("second TYPE line for metric name {name:?}, {why}").into());
            }
            let word = cursor.rest_of_line()?;
            let kind = families::kind(&word);
            family.kind = Some(kind.ok_or_else(|| format!("unknown metric type {}", quoted(&word)))?);
        }
        Ok(())
    }

    /// The next byte is the first one of a name.
    fn sample(&mut self) -> Result<(), Why> {
        let name = self.cursor.name(&NameBytes::METRIC)?;
        if name.is_empty() {
            return Err("invalid metric name".into());
        }
        let place = self.families.place(name);
        let mut bound = None;
        self.labels.clear();
        self.cursor.skip_blanks();
        if self.cursor.peek()? == b'{' {
            bound = self.labels(place)?;
        }
        let word = self.cursor.word()?;
        let value = number(word).ok_or_else(|| format!("expected float as value, got {}", quoted(word)))?;
        if !self.cursor.takes_line_end()? {
            self.timestamp()?;
        }
        let Some(left) = self.samples.checked_sub(1) else {
            return Err(Exceeded { limit: Limit::Samples, allowed: self.limits.samples }.into());
        };
        self.samples = left;
        self.families.add(place, &mut self.labels, Number { value, bound });
        Ok(())
    }

    /// Reads `{...}` and the blanks behind it. What the label says that the family has for its own use, if it is there.
    fn labels(&mut self, place: families::Place) -> Result<Option<f64>, Why> {
        let mut bound = None;
        let bound_label = self.families.at(place).bound_label();
        let cursor = &mut self.cursor;
        let family = |families: &mut Families<'a>| families.at(place).name;
        cursor.skip();
        loop {
            cursor.skip_blanks();
            if cursor.peek()? == b'}' {
                break;
            }
            let name = cursor.name(&NameBytes::LABEL)?;
            if name.is_empty() {
                let family = family(&mut self.families);
                return Err(format!("invalid label name for metric {family:?}").into());
            }
            if name == "__name__" {
                return Err("label name \"__name__\" is reserved".into());
            }
            cursor.skip_blanks();
            match cursor.peek()? {
                b'=' => cursor.skip(),
                other => {
                    let other = quoted_byte(other);
                    return Err(format!("expected '=' after label name, found {other}").into());
                }
            }
            let is_bound = bound_label == Some(name);
            if !is_bound && self.labels.has(name) {
                let family = family(&mut self.families);
                return Err(format!("duplicate label names for metric {family:?}").into());
            }
            cursor.skip_blanks();
            match cursor.peek()? {
                b'"' => cursor.skip(),
                other => {
                    let other = quoted_byte(other);
                    return Err(format!("expected '\"' at start of label value, found {other}").into());
                }
            }
            let value = cursor.label_value()?;
            if name.len() > self.limits.label_name {
                return Err(Exceeded { limit: Limit::LabelName, allowed: self.limits.label_name }.into());
            }
            if value.len() > self.limits.label_value {
                return Err(Exceeded { limit: Limit::LabelValue, allowed: self.limits.label_value }.into());
            }
            if is_bound {
                let number = number(value.as_bytes()).ok_or_else(|| {
                    let value = quoted(value.as_bytes());
                    format!("expected float as value for '{name}' label, got {value}")
                })?;
                bound = Some(number);
            }
            cursor.skip_blanks();
            let next = cursor.peek()?;
            if !matches!(next, b',' | b'}') {
                let value = quoted(value.as_bytes());
                return Err(format!("unexpected end of label value {value}").into());
            }
            if !is_bound {
                self.labels.push((name, value));
            }
            if next == b'}' {
                break;
            }
            cursor.skip();
        }
        cursor.skip();
        cursor.skip_blanks();
        Ok(bound)
    }

    /// Reads what stands behind the blank behind a value.
    fn timestamp(&mut self) -> Result<(), Why> {
        self.cursor.skip_blanks();
        self.cursor.peek()?;
        let word = self.cursor.word()?;
        let is_integer = std::str::from_utf8(word).is_ok_and(|word| word.parse::<i64>().is_ok());
        if !is_integer {
            return Err(format!("expected integer as timestamp, got {}", quoted(word)).into());
        }
        let rest = self.cursor.rest_of_line()?;
        if !rest.is_empty() {
            return Err(format!("spurious string after timestamp: {}", quoted(&rest)).into());
        }
        self.timestamps = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
