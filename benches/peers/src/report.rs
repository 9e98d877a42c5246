//! The report for programs: `report.json`.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::row::Row;

#[derive(Serialize)]
struct Report<'a> {
    machine: &'a str,
    rows: Vec<ReportRow<'a>>,
}

/// A row as `benches/README.md` describes it. What was not measured is null.
#[derive(Serialize)]
struct ReportRow<'a> {
    row: &'a str,
    value: Option<f64>,
    unit: &'a str,
    /// Where the middle 80 % lie.
    spread: Option<[f64; 2]>,
    rival: Option<&'a str>,
    rival_value: Option<f64>,
    /// `value` over `rival_value`.
    ratio: Option<f64>,
    /// The most that `ratio` may be; where there is no rival, the most that `value` may be.
    bar: Option<f64>,
    holds: Option<bool>,
    reason: Option<String>,
}

/// Writes the report.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, machine: &str, rows: &[Row]) -> anyhow::Result<()> {
    let report = Report { machine, rows: rows.iter().map(report_row).collect() };
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn report_row(row: &Row) -> ReportRow<'_> {
    ReportRow {
        row: &row.name,
        value: row.value,
        unit: row.unit,
        spread: row.spread,
        rival: row.rival.as_deref(),
        rival_value: row.rival_value,
        ratio: row.ratio(),
        bar: row.bar.map(|bar| bar.limit()),
        holds: row.holds(),
        reason: Some(row.remark()).filter(|reason| !reason.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Bar;
    use crate::sample::Sample;

    #[test]
    fn a_row_has_the_fields_that_are_promised_and_null_where_there_is_nothing() {
        let sample = |value| Sample::new(vec![value]);
        let barred =
            Row::new("next", &sample(2.0), "ms").beside("Python", &sample(100.0)).held_to(Bar::Faster(20.0));
        let plain = Row::new("p99", &sample(8.0), "ns");
        let path = std::env::temp_dir().join(format!("multiprom-report-{}.json", std::process::id()));
        write(&path, "a machine", &[barred, plain]).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let expected = serde_json::json!({
            "machine": "a machine",
            "rows": [
                {
                    "row": "next", "value": 2.0, "unit": "ms", "spread": [2.0, 2.0],
                    "rival": "Python", "rival_value": 100.0, "ratio": 0.02, "bar": 0.05, "holds": true,
                    "reason": null,
                },
                {
                    "row": "p99", "value": 8.0, "unit": "ns", "spread": [8.0, 8.0],
                    "rival": null, "rival_value": null, "ratio": null, "bar": null, "holds": null, "reason": null,
                },
            ],
        });
        assert_eq!(written, expected);
    }
}
