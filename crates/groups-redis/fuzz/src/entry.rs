//! Any bytes as the key and the entry of a group, and as the state of a shard.

use groups_redis::fuzzed;
use push_groups::GroupKey;

const CHECKSUM: usize = 49; // where it stands
const CONTENT: usize = 57;

/// The first byte is odd where the checksum is to be right, the second the length of the key; the rest is the entry.
/// What is read of an entry are its bytes, and what is damaged is so at one of them.
pub fn entry(bytes: &[u8]) {
    let (Some(&checked), Some(&length)) = (bytes.first(), bytes.get(1)) else { return };
    let (key, entry) = bytes[2..].split_at(usize::from(length).min(bytes.len() - 2));
    if let Some((epoch, seq)) = fuzzed::meta(entry)
        && !entry.is_empty()
    {
        assert_eq!((&entry[1..9], &entry[9..17]), (&epoch.to_be_bytes()[..], &seq.to_le_bytes()[..]));
    }
    let key = match GroupKey::from_bytes(key) {
        Ok(its) => {
            assert_eq!(its.as_bytes(), key);
            its
        }
        Err(_) => GroupKey::new([("job", "a")]).expect("it has a job"),
    };
    let mut entry = entry.to_vec();
    if checked % 2 == 1 && entry.len() >= CONTENT {
        let sum = fuzzed::checksum(&key, &entry[CONTENT..]).to_le_bytes();
        entry[CHECKSUM..CONTENT].copy_from_slice(&sum);
    }
    match fuzzed::entry(&key, &entry) {
        Ok(read) => {
            let mut written = vec![1];
            written.extend_from_slice(&read.version.0.to_be_bytes());
            let numbers =
                [read.born, read.seq, read.pushed / 1_000, read.failed / 1_000, read.expires.unwrap_or(0)];
            numbers.iter().for_each(|number| written.extend_from_slice(&number.to_le_bytes()));
            written.extend_from_slice(&fuzzed::checksum(&key, &read.content).to_le_bytes());
            written.extend_from_slice(&read.content);
            assert_eq!(written, entry);
            assert!(read.version.0 != 0 && read.born <= read.seq);
        }
        Err((at, why)) => {
            assert!(at < entry.len().max(1) || at == entry.len() && at < CONTENT, "{why}");
            assert!(why.ends_with(&format!("at byte {at}")));
        }
    }
}
