//! Files of `/proc` that are lines of words and numbers. Any bytes give a number or none.

/// The proportional set size of `/proc/PID/smaps_rollup`, in bytes: private memory and a fair share of what is shared.
pub fn proportional(text: &[u8]) -> Option<f64> {
    let kibibytes: u64 = word_behind(text, b"Pss:")?.parse().ok()?;
    Some(kibibytes as f64 * 1024.0)
}

/// The soft limit of open files in `/proc/PID/limits`.
pub fn most_open_files(text: &[u8]) -> Option<f64> {
    match word_behind(text, b"Max open files")? {
        "unlimited" => Some(f64::INFINITY),
        number => Some(number.parse::<u64>().ok()? as f64),
    }
}

/// When the machine started, by `/proc/stat`; in seconds since 1970.
pub fn boot_time(text: &[u8]) -> Option<f64> {
    Some(word_behind(text, b"btime ")?.parse::<u64>().ok()? as f64)
}

/// The first word behind `name` on the first line that begins so.
fn word_behind<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let words = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name))?;
    std::str::from_utf8(words).ok()?.split_ascii_whitespace().next()
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
    fn the_machine_started_at_a_whole_second() {
        assert_eq!(boot_time(b"cpu  1 2 3\nctxt 5\nbtime 1795000000\nprocesses 9\n"), Some(1795000000.0));
        for text in ["", "btime", "btime NaN", "btime -1", "xbtime 7"] {
            assert_eq!(boot_time(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            for prefix in [&b"Pss:"[..], b"Max open files", b"btime ", b""] {
                let text = [prefix, &bytes].concat();
                let _ = (proportional(&text), most_open_files(&text), boot_time(&text));
            }
        }
    }
}
