//! The identifiers that our own stores write under, and the dot-file that goes with each.
//!
//! A store claims `<pid>-r<n>` by linking `.multiprom-<pid>-r<n>` into the directory, and keeps that file locked for
//! as long as its process lives. A name is never taken twice, so whoever finds the lock free knows that no file of
//! this identifier will ever be written again.

use crate::{Dialect, parse_file_name};

/// The identifier of the process `pid`'s `ordinal`-th claim.
///
/// ```
/// use dialects::{claim_file, writer};
/// assert_eq!(writer(4711, 0), "4711-r0");
/// assert_eq!(claim_file(&writer(4711, 0)), ".multiprom-4711-r0");
/// ```
pub fn writer(pid: u32, ordinal: u32) -> String {
    format!("{pid}-r{ordinal}")
}

/// The dot-file that stands beside the files of this identifier.
pub fn claim_file(writer: &str) -> String {
    format!(".multiprom-{writer}")
}

/// The name under which a process makes its dot-file, where a file must have one: no other process has it, in another
/// pid namespace neither, if `moment` is one of a fine clock.
///
/// ```
/// use dialects::{is_unfinished, unfinished_claim, unfinished_file};
/// assert_eq!(unfinished_claim(4711, 99), ".multiprom-new-4711-99");
/// assert_eq!(unfinished_file("counter_4711-r0.db"), ".counter_4711-r0.db.new");
/// assert!(is_unfinished(&unfinished_claim(4711, 99)) && is_unfinished(&unfinished_file("counter_4711-r0.db")));
/// assert!(!is_unfinished(".multiprom-4711-r0") && !is_unfinished("counter_4711-r0.db"));
/// ```
pub fn unfinished_claim(pid: u32, moment: u128) -> String {
    format!("{UNFINISHED_CLAIM}{pid}-{moment}")
}

/// The name under which a process makes its metrics file `name`, where a file must have one.
pub fn unfinished_file(name: &str) -> String {
    format!(".{name}.new")
}

/// Whether a file of this name is in the making, or was when its maker was killed.
pub fn is_unfinished(name: &str) -> bool {
    let made = || name.strip_prefix('.')?.strip_suffix(".new");
    name.starts_with(UNFINISHED_CLAIM) || made().is_some_and(crate::is_metrics_file)
}

const UNFINISHED_CLAIM: &str = ".multiprom-new-";

/// The identifier that a metrics file carries in its name, if it is one of our own stores'.
///
/// ```
/// use dialects::writer_of;
/// assert_eq!(writer_of("gauge_livesum_4711-r0.db").as_deref(), Some("4711-r0"));
/// assert_eq!(writer_of("counter_4711-r0-0.db").as_deref(), Some("4711-r0"));
/// assert_eq!(writer_of("metric_served_total___4711-r12.bin").as_deref(), Some("4711-r12"));
/// assert_eq!(writer_of("counter_4711.db"), None);
/// assert_eq!(writer_of("counter_worker_4711-r0.db"), None);
/// ```
pub fn writer_of(file: &str) -> Option<String> {
    let ours = |dialect| {
        let named = parse_file_name(dialect, file)?;
        is_writer(&named.process).then(|| named.process.into_owned())
    };
    [Dialect::PYTHON, Dialect::Gitlab, Dialect::Ruby].into_iter().find_map(ours)
}

/// Where the system says which boot this is. A store notes it in its dot-file.
pub const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The boot that a dot-file notes, by its text: lines of a word and a value.
///
/// ```
/// assert_eq!(dialects::boot_of("format 1\npid 4711\nboot b0b7\n"), Some("b0b7"));
/// assert_eq!(dialects::boot_of("format 1\npid 4711\n"), None);
/// ```
pub fn boot_of(claim: &str) -> Option<&str> {
    claim.lines().find_map(|line| line.strip_prefix("boot "))
}

/// Whether an identifier looks as [`writer`] makes them.
fn is_writer(process: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    process.split_once("-r").is_some_and(|(pid, ordinal)| number(pid) && number(ordinal))
}
