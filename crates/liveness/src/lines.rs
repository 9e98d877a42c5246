//! Lines of `/proc`: what they say of files. Any bytes give an answer or none.

/// What a line of `/proc/PID/maps` says of a file that is mapped shared and writable; none for all else.
///
/// `address perms offset major:minor inode path`; the path may hold blanks. Source: proc_pid_maps(5).
#[derive(Debug, PartialEq)]
pub struct Mapped<'a> {
    pub device: (u32, u32),
    pub inode: u64,
    /// The last part of the path, without the mark of a deleted file.
    pub name: &'a [u8],
}

pub fn mapped(line: &[u8]) -> Option<Mapped<'_>> {
    let (_address, rest) = split(line)?;
    let (permissions, rest) = split(rest)?;
    if permissions.get(1) != Some(&b'w') || permissions.get(3) != Some(&b's') {
        return None;
    }
    let (_offset, rest) = split(rest)?;
    let (device, rest) = split(rest)?;
    let (inode, path) = split(rest)?;
    let inode = number(inode, 10)?;
    if inode == 0 {
        return None;
    }
    Some(Mapped { device: device_of(device)?, inode, name: last_name(path.trim_ascii_start()) })
}

/// The file that a line of `/proc/locks` says is locked by flock(2) for writing.
///
/// `1: FLOCK  ADVISORY  WRITE 1234 00:2d:5678 0 EOF`, device in hexadecimal. Source: proc_locks(5).
pub fn locked(line: &[u8]) -> Option<((u32, u32), u64)> {
    let words: Vec<&[u8]> =
        line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(6).collect();
    let [_, b"FLOCK", _, b"WRITE", _, file] = words[..] else { return None };
    let mut parts = file.rsplitn(2, |&byte| byte == b':');
    let inode = number(parts.next()?, 10)?;
    Some((device_of(parts.next()?)?, inode))
}

/// The four user ids - real, effective, saved, of the file system - that `/proc/PID/status` tells.
pub fn uids(status: &[u8]) -> Option<Vec<u32>> {
    let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.map(|word| number(word, 10).and_then(|uid| u32::try_from(uid).ok())).collect()
}

/// The last part of a path, without the mark that `/proc` puts behind those of deleted files.
pub fn last_name(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// The first word, and what is behind it.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    (end > 0).then(|| line.split_at(end))
}

/// `major:minor`, both in hexadecimal.
fn device_of(text: &[u8]) -> Option<(u32, u32)> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let part = |text: &[u8]| number(text, 16).and_then(|it| u32::try_from(it).ok());
    Some((part(text.get(..colon)?)?, part(text.get(colon + 1..)?)?))
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mapped_file_is_known_by_its_device_its_inode_and_its_name() {
        let told = |line: &'static str| mapped(line.as_bytes());
        let found = |device, inode, name: &'static str| Some(Mapped { device, inode, name: name.as_bytes() });
        let table = [
            (
                "7f0-7f1 rw-s 00000000 00:2d 5678                      /run/app/counter_1.db",
                found((0, 45), 5678, "counter_1.db"),
            ),
            ("7f0-7f1 rw-s 00000000 fd:01 9 /a b/c d (deleted)", found((253, 1), 9, "c d")),
            ("7f0-7f1 rw-s 00000000 fd:01 9", found((253, 1), 9, "")),
            // Readers and private copies do not write; memory without a file has no inode.
            ("7f0-7f1 r--s 00000000 00:2d 5678 /run/app/counter_1.db", None),
            ("7f0-7f1 rw-p 00000000 00:2d 5678 /run/app/counter_1.db", None),
            ("7f0-7f1 rw-s 00000000 00:01 0 /dev/zero", None),
            ("", None),
            ("7f0-7f1", None),
            ("7f0-7f1 rw-s 0 00 5678 x", None),
            ("7f0-7f1 rw-s 0 00:2d -5 x", None),
        ];
        for (line, expected) in table {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn a_lock_is_known_where_it_is_flocked_for_writing() {
        let table = [
            ("1: FLOCK  ADVISORY  WRITE 1234 00:2d:5678 0 EOF", Some(((0, 45), 5678))),
            ("1: FLOCK  ADVISORY  READ 1234 00:2d:5678 0 EOF", None),
            ("2: POSIX  ADVISORY  WRITE 1234 00:2d:5678 0 EOF", None),
            ("3: -> FLOCK  ADVISORY  WRITE 1234 00:2d:5678 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 1234 00:5678 0 EOF", None),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(locked(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn user_ids_are_the_four_of_a_status() {
        assert_eq!(
            uids(b"Name:\tx\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t0\t0\t0\t0\n"),
            Some(vec![1, 2, 3, 4])
        );
        assert_eq!(uids(b"Name:\tUid: 5\n"), None);
        assert_eq!(uids(b"Uid:\tx\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(line: Vec<u8>) {
            let _ = (mapped(&line), locked(&line), uids(&line), last_name(&line));
        }
    }
}
