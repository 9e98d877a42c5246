//! One process as it was seen at one moment.

use crate::Stat;
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

/// The proportional set size of `smaps_rollup`, in bytes: private memory and a fair share of what is shared.
fn proportional(text: &[u8]) -> Option<f64> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let words = line.strip_prefix(b"Pss:")?;
        let kibibytes = std::str::from_utf8(words).ok()?.split_ascii_whitespace().next()?;
        Some(kibibytes.parse::<u64>().ok()? as f64 * 1024.0)
    })
}

/// The soft limit of open files in `limits`.
fn most_open_files(text: &[u8]) -> Option<f64> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let words = line.strip_prefix(b"Max open files")?;
        match std::str::from_utf8(words).ok()?.split_ascii_whitespace().next()? {
            "unlimited" => Some(f64::INFINITY),
            number => Some(number.parse::<u64>().ok()? as f64),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_is_the_line_of_that_name_alone() {
        let text =
            b"55d0-7ffe ---p 00000000 00:00 0  [rollup]\nRss:  99 kB\nPss:     1884 kB\nPss_Dirty: 7 kB\n";
        assert_eq!(proportional(text), Some(1884.0 * 1024.0));
        assert_eq!(proportional(b"Pss_Anon: 7 kB\nPss: many kB\n"), None);
    }

    #[test]
    fn the_limit_is_the_soft_one() {
        let text = |limit| {
            format!("Limit  Soft Limit  Hard Limit  Units\nMax open files   {limit}   524288   files\n")
        };
        assert_eq!(most_open_files(text("1024").as_bytes()), Some(1024.0));
        assert_eq!(most_open_files(text("unlimited").as_bytes()), Some(f64::INFINITY));
        assert_eq!(most_open_files(text("few").as_bytes()), None);
    }

    #[test]
    fn this_process_is_seen_whole_and_a_missing_one_not() {
        let seen = Seen::look(std::process::id(), &mut Proportional::default()).unwrap();
        assert!(seen.resident_bytes > 0.0 && seen.proportional_bytes > Some(0.0));
        assert!(seen.open_files >= Some(1.0) && seen.most_open_files >= seen.open_files);
        assert_eq!(Seen::look(u32::MAX, &mut Proportional::default()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            for prefix in [&b"Pss:"[..], b"Max open files", b""] {
                let text = [prefix, &bytes].concat();
                let _ = (proportional(&text), most_open_files(&text));
            }
        }
    }
}
