//! What a run of a fuzz target came to, in libFuzzer's own words.

use std::fmt;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) target: String,
    executions: u64,
    seconds: u64,
    /// Branches that were reached.
    coverage: u64,
    /// Inputs that reach different branches, or reach them differently often.
    inputs: u64,
    /// The file of an input that ended the run.
    pub(super) input: Option<String>,
    /// How to see again what was found.
    pub(super) found: Option<String>,
}

impl Report {
    pub(super) fn new(target: &str) -> Report {
        Report { target: target.to_owned(), ..Report::default() }
    }

    /// Takes in a line of what libFuzzer says.
    pub(super) fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let behind = |word| words.iter().skip_while(|&&other| other != word).nth(1).copied();
        let number = |text: Option<&str>| text.and_then(|text| text.split('/').next()?.parse::<u64>().ok());
        if line.starts_with('#') {
            self.coverage = number(behind("cov:")).unwrap_or(self.coverage);
            self.inputs = number(behind("corp:")).unwrap_or(self.inputs);
        } else if let ["Done", runs, "runs", "in", seconds, ..] = words[..] {
            self.executions = runs.parse().unwrap_or(self.executions);
            self.seconds = seconds.parse().unwrap_or(self.seconds);
        } else if let Some(executions) = number(behind("stat::number_of_executed_units:")) {
            self.executions = executions;
        } else if let Some((_, input)) = line.split_once("Test unit written to ") {
            self.input = Some(input.to_owned());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<18} {:>11} {:>8} {:>9} {:>7}  {}",
            self.target,
            self.executions,
            self.seconds,
            self.coverage,
            self.inputs,
            if self.found.is_some() { "FOUND" } else { "nothing" }
        )
    }
}

/// Prints the table.
pub(super) fn print(reports: &[Report]) {
    println!(
        "\n{:<18} {:>11} {:>8} {:>9} {:>7}  found",
        "target", "executions", "seconds", "coverage", "inputs"
    );
    for report in reports {
        println!("{report}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_read() {
        let mut report = Report::new("names");
        for line in [
            "INFO: seed corpus: files: 698 min: 1b max: 3000b total: 193433b rss: 27Mb",
            "#699\tINITED cov: 133 ft: 4768 corp: 35/42Kb exec/s: 0 rss: 28Mb",
            "#60000\tDONE   cov: 310 ft: 693 corp: 236/7883b lim: 127 exec/s: 0 rss: 28Mb",
            "Done 60000 runs in 2 second(s)",
            "stat::number_of_executed_units: 60001",
            "artifact_prefix='found/'; Test unit written to found/crash-1",
        ] {
            report.read(line);
        }
        let expected = Report {
            target: "names".to_owned(),
            executions: 60_001,
            seconds: 2,
            coverage: 310,
            inputs: 236,
            input: Some("found/crash-1".to_owned()),
            found: None,
        };
        assert_eq!(report, expected);
    }
}
