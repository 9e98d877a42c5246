//! One process as it was seen at one moment.

use crate::Stat;
use crate::lines::{most_open_files, proportional};
use crate::proportional::Proportional;

/// One process as it was seen at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) stat: Stat,
    pub(crate) resident_bytes: f64,
    /// None where we may not know.
    pub(crate) proportional_bytes: Option<f64>,
    /// None where we may not know.
    pub(crate) open_files: Option<f64>,
    /// None where we may not know.
    pub(crate) most_open_files: Option<f64>,
}

impl Seen {
    /// Looks at a process; none where it has ended, or is hidden from us.
    pub(crate) fn look(pid: u32, known: &mut Proportional) -> Option<Seen> {
        let stat = Stat::read(pid).ok().filter(|stat| !stat.has_ended())?;
        let read = |file| std::fs::read(format!("/proc/{pid}/{file}")).ok();
        let seen = Seen {
            stat,
            resident_bytes: stat.resident_pages as f64 * rustix::param::page_size() as f64,
            proportional_bytes: known
                .bytes(&stat, || read("smaps_rollup").and_then(|text| proportional(&text))),
            open_files: std::fs::read_dir(format!("/proc/{pid}/fd"))
                .ok()
                .map(|entries| entries.count() as f64),
            most_open_files: read("limits").and_then(|text| most_open_files(&text)),
        };
        let whole =
            [seen.proportional_bytes, seen.open_files, seen.most_open_files].iter().all(Option::is_some);
        // What cannot be read may be forbidden, or the process has ended meanwhile.
        let is_there =
            || Stat::read(pid).is_ok_and(|now| !now.has_ended() && now.start_ticks == stat.start_ticks);
        (whole || is_there()).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_whole_and_a_missing_one_not() {
        let seen = Seen::look(std::process::id(), &mut Proportional::default()).unwrap();
        assert!(seen.resident_bytes > 0.0 && seen.proportional_bytes > Some(0.0));
        assert!(seen.open_files >= Some(1.0) && seen.most_open_files >= seen.open_files);
        assert_eq!(Seen::look(u32::MAX, &mut Proportional::default()), None);
    }
}
