//! Where a shard is: what its scripts write with each change.

/// Where a shard is, as it stands in Redis; nothing where nothing was ever written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    bytes: Vec<u8>,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
}

/// What the bytes begin with.
const FORMAT: u8 = 1;
const LEN: usize = 65; // bytes

/// Numbers of the server's scripts are exact below this.
pub(crate) const EXACT: u64 = 1 << 53;

impl Meta {
    /// Reads what a script wrote; none for anything else.
    pub(crate) fn read(bytes: Vec<u8>) -> Option<Meta> {
        if bytes.is_empty() {
            return Some(Meta::default());
        }
        let (&[FORMAT], rest) = bytes.split_first_chunk::<1>()? else { return None };
        let (epoch, rest) = rest.split_first_chunk()?;
        let (epoch, seq) = (u64::from_be_bytes(*epoch), u64::from_le_bytes(*rest.first_chunk()?));
        (bytes.len() == LEN && seq < EXACT).then_some(Meta { bytes, epoch, seq })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_script_writes_is_read() {
        let mut bytes = vec![FORMAT, 0, 0, 0, 0, 0, 0, 1, 2, 7, 0, 0, 0, 0, 0, 0, 0];
        bytes.resize(LEN, 0);
        let meta = Meta::read(bytes.clone()).unwrap();
        assert_eq!((meta.epoch, meta.seq, meta.as_bytes()), (258, 7, &*bytes));
        assert_eq!(Meta::read(vec![]), Some(Meta::default()));
        let mut huge = bytes.clone();
        huge[15] = 0x20;
        let mut newer = bytes.clone();
        newer[0] = 2;
        for wrong in [&bytes[..64], &bytes[..1], b"42", &huge, &newer, &[&bytes[..], &[0]].concat()] {
            assert_eq!(Meta::read(wrong.to_vec()), None, "{wrong:?}");
        }
    }
}
