//! Any file name in any dialect.
#![no_main]

use dialects::{Dialect, is_metrics_file, parse_file_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    for dialect in [Dialect::PYTHON, Dialect::Gitlab, Dialect::Ruby] {
        if let Some(parts) = parse_file_name(dialect, name) {
            assert!(is_metrics_file(name));
            assert_eq!(parts.metric.is_some(), dialect == Dialect::Ruby);
            assert!(parts.process.len() < name.len());
        }
    }
});
