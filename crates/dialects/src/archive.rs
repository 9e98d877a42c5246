//! Archives: files of the same dialect that hold what files of dead processes held, and the names that files bear
//! while they are folded into one.
//!
//! An archive is named as if a process of the identifier `archive` had written it, so that the original clients
//! read it like any other. Behind what is `used` of it, where no client reads, stands the round of the last fold.
//! A file that is being folded is renamed first, to a dot-file whose name holds the archive and the round: it counts
//! as long as the archive is of an earlier round.

use crate::{Dialect, Era, FileName, HEADER_LEN, header, used};

/// The file whose exclusive lock whoever folds a directory holds all the time.
pub const FOLD_LOCK: &str = ".multiprom-fold";

/// The file whose exclusive lock whoever folds a directory holds while names change there. A reader that holds the
/// shared lock finds each number once.
pub const FOLD_WINDOW: &str = ".multiprom-fold-window";

/// A file that is being folded, or was when the folder died: its name taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired<'a> {
    /// In which round.
    pub round: u64,
    /// Into which archive. It counts as long as that is of an earlier round.
    pub archive: &'a str,
    /// The name that its writer gave it.
    pub original: &'a str,
}

/// The name of the archive for files of this dialect and name; none where their numbers cannot be folded: gauges
/// that have a line for each process (`all`), and those whose merging needs to know how many or which came first
/// (`average`, `first`). Of a kind that is unknown as well.
///
/// Of `live` gauges there is none: those of the dead are not shown.
///
/// ```
/// use dialects::{Dialect, archive_name, parse_file_name};
/// let archive = |dialect, name| archive_name(dialect, &parse_file_name(dialect, name).unwrap());
/// assert_eq!(archive(Dialect::PYTHON, "counter_4711.db").as_deref(), Some("counter_archive.db"));
/// assert_eq!(archive(Dialect::PYTHON, "gauge_max_4711.db").as_deref(), Some("gauge_max_archive.db"));
/// assert_eq!(archive(Dialect::PYTHON, "gauge_all_4711.db"), None);
/// assert_eq!(archive(Dialect::Gitlab, "counter_puma_1-0.db").as_deref(), Some("counter_archive-0.db"));
/// assert_eq!(archive(Dialect::Ruby, "metric_a___b___7.bin").as_deref(), Some("metric_a___b___archive.bin"));
/// ```
pub fn archive_name(dialect: Dialect, file: &FileName<'_>) -> Option<String> {
    use metrics_core::{Kind, Mode};

    if dialect == Dialect::Ruby {
        return Some(format!("metric_{}___{ARCHIVE}.bin", file.metric?));
    }
    let kind = file.kind?;
    let stem = match (kind, file.aggregation) {
        (Kind::Gauge, Some(aggregation)) => match aggregation.mode {
            Mode::Min | Mode::Max | Mode::Sum | Mode::MostRecent if !aggregation.live => {
                format!("gauge_{aggregation}_{ARCHIVE}")
            }
            _ => return None,
        },
        (Kind::Gauge, None) => return None,
        _ => format!("{kind}_{ARCHIVE}"),
    };
    Some(match dialect {
        // Layouts cannot share a file.
        Dialect::Python(Era::F3) => format!("{stem}.db"),
        Dialect::Python(Era::F2) => format!("{stem}-f2.db"),
        Dialect::Python(Era::F1) => format!("{stem}-f1.db"),
        Dialect::Python(Era::F0) => format!("{stem}-f0.db"),
        _ => format!("{stem}-0.db"),
    })
}

/// Whether a file is named as archives are. Whether it is one, [`archive_round`] tells.
///
/// ```
/// use dialects::is_archive_name;
/// assert!(is_archive_name("gauge_max_archive.db") && is_archive_name("metric_a___archive.bin"));
/// assert!(!is_archive_name("counter_4711.db") && !is_archive_name("counter_archive_1.db"));
/// ```
pub fn is_archive_name(name: &str) -> bool {
    if let Some(stem) = name.strip_suffix(".bin") {
        return stem
            .strip_suffix(ARCHIVE)
            .is_some_and(|rest| rest.starts_with("metric_") && rest.ends_with("___"));
    }
    let Some(stem) = name.strip_suffix(".db") else { return false };
    let stem = ["-0", "-f0", "-f1", "-f2"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
    stem.strip_suffix(ARCHIVE).is_some_and(|rest| rest.ends_with('_') && !rest.starts_with('.'))
}

/// The name under which a file is folded into `archive` in this round; none where it would be too long for a file
/// name.
///
/// ```
/// use dialects::{Retired, parse_retired, retired_name};
/// let name = retired_name(7, "counter_archive.db", "counter_4711.db").unwrap();
/// assert_eq!(name, ".multiprom-fold~7~counter_archive.db~counter_4711.db");
/// let parts = Retired { round: 7, archive: "counter_archive.db", original: "counter_4711.db" };
/// assert_eq!(parse_retired(&name), Some(parts));
/// ```
pub fn retired_name(round: u64, archive: &str, original: &str) -> Option<String> {
    let name = format!("{RETIRED}{round}~{archive}~{original}");
    let unambiguous = !archive.contains('~');
    (name.len() <= LONGEST_NAME && unambiguous).then_some(name)
}

/// Takes the name of a file that is being folded apart.
pub fn parse_retired(name: &str) -> Option<Retired<'_>> {
    let (round, rest) = name.strip_prefix(RETIRED)?.split_once('~')?;
    let (archive, original) = rest.split_once('~')?;
    let retired = Retired { round: round.parse().ok()?, archive, original };
    (is_archive_name(archive) && crate::is_metrics_file(original)).then_some(retired)
}

/// The name that a file's writer gave it, whether it is being folded or not.
///
/// ```
/// use dialects::original_name;
/// assert_eq!(original_name(".multiprom-fold~7~counter_archive.db~counter_4711.db"), "counter_4711.db");
/// assert_eq!(original_name("counter_4711.db"), "counter_4711.db");
/// ```
pub fn original_name(name: &str) -> &str {
    parse_retired(name).map_or(name, |retired| retired.original)
}

/// Makes `records` - a header's place and whole records behind it - the content of an archive. None where a file
/// cannot hold so much: 2 GiB.
///
/// ```
/// use dialects::{ARCHIVE_TAIL_LEN, Dialect, HEADER_LEN, archive_round, finish_archive, push_record, records, used};
///
/// let mut file = vec![0; HEADER_LEN];
/// push_record(Dialect::Ruby, b"code=200", 7.0, 0.0, &mut file);
/// let end = file.len();
/// let file = finish_archive(file, 12).unwrap();
/// assert_eq!((used(&file), records(Dialect::Ruby, &file[..used(&file)], HEADER_LEN).count()), (end, 1));
/// assert_eq!(archive_round(file.last_chunk::<ARCHIVE_TAIL_LEN>().unwrap()), Some(12));
/// ```
pub fn finish_archive(mut records: Vec<u8>, round: u64) -> Option<Vec<u8>> {
    let head = header(records.len())?;
    records.get_mut(..HEADER_LEN)?.copy_from_slice(&head);
    debug_assert_eq!(used(&records), records.len());
    // Zeros, which begin no record, keep whoever reads on behind what is used from meeting the tail.
    records.resize(records.len().next_multiple_of(8) + GAP, 0);
    records.extend_from_slice(MAGIC);
    records.extend_from_slice(&round.to_le_bytes());
    Some(records)
}

/// The round of an archive, by the last bytes of it; none where the file is not an archive. No round is so great that
/// none can follow.
pub fn archive_round(tail: &[u8; ARCHIVE_TAIL_LEN]) -> Option<u64> {
    let (magic, round) = tail.split_at(MAGIC.len());
    let round = u64::from_le_bytes(*round.first_chunk()?);
    (magic == MAGIC && round <= LAST_ROUND).then_some(round)
}

/// Bytes at the end of an archive that [`archive_round`] looks at.
pub const ARCHIVE_TAIL_LEN: usize = 24; // 16 of magic, 8 of the round

/// The identifier that archives bear.
const ARCHIVE: &str = "archive";
/// How the names of files that are being folded begin. The dot keeps Ruby's reader off, which takes any ending.
const RETIRED: &str = ".multiprom-fold~";
/// What the usual file systems allow, in bytes.
const LONGEST_NAME: usize = 255;
const MAGIC: &[u8; 16] = b"multiprom-round\n";
const GAP: usize = 64; // bytes
/// Rounds are microseconds since 1970, or one more than the last: some hundred thousand years.
const LAST_ROUND: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{is_metrics_file, parse_file_name, recognise};

    #[test]
    fn archives_are_files_that_their_clients_read() {
        let table = [
            (Dialect::PYTHON, "counter_1.db", "counter_archive.db"),
            (Dialect::PYTHON, "gauge_mostrecent_1.db", "gauge_mostrecent_archive.db"),
            (Dialect::Python(Era::F0), "histogram_1.db", "histogram_archive-f0.db"),
            (Dialect::Python(Era::F2), "gauge_min_1.db", "gauge_min_archive-f2.db"),
            (Dialect::Gitlab, "gauge_min_a_b-12_c-0.db", "gauge_min_archive-0.db"),
            (Dialect::Ruby, "metric_jobs___8.bin", "metric_jobs___archive.bin"),
        ];
        for (dialect, name, expected) in table {
            let file = parse_file_name(dialect, name).unwrap();
            let archive = archive_name(dialect, &file).unwrap();
            assert_eq!(archive, expected);
            assert!(is_metrics_file(&archive) && is_archive_name(&archive));
            let back = parse_file_name(dialect, &archive).unwrap();
            assert_eq!(
                (back.kind, back.aggregation, back.metric),
                (file.kind, file.aggregation, file.metric)
            );
            // Of an archive the archive is itself.
            assert_eq!(archive_name(dialect, &back).as_deref(), Some(&*archive));
        }
    }

    #[test]
    fn what_has_a_line_for_each_process_has_no_archive() {
        let names = ["gauge_all_1.db", "gauge_average_1.db", "gauge_first_1.db", "gauge_livesum_1.db"];
        for name in names {
            assert_eq!(archive_name(Dialect::PYTHON, &parse_file_name(Dialect::PYTHON, name).unwrap()), None);
        }
    }

    #[test]
    fn an_archive_is_recognised_as_its_records_are() {
        for dialect in [Dialect::PYTHON, Dialect::Python(Era::F2)] {
            let mut file = vec![0; HEADER_LEN];
            for sample in ["a_total", "b_total"] {
                let key = format!(r#"["x", "{sample}", {{}}, "Help."]"#);
                crate::push_record(dialect, key.as_bytes(), 1.0, 0.0, &mut file);
            }
            let file = finish_archive(file, 1).unwrap();
            assert_eq!(recognise("counter_archive.db", &file[..used(&file)]), Some(dialect));
        }
    }

    #[test]
    fn no_archive_is_of_a_round_that_cannot_be_followed() {
        let tail = |round: u64| {
            let file = finish_archive(vec![0; HEADER_LEN], round).unwrap();
            archive_round(file.last_chunk().unwrap())
        };
        assert_eq!((tail(0), tail(LAST_ROUND), tail(u64::MAX)), (Some(0), Some(LAST_ROUND), None));
    }

    #[test]
    fn a_name_that_would_be_too_long_is_not_made() {
        let long = format!("counter_{}.db", "1".repeat(230));
        assert_eq!(retired_name(1, "counter_archive.db", &long), None);
    }

    proptest! {
        #[test]
        fn retired_names_come_apart_again(round: u64, worker in "[a-z0-9_~-]{1,20}") {
            let original = format!("counter_{worker}.db");
            let name = retired_name(round, "counter_archive.db", &original).unwrap();
            prop_assert_eq!(
                parse_retired(&name),
                Some(Retired { round, archive: "counter_archive.db", original: &original })
            );
            prop_assert!(!is_metrics_file(&name));
        }

        #[test]
        fn any_name_gives_an_answer(name: String) {
            let _ = (parse_retired(&name), is_archive_name(&name), original_name(&name));
        }
    }
}
