//! Any bytes as what `/proc` says.

use liveness::lines::{last_name, locked, mapped, uids};

/// Any bytes as lines of `maps` and `locks`, as a `status` and as a path: what is found is in them.
pub fn proc_lines(bytes: &[u8]) {
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(mapped) = mapped(line) {
            assert_ne!(mapped.inode, 0);
            assert!(!mapped.name.contains(&b'/') && line.len() > mapped.name.len());
        }
        if let Some((_device, inode)) = locked(line) {
            let inode = inode.to_string();
            assert!(line.windows(inode.len()).any(|part| part == inode.as_bytes()));
        }
        assert!(!last_name(line).contains(&b'/'));
    }
    if uids(bytes).is_some() {
        assert!(bytes.windows(4).any(|part| part == b"Uid:"));
    }
}
