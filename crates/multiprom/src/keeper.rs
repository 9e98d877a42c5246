//! Whoever keeps directories folded while their page is served.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use collector::{Ask, Source, SourceError, Tally};
use folding::{FoldError, Folded, Folder};
use metrics_core::{FamilySnapshot, Kind, Label, Snapshot};
use tokio::time::MissedTickBehavior;

/// How often it is looked whether there is anything to fold.
const FOLDS_EVERY: Duration = Duration::from_secs(5);

/// The most that the log is told of files that stay.
const MOST_TOLD: usize = 1_000;

/// What was folded since the program started.
#[derive(Clone, Default)]
pub(crate) struct Counts(Arc<Mutex<Numbers>>);

#[derive(Default)]
struct Numbers {
    folds: u64,
    failed: u64,
    files: u64,
    dropped: u64,
    kept: usize,
    unknown: usize,
}

/// Folds for as long as it is not dropped.
pub(crate) async fn keep_folded(mut folders: Vec<Folder>, counts: Counts) {
    let mut told = HashSet::new();
    let mut ticks = tokio::time::interval(FOLDS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let worked = tokio::task::spawn_blocking(move || {
            let results: Vec<Result<Folded, FoldError>> = folders.iter_mut().map(Folder::fold).collect();
            (folders, results)
        });
        let Ok((back, results)) = worked.await else { return };
        folders = back;
        for result in &results {
            tell(result, &mut told);
        }
        counts.take(&results);
    }
}

/// Tells the log what one would want to know, each once.
fn tell(result: &Result<Folded, FoldError>, told: &mut HashSet<String>) {
    let mut once = |text: String| told.len() < MOST_TOLD && told.insert(text);
    match result {
        Ok(folded) => {
            if folded.files + folded.dropped > 0 {
                tracing::debug!(files = folded.files, dropped = folded.dropped, "folded");
            }
            for kept in &folded.kept {
                if once(format!("{} {}", kept.file, kept.why)) {
                    tracing::warn!(file = kept.file, "a dead process's file stays: {}", kept.why);
                }
            }
            if let Some(doubt) = &folded.doubt
                && once(doubt.to_string())
            {
                tracing::warn!("nothing is folded whose process may live: {doubt}");
            }
        }
        Err(error) => {
            if once(error.to_string()) {
                tracing::warn!("not folded, and tried again: {error}");
            }
        }
    }
}

impl Counts {
    fn take(&self, results: &[Result<Folded, FoldError>]) {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (numbers.kept, numbers.unknown) = (0, 0);
        for result in results {
            match result {
                Ok(folded) => {
                    numbers.folds += 1;
                    numbers.files += folded.files as u64;
                    numbers.dropped += folded.dropped as u64;
                    numbers.kept += folded.kept.len();
                    numbers.unknown += folded.unknown;
                }
                Err(_) => numbers.failed += 1,
            }
        }
    }
}

/// Has no readings; what it says of itself stands among our own metrics.
#[async_trait]
impl Source for Counts {
    fn name(&self) -> String {
        "folding".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        Ok(())
    }

    fn own(&self) -> Snapshot {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = |result: &str| vec![Label::new("result", result)];
        let folds = [(result("ok"), numbers.folds as f64), (result("failed"), numbers.failed as f64)];
        let one = |value: f64| [(Vec::new(), value)];
        Snapshot {
            families: vec![
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_folds",
                    "Looks at a directory for files to fold.",
                    folds,
                ),
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_folded_files",
                    "Files of dead processes that were added to an archive.",
                    one(numbers.files as f64),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_dropped_files",
                    "Files of dead processes that were deleted because nobody shows their numbers.",
                    one(numbers.dropped as f64),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_unfoldable_files",
                    "Files of dead processes that cannot be folded; the log says why.",
                    one(numbers.kept as f64),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_doubtful_files",
                    "Files of which it is not known whether their process lives.",
                    one(numbers.unknown as f64),
                ),
            ],
        }
    }
}
