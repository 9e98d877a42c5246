//! Go's gob encoding, as far as a file of groups needs it: definitions of types, and how values are written.

use std::collections::HashMap;

/// Bytes that are no gob.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) at: usize,
    pub(crate) why: String,
}

/// The types that a file defines, by their numbers.
#[derive(Default)]
pub(crate) struct Types(HashMap<i64, Type>);

/// What a value of a type is made of.
#[derive(Debug)]
pub(crate) enum Type {
    /// Fields in their order: name, type.
    Struct(Vec<(String, i64)>),
    /// Types of keys and values.
    Map(i64, i64),
    /// Of a slice or an array, which is not read.
    List,
    /// Bytes that mean something to the type's own code.
    Opaque,
}

/// Bytes that are read from the front.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The built-in type of texts.
const STRING: i64 = 6;
/// Numbers below are types that need no definition.
const FIRST_DEFINED: i64 = 64;

impl Types {
    /// Reads one message: a definition, or the begin of a value, whose type, and place, it gives.
    pub(crate) fn read_message(&mut self, reader: &mut Reader<'_>) -> Result<Option<(i64, usize)>, Damaged> {
        let length = reader.unsigned("the length of a message")?;
        let begun = reader.at;
        let end = usize::try_from(length).ok().and_then(|length| begun.checked_add(length));
        let end = end.filter(|end| *end <= reader.bytes.len());
        let end = end.ok_or_else(|| damaged(begun, "the file is cut off within a message"))?;
        let number = reader.signed("the type of a message")?;
        if number >= 0 {
            // A value that is no struct has a zero in front; it is the last message.
            if reader.byte("a value")? != 0 {
                return Err(reader.before("a value that is not begun as such"));
            }
            if end != reader.bytes.len() {
                return Err(damaged(begun, "a value that does not end with the file"));
            }
            return Ok(Some((number, begun)));
        }
        let number = number.checked_neg().filter(|number| *number >= FIRST_DEFINED);
        let number = number.ok_or_else(|| damaged(begun, "a definition of a built-in type"))?;
        let defined = read_definition(reader)?;
        if reader.at != end {
            return Err(damaged(reader.at, "a definition of another length than it says"));
        }
        match self.0.insert(number, defined) {
            None => Ok(None),
            Some(_) => Err(damaged(begun, "a type that is defined twice")),
        }
    }

    /// A type that was defined.
    pub(crate) fn get(&self, number: i64) -> Option<&Type> {
        self.0.get(&number)
    }

    /// The type of the values of a map whose keys are texts.
    pub(crate) fn map_of(&self, number: i64) -> Option<i64> {
        match self.get(number)? {
            Type::Map(STRING, value) => Some(*value),
            _ => None,
        }
    }

    /// Number and type of a field.
    pub(crate) fn field(&self, number: i64, name: &str) -> Option<(u64, i64)> {
        let Type::Struct(fields) = self.get(number)? else { return None };
        let at = fields.iter().position(|(its, _)| its == name)?;
        Some((at as u64, fields.get(at)?.1))
    }
}

/// A `wireType`: a struct of which one field is set, by what the type is.
fn read_definition(reader: &mut Reader<'_>) -> Result<Type, Damaged> {
    let mut defined = None;
    reader.fields(|reader, kind| {
        let mut numbers = [0; 2];
        let mut list = Vec::new();
        reader.fields(|reader, field| {
            match (kind, field) {
                (0..=6, 0) => common(reader)?,
                (2, 1) => list = fields(reader)?,
                (0 | 1 | 3, 1) => numbers[0] = reader.signed("a type")?,
                (0 | 3, 2) => numbers[1] = reader.signed("a type, or a length")?,
                _ => return Err(reader.before("a definition of a kind that is not known")),
            }
            Ok(())
        })?;
        let its = match kind {
            0 | 1 => Type::List,
            2 => Type::Struct(std::mem::take(&mut list)),
            3 => Type::Map(numbers[0], numbers[1]),
            _ => Type::Opaque,
        };
        match defined.replace(its) {
            None => Ok(()),
            Some(_) => Err(reader.before("a definition of two kinds")),
        }
    })?;
    defined.ok_or_else(|| reader.damaged("a definition of nothing"))
}

/// A `CommonType`: a name, and a number which is not always that of the definition; neither says anything.
fn common(reader: &mut Reader<'_>) -> Result<(), Damaged> {
    reader.fields(|reader, field| {
        match field {
            0 => drop(reader.text("the name of a type")?),
            1 => drop(reader.signed("the number of a type")?),
            _ => return Err(reader.before("a type with more than a name and a number")),
        }
        Ok(())
    })
}

/// A list of `fieldType`: name and type.
fn fields(reader: &mut Reader<'_>) -> Result<Vec<(String, i64)>, Damaged> {
    let mut fields = Vec::new();
    for _ in 0..reader.unsigned("the number of fields")? {
        let (mut name, mut number) = (String::new(), 0);
        reader.fields(|reader, field| {
            match field {
                0 => name = reader.text("the name of a field")?,
                1 => number = reader.signed("the type of a field")?,
                _ => return Err(reader.before("a field with more than name and type")),
            }
            Ok(())
        })?;
        fields.push((name, number));
    }
    Ok(fields)
}

/// What `time.Time.MarshalBinary` wrote, in Unix nanoseconds; 0 for what was before 1970.
pub(crate) fn unix_nanoseconds(bytes: &[u8]) -> Option<u64> {
    const YEAR_1_TO_1970: i64 = 62_135_596_800; // seconds
    let (version, rest) = bytes.split_first()?;
    // Version 2 has a second more of the time zone, which is not needed.
    let length = match version {
        1 => 14,
        2 => 15,
        _ => return None,
    };
    if rest.len() != length {
        return None;
    }
    let seconds = i64::from_be_bytes(*rest.first_chunk()?).checked_sub(YEAR_1_TO_1970)?;
    let nanoseconds = u32::from_be_bytes(*rest.get(8..)?.first_chunk()?);
    if nanoseconds >= 1_000_000_000 {
        return None;
    }
    let Ok(seconds) = u64::try_from(seconds) else { return Some(0) };
    seconds.checked_mul(1_000_000_000)?.checked_add(u64::from(nanoseconds))
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Bytes that are left.
    pub(crate) fn rest(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Gives the number of each field of a struct, from 0 on, to `each`, which reads it.
    pub(crate) fn fields<E: From<Damaged>>(
        &mut self,
        mut each: impl FnMut(&mut Self, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        // The numbers stand there as differences; fields that are not there are those of which nothing is to be said.
        let mut next = 0_u64;
        loop {
            match self.unsigned("the number of a field")? {
                0 => return Ok(()),
                more => {
                    next = next.checked_add(more).ok_or_else(|| self.before("a field that cannot be"))?;
                    each(self, next - 1)?;
                }
            }
        }
    }

    pub(crate) fn text(&mut self, what: &str) -> Result<String, Damaged> {
        let bytes = self.bytes(what)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| self.before("a text that is no UTF-8"))
    }

    /// A length, and so many bytes.
    pub(crate) fn bytes(&mut self, what: &str) -> Result<&'a [u8], Damaged> {
        let at = self.at;
        let length = self.unsigned(what)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or_else(|| damaged(at, &format!("the file is cut off within {what}")))?;
        self.at += length;
        Ok(bytes)
    }

    /// Zigzag: the lowest bit says that all others are turned round.
    pub(crate) fn signed(&mut self, what: &str) -> Result<i64, Damaged> {
        let bits = self.unsigned(what)?;
        let number = (bits >> 1) as i64;
        Ok(if bits & 1 == 1 { !number } else { number })
    }

    /// One byte below 128; or one that says, negated, how many bytes follow, the highest first.
    pub(crate) fn unsigned(&mut self, what: &str) -> Result<u64, Damaged> {
        let first = self.byte(what)?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let count = usize::from(first.wrapping_neg());
        if count > 8 {
            return Err(self.before(&format!("{what} has no such number")));
        }
        (0..count).try_fold(0, |number, _| Ok(number << 8 | u64::from(self.byte(what)?)))
    }

    pub(crate) fn byte(&mut self, what: &str) -> Result<u8, Damaged> {
        let byte = self.bytes.get(self.at).copied();
        let byte = byte.ok_or_else(|| damaged(self.at, &format!("the file is cut off before {what}")))?;
        self.at += 1;
        Ok(byte)
    }

    /// Something is wrong with what comes next.
    pub(crate) fn damaged(&self, why: &str) -> Damaged {
        damaged(self.at, why)
    }

    /// Something is wrong with what was just read.
    fn before(&self, why: &str) -> Damaged {
        damaged(self.at.saturating_sub(1), why)
    }
}

fn damaged(at: usize, why: &str) -> Damaged {
    Damaged { at, why: why.to_owned() }
}
