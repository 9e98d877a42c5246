//! One line of a page, read from left to right.

use metrics_core::Label;

use super::excerpt;
use crate::name::{is_legacy_label, is_legacy_metric};

/// How a format wants its blanks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// As many as one likes, tabs too, and none where they are not needed: text.
    Free,
    /// One where one belongs and none elsewhere: OpenMetrics.
    Single,
}

/// What is left of a line.
pub(super) struct Line<'a> {
    rest: &'a [u8],
    blanks: Blanks,
}

/// Why a line is wrong; the reader of the page adds its number.
pub(super) type Why = String;

impl<'a> Line<'a> {
    pub(super) fn new(line: &'a [u8], blanks: Blanks) -> Line<'a> {
        Line { rest: line, blanks }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `byte` if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        match self.rest.strip_prefix(&[byte]) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Skips blanks where they are free.
    pub(super) fn skip_blanks(&mut self) {
        if self.blanks == Blanks::Free {
            let at = self.rest.iter().position(|byte| !is_blank(byte)).unwrap_or(self.rest.len());
            self.rest = self.rest.get(at..).unwrap_or_default();
        }
    }

    /// Takes the blank between two parts of a line, or all of them where they are free.
    pub(super) fn gap(&mut self) -> Result<(), Why> {
        if !self.rest.first().is_some_and(is_blank) || (self.blanks == Blanks::Single && !self.take(b' ')) {
            return Err(format!("expected a blank, found {}", self.found()));
        }
        self.skip_blanks();
        Ok(())
    }

    /// Whether the line goes on; takes the blank before what follows.
    pub(super) fn next_part(&mut self) -> Result<bool, Why> {
        if self.is_at_end() {
            return Ok(false);
        }
        self.gap()?;
        Ok(true)
    }

    /// Takes what stands before the next blank, perhaps nothing.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let at = self.rest.iter().position(is_blank).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(at);
        self.rest = rest;
        word
    }

    /// Takes the name of a family, plain or quoted.
    pub(super) fn metric_name(&mut self) -> Result<String, Why> {
        if self.rest.first() == Some(&b'"') {
            return self.quoted_name();
        }
        self.plain_metric_name()
    }

    /// Takes `name{labels}`, `name` or `{"name",labels}`.
    pub(super) fn series(&mut self) -> Result<(String, Vec<Label>), Why> {
        let outside = match self.rest.first() {
            Some(b'{') => None,
            _ => Some(self.plain_metric_name()?),
        };
        self.skip_blanks();
        let (inside, labels) = match self.rest.first() {
            Some(b'{') => self.labels()?,
            _ => (None, Vec::new()),
        };
        match (outside, inside) {
            (Some(name), None) | (None, Some(name)) => Ok((name, labels)),
            (Some(name), Some(_)) => Err(format!("{name} has a second name in its braces")),
            (None, None) => Err("the braces have no metric name in front and none in quotes".to_owned()),
        }
    }

    fn plain_metric_name(&mut self) -> Result<String, Why> {
        self.plain_name(b":", is_legacy_metric)
            .ok_or_else(|| format!("expected a metric name, found {}", self.found()))
    }

    fn plain_label_name(&mut self) -> Result<String, Why> {
        self.plain_name(b"", is_legacy_label)
            .ok_or_else(|| format!("expected a label name, found {}", self.found()))
    }

    /// Takes `{...}`: at most one quoted metric name, and labels.
    pub(super) fn labels(&mut self) -> Result<(Option<String>, Vec<Label>), Why> {
        let (mut name, mut labels) = (None, Vec::new());
        if !self.take(b'{') {
            return Err(format!("expected '{{', found {}", self.found()));
        }
        self.skip_blanks();
        while !self.take(b'}') {
            let quoted = self.rest.first() == Some(&b'"');
            let part = if quoted { self.quoted_name()? } else { self.plain_label_name()? };
            self.skip_blanks();
            if self.take(b'=') {
                self.skip_blanks();
                let value = self.quoted()?.into();
                labels.push(Label { name: part.into(), value });
            } else if quoted && name.is_none() {
                name = Some(part);
            } else {
                return Err(format!("expected '=' after {part:?}, found {}", self.found()));
            }
            self.skip_blanks();
            if self.take(b',') {
                self.skip_blanks();
                if self.blanks == Blanks::Single && self.rest.first() == Some(&b'}') {
                    return Err("a comma before '}'".to_owned());
                }
            } else if self.rest.first() != Some(&b'}') {
                return Err(format!("expected ',' or '}}', found {}", self.found()));
            }
        }
        check_label_names(&labels)?;
        Ok((name, labels))
    }

    /// Takes a name of the characters that are allowed without quotes.
    fn plain_name(&mut self, also: &[u8], is_legacy: fn(&str) -> bool) -> Option<String> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || also.contains(byte);
        let at = self.rest.iter().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(at);
        let name = std::str::from_utf8(name).ok().filter(|name| is_legacy(name))?;
        self.rest = rest;
        Some(name.to_owned())
    }

    fn quoted_name(&mut self) -> Result<String, Why> {
        match String::from_utf8(self.quoted()?) {
            Ok(name) if name.is_empty() => Err("a name is empty".to_owned()),
            Ok(name) => Ok(name),
            Err(error) => Err(format!("the name {} is not UTF-8", excerpt(error.as_bytes()))),
        }
    }

    /// Takes `"..."` and undoes its escapes.
    fn quoted(&mut self) -> Result<Vec<u8>, Why> {
        if !self.take(b'"') {
            return Err(format!("expected '\"', found {}", self.found()));
        }
        let mut text = Vec::new();
        while let Some(at) = memchr::memchr2(b'"', b'\\', self.rest) {
            let (plain, rest) = self.rest.split_at(at);
            text.extend_from_slice(plain);
            self.rest = rest;
            if self.take(b'"') {
                return Ok(text);
            }
            text.push(match self.rest {
                [b'\\', b'n', ..] => b'\n',
                [b'\\', byte @ (b'\\' | b'"'), ..] => *byte,
                _ => return Err(format!("unknown escape in a quote, {}", self.found())),
            });
            self.rest = self.rest.get(2..).unwrap_or_default();
        }
        Err("a quote is not closed".to_owned())
    }

    /// Takes a number.
    pub(super) fn number(&mut self) -> Result<f64, Why> {
        let rest = self.rest;
        let word = self.word();
        number(word).ok_or_else(|| {
            format!("expected a number, found {}", found(if word.is_empty() { rest } else { word }))
        })
    }

    /// What comes next, for an error message.
    pub(super) fn found(&self) -> String {
        found(self.rest)
    }
}

fn found(rest: &[u8]) -> String {
    if rest.is_empty() { "the end of the line".to_owned() } else { excerpt(rest) }
}

/// The number that `word` is to Go's `ParseFloat` and to Python's `float`: decimal, `Inf`, `Infinity` or `NaN`
/// in any case, not hexadecimal, not too large.
pub(super) fn number(word: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    let is_too_large = number.is_infinite() && word.iter().any(u8::is_ascii_digit);
    let is_signed_nan = number.is_nan() && !word.eq_ignore_ascii_case(b"nan");
    (!is_too_large && !is_signed_nan).then_some(number)
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn check_label_names(labels: &[Label]) -> Result<(), Why> {
    let mut names: Vec<&str> = labels.iter().map(|label| &*label.name).collect();
    names.sort_unstable();
    if names.contains(&"__name__") {
        return Err("the label name \"__name__\" is reserved".to_owned());
    }
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([name, ..]) => Err(format!("the label {name:?} occurs twice")),
        _ => Ok(()),
    }
}
