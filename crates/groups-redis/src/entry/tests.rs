use super::*;

fn key() -> GroupKey {
    GroupKey::new([("job", "a")]).unwrap()
}

fn entry(numbers: [u64; 5], content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&7_u64.to_be_bytes());
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    bytes.extend_from_slice(&checksum(&key(), content).to_le_bytes());
    bytes.extend_from_slice(content);
    bytes
}

#[test]
fn an_entry_is_read_as_it_is_laid_out() {
    let read = read(&key(), &entry([3, 5, 1_000_002, 0, 9], b"abc")).unwrap();
    let expected = Entry {
        version: Version(7),
        born: 3,
        seq: 5,
        pushed: 1_000_002_000,
        failed: 0,
        expires: Some(9),
        content: Arc::from(&b"abc"[..]),
    };
    assert_eq!(read, expected);
}

#[test]
fn whatever_differs_is_damage_and_says_where() {
    let good = entry([3, 5, 1, 0, 0], b"abc");
    for at in 0..good.len() {
        assert_eq!(read(&key(), &good[..at]).unwrap_err().at, if at < LEN { at } else { 49 });
        let mut other = good.clone();
        other[at] ^= 0x80;
        // What is neither content nor checksum may be another entry: another version, or the same at another time.
        let another = (1..9).contains(&at) || (17..49).contains(&at) && !matches!(at % 8, 7 | 0);
        assert_eq!(read(&key(), &other).is_ok(), another, "{at}");
    }
    let other_group = GroupKey::new([("job", "b")]).unwrap();
    assert_eq!(read(&other_group, &good).unwrap_err().to_string(), "a checksum of other bytes at byte 49");
    let late = read(&key(), &entry([6, 5, 1, 0, 0], b"abc")).unwrap_err();
    assert_eq!((late.at, late.version), (9, Some(Version(7))));
}
