//! Any file name.

use dialects::{
    Dialect, Era, archive_name, is_archive_name, is_metrics_file, is_unfinished, original_name,
    parse_file_name, parse_retired, retired_name, unfinished_file, writer_of,
};

/// What a name tells fits together: in every dialect, as an archive's, as that of a file being folded, and as that of one being made.
pub fn names(bytes: &[u8]) {
    let name = &*String::from_utf8_lossy(bytes);
    if is_metrics_file(name) {
        let unfinished = unfinished_file(name);
        assert!(is_unfinished(&unfinished) && !is_unfinished(name));
        assert!(!is_metrics_file(&unfinished) && parse_retired(&unfinished).is_none());
    }
    for dialect in [Dialect::PYTHON, Dialect::Python(Era::F2), Dialect::Gitlab, Dialect::Ruby] {
        let Some(parts) = parse_file_name(dialect, name) else { continue };
        assert!(is_metrics_file(name));
        assert_eq!(parts.metric.is_some(), dialect == Dialect::Ruby);
        assert!(parts.process.len() < name.len());
        let Some(archive) = archive_name(dialect, &parts) else { continue };
        assert!(is_metrics_file(&archive) && is_archive_name(&archive));
        let of_archive = parse_file_name(dialect, &archive).expect("an archive's client reads it");
        assert_eq!(
            (of_archive.kind, of_archive.aggregation, of_archive.metric),
            (parts.kind, parts.aggregation, parts.metric)
        );
        assert_eq!(archive_name(dialect, &of_archive).as_deref(), Some(&*archive));
        // None where it would be too long.
        if let Some(retired) = retired_name(7, &archive, name) {
            let parts = parse_retired(&retired).expect("it was made of good names");
            assert_eq!((parts.round, parts.archive, parts.original), (7, &*archive, name));
            assert!(!is_metrics_file(&retired));
            assert_eq!(original_name(&retired), name);
        }
    }
    if let Some(writer) = writer_of(name) {
        assert!(is_metrics_file(name) && name.contains(&writer));
    }
    if let Some(retired) = parse_retired(name) {
        assert!(is_archive_name(retired.archive) && is_metrics_file(retired.original));
        assert!(!is_metrics_file(name));
    }
}
