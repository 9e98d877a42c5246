//! Whether something grows while a test runs: what was seen of it in the first half and in the second.

use std::path::Path;

/// A number that is looked at again and again.
#[derive(Default)]
pub(crate) struct Looks(Vec<usize>);

/// What a process uses: memory and open files.
#[derive(Default)]
pub(crate) struct Use {
    pub(crate) kilobytes: Looks,
    pub(crate) open_files: Looks,
}

impl Looks {
    /// Takes note of it.
    pub(crate) fn saw(&mut self, number: usize) {
        self.0.push(number);
    }

    /// The most that was seen in each tenth of the looks.
    pub(crate) fn tenths(&self) -> Vec<usize> {
        let tenth = self.0.len().div_ceil(10).max(1);
        self.0.chunks(tenth).map(|looks| looks.iter().copied().max().unwrap_or(0)).collect()
    }

    /// The most that was seen in each half.
    fn halves(&self) -> (usize, usize) {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        let most = |half: &[usize]| half.iter().copied().max().unwrap_or(0);
        (most(first), most(second))
    }

    /// The most that was seen.
    pub(crate) fn most(&self) -> usize {
        self.0.iter().copied().max().unwrap_or(0)
    }
}

impl Use {
    /// Looks at a process.
    pub(crate) fn look(&mut self, pid: &str) {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("read its status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        self.kilobytes.saw(resident.trim().trim_end_matches(" kB").parse().expect("a number"));
        self.open_files.saw(entries(Path::new(&format!("/proc/{pid}/fd"))));
    }

    /// Fails where the second half used more than the first: a quarter of its memory, or five open files. Less than
    /// [`KEPT`] is never too much.
    pub(crate) fn assert_flat(&self) {
        let (early, late) = self.kilobytes.halves();
        assert!(late <= KEPT.max(early + early / 4), "{early} kB of memory, then {late} kB");
        let (early, late) = self.open_files.halves();
        assert!(late <= early + 5, "{early} open files, then {late}");
    }
}

/// Kilobytes that a collector may come to: it forgets the label sets and processes of files that are gone when there are
/// 16,384 of them, and four for each number that there is.
const KEPT: usize = 64 * 1024; // 64 MiB

/// How many entries a directory has.
pub(crate) fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).expect("list a directory").count()
}
