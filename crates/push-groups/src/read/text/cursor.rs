//! A place on a text page: what comes next, and what it is made of.

use std::borrow::Cow;

use crate::names::{continues_label_name, continues_metric_name, starts_label_name, starts_metric_name};
use crate::quoted;
use crate::read::{Exceeded, ReadError};

/// What is left of a page. All that is taken is behind a check of what comes; a line feed is never stepped over
/// unawares.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// The whole page, where it is UTF-8: asked once, as asking for each word takes longer than reading it.
    page: Option<&'a str>,
}

/// Why a line is wrong.
pub(super) enum Why {
    /// The page ends in it.
    End,
    /// What is wrong.
    Is(String),
    /// It is too much.
    Limit(Exceeded),
}

/// Which bytes names are made of.
pub(super) struct NameBytes([u8; 256]);

impl NameBytes {
    const NONE: u8 = 0;
    const CONTINUES: u8 = 1;
    const STARTS: u8 = 2;

    /// Of metrics.
    pub(super) const METRIC: NameBytes = NameBytes::new(true);
    /// Of labels.
    pub(super) const LABEL: NameBytes = NameBytes::new(false);

    const fn new(is_metric: bool) -> NameBytes {
        let (mut table, mut byte) = ([NameBytes::NONE; 256], 0);
        while byte <= u8::MAX as usize {
            let (starts, continues) = match is_metric {
                true => (starts_metric_name(byte as u8), continues_metric_name(byte as u8)),
                false => (starts_label_name(byte as u8), continues_label_name(byte as u8)),
            };
            table[byte] = match () {
                () if starts => NameBytes::STARTS,
                () if continues => NameBytes::CONTINUES,
                () => NameBytes::NONE,
            };
            byte += 1;
        }
        NameBytes(table)
    }

    fn of(&self, byte: u8) -> u8 {
        self.0[usize::from(byte)]
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(page: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: page, page: std::str::from_utf8(page).ok() }
    }

    /// The first byte of a line that is no blank, at which the cursor then is; none at the end of the page, which may
    /// stand here alone.
    pub(super) fn first_of_line(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.rest.first().copied()
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Result<u8, Why> {
        self.rest.first().copied().ok_or(Why::End)
    }

    /// Steps over the next byte.
    pub(super) fn skip(&mut self) {
        self.rest = self.rest.split_first().map_or(self.rest, |(_, rest)| rest);
    }

    pub(super) fn skip_blanks(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Steps over the line feed, if it is next.
    pub(super) fn takes_line_end(&mut self) -> Result<bool, Why> {
        let is_end = self.peek()? == b'\n';
        if is_end {
            self.skip();
        }
        Ok(is_end)
    }

    /// What stands before the next blank or line feed, perhaps nothing.
    pub(super) fn word(&mut self) -> Result<&'a [u8], Why> {
        self.take_while(|byte| !matches!(byte, b' ' | b'\t' | b'\n'))
    }

    /// A name of these bytes, all of them ASCII; empty where the next byte starts none.
    #[inline]
    pub(super) fn name(&mut self, bytes: &NameBytes) -> Result<&'a str, Why> {
        if bytes.of(self.peek()?) != NameBytes::STARTS {
            return Ok("");
        }
        let name = self.take_while(|byte| bytes.of(byte) != NameBytes::NONE)?;
        // A table has no byte that is not ASCII.
        Ok(self.text(name).unwrap_or_default())
    }

    /// The bytes that were just taken as text, if they are UTF-8.
    fn text(&self, taken: &'a [u8]) -> Option<&'a str> {
        let Some(page) = self.page else { return std::str::from_utf8(taken).ok() };
        let end = page.len() - self.rest.len();
        page.get(end - taken.len()..end)
    }

    #[inline]
    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> Result<&'a [u8], Why> {
        let end = self.rest.iter().position(|byte| !is_part(*byte)).ok_or(Why::End)?;
        Ok(self.take(end))
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// What stands before the next `"`, without its escapes; steps over the quote.
    pub(super) fn label_value(&mut self) -> Result<Cow<'a, str>, Why> {
        let invalid = |value: &[u8]| Why::from(format!("invalid label value {}", quoted(value)));
        let mut value = Vec::new();
        loop {
            let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | b'\n');
            let end = self.rest.iter().position(|byte| !is_plain(byte)).ok_or(Why::End)?;
            let plain = self.take(end);
            let byte = self.peek()?;
            if byte == b'"' && value.is_empty() {
                let value = self.text(plain).ok_or_else(|| invalid(plain))?;
                self.skip();
                return Ok(value.into());
            }
            value.extend_from_slice(plain);
            self.skip();
            match byte {
                b'"' => {
                    let value = String::from_utf8(value).map_err(|error| invalid(error.as_bytes()))?;
                    return Ok(value.into());
                }
                b'\n' => {
                    let value = quoted(&value);
                    return Err(format!("label value {value} contains unescaped new-line").into());
                }
                _ => value.push(self.escaped(b"\\\"")?),
            }
        }
    }

    /// The help text from here on, without its escapes; steps over the line feed.
    pub(super) fn help(&mut self) -> Result<Cow<'a, [u8]>, Why> {
        let mut help = Cow::Borrowed(&[][..]);
        loop {
            let end = memchr::memchr2(b'\\', b'\n', self.rest).ok_or(Why::End)?;
            let plain = self.take(end);
            let is_end = self.takes_line_end()?;
            if is_end && help.is_empty() {
                return Ok(Cow::Borrowed(plain));
            }
            help.to_mut().extend_from_slice(plain);
            if is_end {
                return Ok(help);
            }
            self.skip();
            help.to_mut().push(self.escaped(b"\\")?);
        }
    }

    /// What stands behind a backslash: `n`, or one of these.
    fn escaped(&mut self, themselves: &[u8]) -> Result<u8, Why> {
        let byte = self.peek()?;
        self.skip();
        match byte {
            b'n' => Ok(b'\n'),
            _ if themselves.contains(&byte) => Ok(byte),
            _ => Err(format!("invalid escape sequence '\\{}'", char::from(byte)).into()),
        }
    }

    /// What is left of the line; steps over its line feed. Backslashes are lost, as they are to the official gateway.
    pub(super) fn rest_of_line(&mut self) -> Result<Cow<'a, [u8]>, Why> {
        let end = memchr::memchr(b'\n', self.rest).ok_or(Why::End)?;
        let line = self.take(end);
        self.skip();
        match line.contains(&b'\\') {
            true => Ok(line.iter().copied().filter(|byte| *byte != b'\\').collect()),
            false => Ok(Cow::Borrowed(line)),
        }
    }

    pub(super) fn skip_line(&mut self) -> Result<(), Why> {
        let end = memchr::memchr(b'\n', self.rest).ok_or(Why::End)?;
        self.take(end);
        self.skip();
        Ok(())
    }
}

impl Why {
    pub(super) fn at(self, line: usize) -> ReadError {
        const LONGEST: usize = 1000; // bytes
        let mut why = match self {
            Why::End => "unexpected end of input stream".to_owned(),
            Why::Is(why) => why,
            Why::Limit(exceeded) => return exceeded.into(),
        };
        if why.len() > LONGEST {
            why.truncate(why.floor_char_boundary(LONGEST));
            why.push_str("...");
        }
        ReadError::Parse(format!("text format parsing error in line {line}: {why}"))
    }
}

impl From<String> for Why {
    fn from(why: String) -> Why {
        Why::Is(why)
    }
}

impl From<&str> for Why {
    fn from(why: &str) -> Why {
        Why::Is(why.to_owned())
    }
}

impl From<Exceeded> for Why {
    fn from(exceeded: Exceeded) -> Why {
        Why::Limit(exceeded)
    }
}
