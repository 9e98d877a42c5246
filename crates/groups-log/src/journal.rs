//! The log in use, when the next one is begun, and the snapshots beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::disk::Disk;
use crate::frame::Frames;
use crate::log::{Failed, Log, ToSync};
use crate::options::Sync;
use crate::snapshot::{Image, clear_before, write};

/// See the head of this file.
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    sync: Sync,
    snapshot_after: u64,
    /// None: what the last one holds, or will hold after a crash, is not known any more. Before anything else is
    /// acknowledged a new one follows on a snapshot.
    log: Option<Log>,
    /// The highest number that a file may have.
    number: u64,
    /// Bytes of logs that a restart would read, without the one in use.
    behind: u64,
    running: Option<JoinHandle<Result<u64, Failed>>>,
    /// A snapshot is due, however short the logs are: the last one failed.
    owed: bool,
    /// Not before then is another snapshot begun.
    not_before: Option<Instant>,
    /// How long is waited after the next failure.
    patience: Duration,
    pub(crate) figures: Arc<Mutex<Figures>>,
}

/// What is told of it.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) series: usize,
    pub(crate) log_bytes: u64,
    pub(crate) snapshot_bytes: u64,
    /// Unix nanoseconds.
    pub(crate) snapshot_time: Option<u64>,
    pub(crate) syncs: u64,
    pub(crate) last_sync: Duration,
    pub(crate) trouble: Option<String>,
}

/// So long is waited after a snapshot, or a new log, could not be made: at first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3600));

impl Journal {
    /// A journal that begins with a new log, behind all files up to `number`. `image` is what they hold.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        sync: Sync,
        snapshot_after: u64,
        number: u64,
        image: Option<Image>,
        (after, time): (u64, u64),
    ) -> Result<Journal, Failed> {
        let log = Log::create(&*disk, number + 1, after, time)?;
        let mut journal = Journal {
            disk,
            sync,
            snapshot_after,
            log: Some(log),
            number: number + 1,
            behind: 0,
            running: None,
            owed: false,
            not_before: None,
            patience: PATIENCE.0,
            figures: Arc::default(),
        };
        lock(&journal.figures).log_bytes = journal.log.as_ref().map_or(0, Log::end);
        if let Some(image) = image {
            journal.write_aside(image, time);
        }
        Ok(journal)
    }

    /// Sees to it that there is a log that can be trusted.
    pub(crate) fn ready(&mut self, now: u64, image: impl FnOnce(u64) -> Image) -> Result<(), Failed> {
        if self.log.is_some() {
            return Ok(());
        }
        self.finish_snapshot(true);
        let number = self.number + 1;
        let image = image(number);
        let after = image.seq();
        self.number = number;
        // The snapshot comes first: a log that follows on what is not there could not be read.
        let bytes = write(&*self.disk, &image)?;
        self.log = Some(Log::create(&*self.disk, number, after, now)?);
        (self.behind, self.owed) = (0, false);
        clear_before(&*self.disk, number, 0);
        let mut figures = lock(&self.figures);
        (figures.snapshot_bytes, figures.snapshot_time, figures.trouble) = (bytes, Some(now), None);
        Ok(())
    }

    /// Frames to [commit](Journal::commit).
    pub(crate) fn frames(&mut self) -> Option<Frames> {
        self.log.as_mut().map(Log::frames)
    }

    /// Writes frames, so that they last as is promised.
    pub(crate) fn commit(&mut self, frames: Frames) -> Result<(), Failed> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let done = log.append(frames).and_then(|()| match self.sync {
            Sync::Always => timed(&log.to_sync(), &self.figures),
            Sync::Interval(_) | Sync::Never => Ok(()),
        });
        lock(&self.figures).log_bytes = self.behind + log.end();
        if let Err(failed) = &done
            && failed.distrust
        {
            self.log = None;
        }
        done
    }

    /// Makes a snapshot if it is time: what is written from then on goes to a new log.
    pub(crate) fn turn_over(&mut self, now: u64, image: impl FnOnce(u64) -> Image) {
        self.finish_snapshot(false);
        let least = self.snapshot_after.max(lock(&self.figures).snapshot_bytes);
        let Some(log) = &self.log else { return };
        let is_due = self.owed || self.behind + log.end() >= least;
        let may = self.running.is_none() && self.not_before.is_none_or(|time| Instant::now() >= time);
        if !is_due || !may {
            return;
        }
        let end = log.end();
        let number = self.number + 1;
        let image = image(number);
        // What the next log follows on has to be there whenever that is.
        let begun = log.to_sync().sync().and_then(|()| Log::create(&*self.disk, number, image.seq(), now));
        match begun {
            Ok(log) => {
                self.log = Some(log);
                self.number = number;
                self.behind += end;
                self.write_aside(image, now);
            }
            Err(failed) => {
                if failed.distrust {
                    self.log = None;
                    self.number = number;
                }
                self.trouble(&failed);
            }
        }
    }

    /// What has to be synced by and by.
    pub(crate) fn to_sync(&self) -> Option<ToSync> {
        self.log.as_ref().map(Log::to_sync).filter(|log| !log.is_done())
    }

    /// The log in use could not be synced.
    pub(crate) fn distrust(&mut self, failed: &Failed) {
        self.trouble(failed);
        self.log = None;
    }

    /// Marks all of it as finished, so that whatever is damaged later is noticed.
    pub(crate) fn close(&mut self) {
        self.finish_snapshot(true);
        let Some(log) = &mut self.log else { return };
        if log.to_sync().sync().is_ok() {
            let mark = log.frames();
            let _ = log.append(mark).and_then(|()| log.to_sync().sync());
        }
    }

    /// Writes a snapshot on a thread of its own.
    fn write_aside(&mut self, image: Image, now: u64) {
        let (disk, figures, number) = (self.disk.clone(), self.figures.clone(), self.number);
        let least = self.snapshot_after;
        let thread = thread::Builder::new().name("groups-snapshot".to_owned()).spawn(move || {
            let bytes = write(&*disk, &image)?;
            // Twice as long is a log only where something went wrong.
            clear_before(&*disk, number, least.max(bytes).saturating_mul(2));
            let mut figures = lock(&figures);
            (figures.snapshot_bytes, figures.snapshot_time) = (bytes, Some(now));
            Ok(bytes)
        });
        match thread {
            Ok(thread) => self.running = Some(thread),
            Err(cause) => {
                self.owed = true;
                self.trouble(&Failed {
                    doing: "start a thread to write",
                    name: crate::names::name(crate::frame::Kind::Snapshot, number),
                    at: None,
                    cause,
                    distrust: false,
                });
            }
        }
    }

    /// Takes note of a snapshot that is finished; with `wait` it is waited for.
    fn finish_snapshot(&mut self, wait: bool) {
        let Some(thread) = self.running.take_if(|thread| wait || thread.is_finished()) else { return };
        match thread.join() {
            Ok(Ok(_)) => {
                (self.behind, self.owed, self.patience) = (0, false, PATIENCE.0);
                lock(&self.figures).trouble = None;
            }
            Ok(Err(failed)) => {
                self.owed = true;
                self.trouble(&failed);
            }
            Err(_) => {
                self.owed = true;
                self.wait();
            }
        }
    }

    fn trouble(&mut self, failed: &Failed) {
        lock(&self.figures).trouble = Some(failed.told(&*self.disk));
        self.wait();
    }

    fn wait(&mut self) {
        self.not_before = Some(Instant::now() + self.patience);
        self.patience = (self.patience * 2).min(PATIENCE.1);
    }
}

/// Syncs it, and counts that.
pub(crate) fn timed(log: &ToSync, figures: &Mutex<Figures>) -> Result<(), Failed> {
    let begun = Instant::now();
    let done = log.sync();
    let mut figures = lock(figures);
    figures.syncs += 1;
    figures.last_sync = begun.elapsed();
    done
}

impl Failed {
    /// As a message.
    pub(crate) fn told(&self, disk: &dyn Disk) -> String {
        let at = self.at.map(|at| format!(" at {at}")).unwrap_or_default();
        format!("{} {}{at}: {}", self.doing, disk.path(&self.name).display(), self.cause)
    }
}

/// A thread that failed has left nothing half done that matters here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
