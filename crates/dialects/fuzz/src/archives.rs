//! Any records made an archive.

use dialects::{ARCHIVE_TAIL_LEN, Dialect, Era, HEADER_LEN, archive_round, finish_archive, records, used};

/// What an archive was made of is in it, its round is found, and nobody who reads on behind it finds a record. The
/// first eight bytes are the round - a quarter of it: greater ones are nobody's -, the others the file's.
pub fn archives(input: &[u8]) {
    if let Some(tail) = input.last_chunk() {
        archive_round(tail);
    }
    let Some((round, content)) = input.split_first_chunk() else { return };
    let round = u64::from_le_bytes(*round) >> 2;
    let Some(file) = finish_archive(content.to_vec(), round) else {
        assert!(content.len() < HEADER_LEN);
        return;
    };
    assert_eq!(used(&file), content.len());
    assert_eq!(file[HEADER_LEN..content.len()], content[HEADER_LEN..]);
    assert_eq!(archive_round(file.last_chunk::<ARCHIVE_TAIL_LEN>().expect("it has a tail")), Some(round));
    let behind = content.len().next_multiple_of(8);
    for dialect in [Dialect::PYTHON, Dialect::Python(Era::F0), Dialect::Gitlab, Dialect::Ruby] {
        assert!(!matches!(records(dialect, &file, behind).next(), Some(Ok(_))));
    }
}
