//! Disks that a test can fill: a tmpfs of its own where the system lets it mount one, and a limit on the length of files
//! everywhere.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory on a disk that can be filled.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
    kind: Kind,
}

/// A disk that has no room until [`Full::make_room`].
#[must_use = "without a call of make_room the disk stays full"]
#[derive(Debug)]
pub struct Full {
    /// What fills a tmpfs; none where the length of files is limited.
    filler: Option<PathBuf>,
}

/// How a disk is full.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Tmpfs,
    /// No file may become longer than a page.
    ShortFiles,
}

/// Bytes of a page: what a tmpfs gives out at once.
const PAGE: u64 = 4096; // 4 KiB

/// Tells the program that is run for a test which test, and on what kind of disk.
const ALONE: &str = "FORKED_TEST_SMALL_DISK";

/// How a program gets into a namespace in which it may mount.
const MAY_MOUNT: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount", "--"], &["--mount", "--"]];

/// Runs the body of the test called `test` (with its modules, as the test program prints it) in a process of its own for
/// each kind of disk that can be had: it is to make its [`SmallDisk`]s there.
///
/// # Panics
/// When it fails there, or when there is no test of that name.
pub fn on_small_disks(test: &str, body: impl FnOnce()) {
    let told = |kind: Kind| format!("{kind:?} {test}");
    if std::env::var(ALONE).is_ok_and(|text| text == told(Kind::Tmpfs) || text == told(Kind::ShortFiles)) {
        return body();
    }
    let program = std::env::current_exe().expect("a test program runs from a file");
    let run = |mut command: Command, kind: Kind| {
        let arguments = ["--exact", test, "--test-threads=1", "--nocapture"];
        let output = command.args(arguments).env(ALONE, told(kind)).output();
        let output = output.expect("a program that runs can be run again");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success() && text.contains("1 passed"), "{kind:?}: {text}");
    };
    if let Some(way) = MAY_MOUNT.into_iter().find(|way| can_mount(way)) {
        let mut unshare = Command::new("unshare");
        unshare.args(way).arg(&program);
        run(unshare, Kind::Tmpfs);
    }
    run(Command::new(&program), Kind::ShortFiles);
}

impl SmallDisk {
    /// A disk of so many KiB at `directory/disk`. To be called in [`on_small_disks`].
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make(directory: &Path, kilobytes: u32) -> SmallDisk {
        let told = std::env::var(ALONE).expect("called by on_small_disks");
        let kind =
            if told.starts_with(&format!("{:?} ", Kind::Tmpfs)) { Kind::Tmpfs } else { Kind::ShortFiles };
        let path = directory.join("disk");
        fs::create_dir(&path).expect("make a directory");
        if kind == Kind::Tmpfs {
            assert!(mount(&mut Command::new("mount"), &format!("size={kilobytes}k"), &path), "mount a tmpfs");
        }
        SmallDisk { path, kind }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system says of a write for which it has no room.
    pub fn error(&self) -> &'static str {
        match self.kind {
            Kind::Tmpfs => "No space left on device",
            Kind::ShortFiles => "File too large",
        }
    }

    /// Fills it: a file keeps the pages that it has and gets no more.
    pub fn fill(&self) -> Full {
        self.fill_but(0)
    }

    /// Fills it but for so many pages. Where the length of files is limited, each file may have one more than so many.
    ///
    /// # Panics
    /// When it cannot be filled.
    pub fn fill_but(&self, pages: u64) -> Full {
        if self.kind == Kind::ShortFiles {
            // Else the system would end the process.
            // SAFETY: ignores a signal in this process, which a test has to itself.
            unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
            limit_files((1 + pages) * PAGE);
            return Full { filler: None };
        }
        let filler = self.path.join("filler");
        let mut file = File::create(&filler).expect("make a file");
        let mut written = 0;
        while file.write_all(&[0; PAGE as usize]).is_ok() {
            written += PAGE;
        }
        file.set_len(written.checked_sub(pages * PAGE).expect("so many pages were free"))
            .expect("cut the file");
        Full { filler: Some(filler) }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.kind == Kind::Tmpfs {
            // Lazily: a store keeps its mappings. The namespace ends with the process in any case.
            let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
        }
    }
}

impl Full {
    /// Makes room.
    ///
    /// # Panics
    /// When that cannot be.
    pub fn make_room(self) {
        match self.filler {
            Some(filler) => fs::remove_file(filler).expect("delete what fills the disk"),
            None => limit_files(u64::MAX),
        }
    }
}

/// Whether a program may mount that gets into its namespaces this way.
fn can_mount(way: &[&str]) -> bool {
    mount(Command::new("unshare").args(way).arg("mount"), "size=64k", Path::new("/tmp"))
}

fn mount(command: &mut Command, options: &str, at: &Path) -> bool {
    let output = command.args(["-t", "tmpfs", "-o", options, "multiprom-test"]).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}

/// Lets no file of this process become longer, as far as it may have longer ones.
fn limit_files(bytes: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to `limit`, which lives.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    limit.rlim_cur = limit.rlim_max.min(bytes);
    // SAFETY: reads `limit`; files are the only thing that it concerns.
    let limited = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
    assert!(known == 0 && limited == 0, "limit the length of files: {}", io::Error::last_os_error());
}
