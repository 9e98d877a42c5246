//! One label set, in files until it is in Redis.

use std::sync::Arc;
use std::time::Duration;

use metrics_core::{Child, Desc, Kind, Mode, Part, Store};

use super::handover::{Shared, adds_up};
use super::parts::{AtomicU64, Gate, Ordering, PerProcess, SetOnce};

/// A handle of one label set.
pub(super) struct FallbackChild(pub(super) &'static Place);

/// One label set: in files until it is in Redis.
pub(super) struct Place {
    /// Where it counts, once that is Redis; for good, also in processes that are forked off then.
    redis: SetOnce<&'static dyn Child>,
    /// Where it counts until then; none where it was made later.
    files: Option<&'static dyn Child>,
    /// There in this process, if that has touched it while it counted in files.
    touched: PerProcess<()>,
    /// Passed by whoever changes a gauge that is in files, and by who takes it from there.
    gate: Gate,
    /// When it was last set in files, by this process: nanoseconds since the store was opened; 0 is never.
    set_at: AtomicU64,
    desc: Arc<Desc>,
    labels: Box<[Box<str>]>,
    shared: Arc<Shared>,
}

/// A change of a label set.
#[derive(Clone, Copy)]
enum Change {
    Add(f64),
    Set(f64),
    Observe(usize, f64),
}

impl Place {
    /// One that counts in files, through this child, until there is a Redis.
    pub(super) fn in_files(
        shared: &Arc<Shared>,
        desc: &Arc<Desc>,
        labels: &[&str],
        child: &'static dyn Child,
    ) -> Place {
        Place {
            redis: SetOnce::new(),
            files: Some(child),
            touched: PerProcess::new(),
            gate: Gate::default(),
            set_at: AtomicU64::new(0),
            desc: Arc::clone(desc),
            labels: labels.iter().map(|&value| value.into()).collect(),
            shared: Arc::clone(shared),
        }
    }

    /// One that counts in Redis from the start, through this child.
    pub(super) fn in_redis(
        shared: &Arc<Shared>,
        desc: &Arc<Desc>,
        labels: &[&str],
        child: &'static dyn Child,
    ) -> Place {
        let place = Place::in_files(shared, desc, labels, child);
        place.redis.get_or_set(|| child);
        Place { files: None, ..place }
    }

    /// Puts it among those that this process has touched while it counts in files.
    pub(super) fn touch(&'static self, in_files: &mut Vec<&'static Place>) {
        if self.touched.get().is_none() {
            // What a parent has set is not ours.
            self.set_at.store(0, Ordering::Relaxed);
            self.touched.get_or_init(|| ());
            in_files.push(self);
        }
    }

    /// Lets it count in Redis from now on. What adds up begins there at 0, any other gauge as it is here.
    pub(super) fn go_over(&'static self) {
        let labels: Vec<&str> = self.labels.iter().map(|value| &**value).collect();
        let redis = &self.shared.redis;
        // No gauge is changed while it goes; whoever waits for that finds it in Redis.
        let _alone = self.is_gauge().then(|| self.gate.enter());
        let child = match self.files {
            Some(files) if !adds_up(&self.desc) && self.touched.get().is_some() => {
                redis.child_from(&self.desc, &labels, files.get(Part::Value), self.age())
            }
            _ => redis.child(&self.desc, &labels),
        };
        // What Redis cannot keep - none of what was accepted when it was made - stays where it is.
        if let Ok(child) = child {
            self.redis.get_or_set(|| child);
        }
    }

    /// How long ago it was set, if ever.
    fn age(&self) -> Option<Duration> {
        let set_at = self.set_at.load(Ordering::Relaxed);
        let since_opened = self.shared.opened.elapsed();
        (set_at != 0).then(|| since_opened.saturating_sub(Duration::from_nanos(set_at)))
    }

    fn is_gauge(&self) -> bool {
        self.desc.kind() == Kind::Gauge
    }

    #[inline]
    fn change(&'static self, change: Change) {
        match self.redis.get() {
            Some(&redis) => self.change_in_redis(redis, change),
            None => self.change_before(change),
        }
    }

    /// As long as there is no Redis.
    #[inline(never)]
    fn change_before(&'static self, change: Change) {
        if self.touched.get().is_none() {
            self.touch_here();
        }
        // Setting is no addition: one that has begun in files must not end there after another has been made in
        // Redis. Of additions it does not matter.
        let _alone = self.is_gauge().then(|| self.gate.enter());
        match (self.redis.get(), self.files) {
            (Some(&redis), _) => self.change_in_redis(redis, change),
            (None, Some(files)) => {
                if let Change::Set(_) = change
                    && self.desc.aggregation().mode == Mode::MostRecent
                {
                    let now = self.shared.opened.elapsed().as_nanos();
                    self.set_at.store(u64::try_from(now).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
                }
                apply(files, change);
            }
            (None, None) => {} // Made in Redis, it is there.
        }
    }

    /// The first time in this process.
    #[cold]
    fn touch_here(&'static self) {
        let mut in_files = self.shared.own().in_files();
        if self.shared.is_in_redis() {
            // A parent's, which had gone over when this process was forked off, and had not touched it or not come
            // to it.
            self.go_over();
        } else {
            self.touch(&mut in_files);
        }
    }

    #[inline]
    fn change_in_redis(&self, redis: &'static dyn Child, change: Change) {
        match (change, self.files) {
            // Of a sum a part is in the files, and stays as it is.
            (Change::Set(to), Some(files)) if adds_up(&self.desc) => redis.set(to - files.get(Part::Value)),
            _ => apply(redis, change),
        }
    }
}

#[inline]
fn apply(child: &'static dyn Child, change: Change) {
    match change {
        Change::Add(by) => child.add(by),
        Change::Set(to) => child.set(to),
        Change::Observe(bucket, value) => child.observe(bucket, value),
    }
}

impl Child for FallbackChild {
    #[inline]
    fn add(&self, by: f64) {
        self.0.change(Change::Add(by));
    }

    #[inline]
    fn set(&self, to: f64) {
        self.0.change(Change::Set(to));
    }

    #[inline]
    fn observe(&self, bucket: usize, value: f64) {
        self.0.change(Change::Observe(bucket, value));
    }

    fn get(&self, part: Part) -> f64 {
        let place = self.0;
        match (place.redis.get(), place.files) {
            (Some(redis), Some(files)) if adds_up(&place.desc) => redis.get(part) + files.get(part),
            (Some(redis), _) => redis.get(part),
            (None, files) => files.map_or(0.0, |files| files.get(part)),
        }
    }
}
