//! Any bytes as what `/proc` says of a process.

use process_metrics::Stat;
use process_metrics::lines::{boot_time, most_open_files, proportional};

/// Any bytes as `stat`, `smaps_rollup` and `limits` of a process and as `/proc/stat`: a number that is found stands
/// there, and what a `stat` tells does not depend on the program's name and is told again by one that is written of it.
pub fn proc_files(bytes: &[u8]) {
    if let Some(stat) = Stat::parse(bytes) {
        let name_from = position(bytes, b'(').expect("there is a name");
        let name_to = bytes.len() - position(&reversed(bytes), b')').expect("it has an end");
        let renamed = [&bytes[..name_from], b"(a) S 1 (", &bytes[name_to - 1..]].concat();
        assert_eq!(Stat::parse(&renamed), Some(stat));
        // Half a letter cannot be written.
        if stat.state.is_ascii() {
            assert_eq!(Stat::parse(line(&stat).as_bytes()), Some(stat));
        }
    }
    for (name, number) in [
        (&b"Pss:"[..], proportional(bytes)),
        (b"Max open files", most_open_files(bytes)),
        (b"btime ", boot_time(bytes)),
    ] {
        let Some(number) = number else { continue };
        assert!(number >= 0.0 && number.fract() == 0.0 || number == f64::INFINITY, "{number}");
        assert!(bytes.split(|&byte| byte == b'\n').any(|line| line.starts_with(name)));
    }
}

/// A line that says the same.
fn line(stat: &Stat) -> String {
    let Stat { pid, parent, group, session, flags, own_ticks, threads, start_ticks, .. } = *stat;
    let state = char::from(stat.state);
    // Each number of the line is within an `i64`; the sum of two need not be.
    let child = stat.children_ticks.min(i64::MAX.unsigned_abs());
    let other_child = stat.children_ticks - child;
    let pages = stat.resident_pages;
    format!(
        "{pid} (name) {state} {parent} {group} {session} 0 0 {flags} 0 0 0 0 {own_ticks} 0 {child} {other_child} \
         0 0 {threads} 0 {start_ticks} 0 {pages}"
    )
}

fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|&byte| byte == wanted)
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}
