//! A directory that is full while its page is served and folded.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apart::{may_mount, mount, where_mounts_are_allowed};
use crate::http;
use crate::page;
use crate::running::Running;
use crate::tools::{app, multiprom, output, python};

#[test]
fn a_full_directory_is_served_and_folded_when_there_is_room() {
    let test = "full_disk::a_full_directory_is_served_and_folded_when_there_is_room";
    where_mounts_are_allowed(test, || {
        let directory = tempfile::tempdir().expect("make a directory");
        let path = directory.path();
        let metrics = path.join("metrics");
        fs::create_dir(&metrics).expect("make a directory");
        assert!(!may_mount() || mount(&["-t", "tmpfs", "-o", "size=512k", "multiprom-test"], &metrics));
        for _ in 0..3 {
            let wide = "from prometheus_client import Counter\n\
                        jobs = Counter('wide_jobs', 'Jobs.', ['name'])\n\
                        for number in range(100): jobs.labels(f'{number} ' + 'x' * 100).inc()";
            output(python().args(["-c", wide]).env("PROMETHEUS_MULTIPROC_DIR", &metrics));
        }
        let mut stay = python();
        stay.arg(app("stay.py")).env("PROMETHEUS_MULTIPROC_DIR", &metrics);
        let mut living = Running::start("python", &mut stay, path);
        living.wait_until("count", |log| log.contains("ready").then_some(()));

        let mut full = Full::fill(&metrics);
        let mut exporter = Running::start("multiprom", &mut full.serve(&metrics), path);
        let address = exporter.address("serving ");
        let own = |name: &str| {
            let page = http::page(address, "/metrics/self");
            let page = String::from_utf8(page).expect("text");
            let line = page.lines().find_map(|line| line.strip_prefix(name)).expect("it tells that");
            line.trim().parse::<f64>().expect("a number")
        };
        let counted = || {
            let page = http::page(address, "/metrics");
            (page::sum(&page, "wide_jobs_total"), page::sum(&page, "stay_jobs_total"))
        };
        let failed = "multiprom_folds_total{result=\"failed\"}";
        exporter.wait_until("fail twice", |_| (own(failed) >= 2.0).then_some(()));
        living.tell(b"once more\n");
        living.wait_until("count again", |log| log.contains("counted").then_some(()));
        assert_eq!(counted(), (300.0, 4.0));
        let said = exporter.log();
        let told = format!("not folded, and tried again: write {}/.multiprom-fold-new~", metrics.display());
        assert!(said.matches(&told).count() == 1 && said.contains(full.error()), "{said}");

        full.make_room(&exporter.pid());
        exporter.wait_until("fold", |_| (own("multiprom_folded_files_total") >= 3.0).then_some(()));
        assert_eq!(counted(), (300.0, 4.0));
        assert!(metrics.join("counter_archive.db").exists());
    });
}

/// A tmpfs without a free page; where there is none to be had, an exporter that may write short files only.
struct Full {
    filler: Option<PathBuf>,
}

impl Full {
    fn fill(metrics: &Path) -> Full {
        if !may_mount() {
            return Full { filler: None };
        }
        let filler = metrics.join("filler");
        let mut file = File::create(&filler).expect("make a file");
        while file.write_all(&[0; 4096]).is_ok() {}
        Full { filler: Some(filler) }
    }

    fn serve(&self, metrics: &Path) -> Command {
        let mut program = multiprom();
        program.args(["serve", "--fold", "--listen", "127.0.0.1:0"]).arg(metrics);
        if self.filler.is_some() {
            return program;
        }
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -S -f 16; exec \"$0\" \"$@\""]);
        limited.arg(program.get_program()).args(program.get_args());
        limited
    }

    fn error(&self) -> &'static str {
        if self.filler.is_some() { "No space left on device" } else { "File too large" }
    }

    fn make_room(&mut self, exporter: &str) {
        match &self.filler {
            Some(filler) => fs::remove_file(filler).expect("delete what fills the disk"),
            None => drop(output(Command::new("prlimit").args(["--pid", exporter, "--fsize=unlimited"]))),
        }
    }
}
