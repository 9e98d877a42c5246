//! Whether somebody writes a file, asked of the kernel where its answer can be trusted, and where nobody here can tell.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// File systems of this kernel alone whose files have one inode each, so that every writer is known to it: by the
/// magic number of statfs(2).
const TRUSTED: [u64; 6] = [
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xf2f5_2010, // F2FS
];

/// File systems that other machines may write to, whose processes nobody here sees: by the magic number of statfs(2).
/// FUSE is none of them, though some of its file systems are.
const SHARED: [u64; 9] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xfe53_4d42, // SMB 2
    0xff53_4d42, // CIFS
    0x00c3_6400, // Ceph
    0x0bd0_0bd0, // Lustre
    0x0116_1970, // GFS2
    0x7461_636f, // OCFS2
    0x5346_414f, // AFS
];

/// Whether processes of other machines may write into this directory.
pub(crate) fn is_shared(directory: &Path) -> bool {
    rustix::fs::statfs(directory).is_ok_and(|about| SHARED.contains(&magic(&about)))
}

/// Whether any process, in sight or not, has this file open for writing or mapped writable; none where the kernel
/// cannot tell.
pub(crate) fn has_writer(path: &Path) -> Option<bool> {
    let file = open(path)?;
    if !TRUSTED.contains(&magic(&rustix::fs::fstatfs(&file).ok()?)) {
        return None;
    }
    forked::has_writer(&file).ok()
}

/// A number of 32 bits whose type has another sign and width on each architecture.
fn magic(about: &rustix::fs::StatFs) -> u64 {
    about.f_type as u64 & 0xffff_ffff
}

/// Never waits, whatever is at the path.
fn open(path: &Path) -> Option<File> {
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
    OpenOptions::new().read(true).custom_flags(i32::try_from(flags).ok()?).open(path).ok()
}
