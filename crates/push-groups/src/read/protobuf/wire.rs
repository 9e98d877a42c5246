//! The wire format of protobuf: fields of a message, one after the other.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// The bytes of a message that are not read yet.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    rest: &'a [u8],
    /// The name of its type, for error messages.
    name: &'static str,
}

/// A field that a message has.
pub(super) struct Field<'a> {
    /// Its number.
    pub(super) number: u64,
    /// What stands there.
    pub(super) value: Wire<'a>,
}

/// What stands on the wire, before it is known what it means.
#[derive(Clone, Copy)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    /// Four bytes or a group, which no field that we know has.
    Other,
}

/// Why bytes are no message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// They end too soon.
    End,
    /// What is wrong.
    Is(String),
}

impl<'a> Message<'a> {
    pub(super) fn new(name: &'static str, bytes: &'a [u8]) -> Message<'a> {
        Message { rest: bytes, name }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next field; none at the end.
    #[inline]
    pub(super) fn field(&mut self) -> Result<Option<Field<'a>>, Why> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, kind) = self.tag()?;
        let value = match kind {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.array()?),
            2 => Wire::Bytes(self.delimited()?),
            _ => {
                self.skip(kind)?;
                Wire::Other
            }
        };
        Ok(Some(Field { number, value }))
    }

    /// The next bytes, of which the length stands in front.
    pub(super) fn delimited(&mut self) -> Result<&'a [u8], Why> {
        let len = usize::try_from(self.varint()?).map_err(|_| Why::End)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Why::End)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number, seven bits to the byte, the lowest first.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Why> {
        // Most take one byte.
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Why> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Why::End)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Why::Is("proto: integer overflow".to_owned()))
    }

    fn tag(&mut self) -> Result<(u64, u8), Why> {
        let tag = self.varint()?;
        let (number, kind) = (tag >> 3, (tag & 7) as u8);
        match number {
            0 => {
                let name = self.name;
                Err(Why::Is(format!("proto: io_prometheus_client.{name}: illegal tag 0 (wire type {kind})")))
            }
            _ => Ok((number, kind)),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Why> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Why::End)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Steps over what stands behind a tag of this kind: of a group, all up to its end.
    fn skip(&mut self, mut kind: u8) -> Result<(), Why> {
        let mut depth = 0_usize;
        loop {
            match kind {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>()?),
                2 => drop(self.delimited()?),
                3 => depth += 1,
                4 if depth > 0 => depth -= 1,
                5 => drop(self.array::<4>()?),
                _ => return Err(Why::Is(format!("proto: can't skip unknown wire type {kind}"))),
            }
            if depth == 0 {
                return Ok(());
            }
            kind = self.tag()?.1;
        }
    }
}

impl<'a> Wire<'a> {
    /// As an integer. What has another form on the wire is a field that is not known.
    pub(super) fn varint(self) -> Option<u64> {
        match self {
            Wire::Varint(number) => Some(number),
            _ => None,
        }
    }

    /// As a double.
    pub(super) fn double(self) -> Option<f64> {
        match self {
            Wire::Fixed64(bytes) => Some(f64::from_le_bytes(bytes)),
            _ => None,
        }
    }

    /// As a string, or as bytes.
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Wire::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// As a message of this type.
    pub(super) fn message(self, name: &'static str) -> Option<Message<'a>> {
        self.bytes().map(|bytes| Message::new(name, bytes))
    }
}

#[cfg(test)]
mod tests;
