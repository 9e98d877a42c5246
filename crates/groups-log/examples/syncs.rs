//! What it costs to sync a file that grows, and one whose room was made ready: writes of 4 KiB into DIRECTORY.
//!
//! `cargo run --release -p groups-log --example syncs -- DIRECTORY`

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const WRITES: u64 = 500;
const BYTES: usize = 4096;

fn main() -> std::io::Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let path = Path::new(&directory).join("groups-log-syncs");
    println!("{WRITES} writes of {BYTES} bytes, each synced; median and 95th of a hundred");
    // Each way three times, one after the other, so that what else the machine does hits all.
    for _ in 0..3 {
        for (what, ready) in [("growing", false), ("ready", true)] {
            let file = File::create(&path)?;
            if ready {
                file.write_all_at(&vec![0; WRITES as usize * BYTES], 0)?;
                file.sync_all()?;
            }
            let mut times: Vec<Duration> = (0..WRITES).map(|at| once(&file, at)).collect::<Result<_, _>>()?;
            times.sort_unstable();
            let at = |percent: usize| times[times.len() * percent / 100];
            println!("{what:8} {:>10.1?} {:>10.1?}", at(50), at(95));
        }
    }
    std::fs::remove_file(path)
}

fn once(file: &File, at: u64) -> std::io::Result<Duration> {
    let begun = Instant::now();
    file.write_all_at(&[1; BYTES], at * BYTES as u64)?;
    file.sync_data()?;
    Ok(begun.elapsed())
}
