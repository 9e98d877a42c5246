//! Groups of processes as a source of a collector.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use collector::{Ask, By, FamilyId, Source, SourceError, Statement, Tally};
use metrics_core::{Aggregation, Kind, Label, Process};

use crate::account::Account;
use crate::proportional::Proportional;
use crate::seen::Seen;
use crate::{Group, Stat, lines};

/// Groups of processes as a source of a [`Collector`](collector::Collector); see the [crate](crate).
///
/// A scrape costs four files of `/proc` for each process, some 60 us, and `smaps_rollup`, which is dear: the system walks
/// the memory of the process for it, 0.5 ms for a small Python worker and 30 ms for each gigabyte. So an answer is good
/// for 200 times as long as it took; a process of a gigabyte is asked every six seconds at most. The
/// [descendants](Group::descendants_of) of a process are found by a look at all processes in sight, some 20 us for each.
pub struct ProcessSource {
    groups: Vec<(Group, Mutex<Known>)>,
    view: View,
}

/// What is known of a group's processes from scrape to scrape.
#[derive(Default)]
struct Known {
    account: Account,
    proportional: Proportional,
}

/// How the numbers of a group's processes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// One number for all of a group.
    Sum,
    /// One for each process, with its `pid`. The counter ends with its process.
    Each,
}

impl ProcessSource {
    /// These groups, which their labels should tell apart.
    pub fn new(groups: Vec<Group>, view: View) -> ProcessSource {
        let known = |group: Group| {
            let account = Account::new(group.kept_in.as_deref());
            (group, Mutex::new(Known { account, ..Known::default() }))
        };
        ProcessSource { groups: groups.into_iter().map(known).collect(), view }
    }
}

#[async_trait]
impl Source for ProcessSource {
    fn name(&self) -> String {
        "process metrics".to_owned()
    }

    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        let each = self.view == View::Each || ask.by == By::Process;
        let started = boot_time().map_err(|error| SourceError::new("read /proc/stat", error))?;
        let families = Families::of(into, each);
        for (group, known) in &self.groups {
            let members = group
                .members()
                .map_err(|error| SourceError::new("find the application's processes", error))?;
            // Scrapes come one after the other.
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let Known { account, proportional } = &mut *known;
            let look = |pid| Seen::look(pid, proportional);
            let seen: Vec<Seen> = members.pids.into_iter().filter_map(look).collect();
            proportional.forget_others();
            // Also where each is shown by itself: nobody says that it is always asked in the same way.
            let ticks = account.count(seen.iter().map(|seen| &seen.stat), members.ticks);
            let labels = &group.labels;
            if each {
                for seen in &seen {
                    let id = seen.stat.pid.to_string();
                    report(into, Process { id, labels: labels.clone() });
                    let numbers = Numbers::of(std::slice::from_ref(seen), seen.stat.own_ticks, started);
                    families.add(into, &numbers, Some(seen.stat.pid));
                }
            } else {
                report(into, Process { id: "all".to_owned(), labels: labels.clone() });
                families.add(into, &Numbers::of(&seen, ticks, started), None);
            }
        }
        Ok(())
    }

    fn yields(&self) -> bool {
        true
    }
}

fn report(into: &mut Tally, process: Process) {
    let origin = into.origin(&process, "/proc");
    into.report(origin);
}

/// When the machine started, in seconds since 1970.
fn boot_time() -> std::io::Result<f64> {
    let text = std::fs::read("/proc/stat")?;
    lines::boot_time(&text)
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "it has no btime"))
}

/// What there is to say of some processes. A number that is not known of all of them is none.
struct Numbers {
    cpu_seconds: f64,
    gauges: [Option<f64>; GAUGES.len()],
}

impl Numbers {
    fn of(seen: &[Seen], ticks: u64, boot: f64) -> Numbers {
        let sum = |number: fn(&Seen) -> Option<f64>| seen.iter().map(number).sum::<Option<f64>>();
        let start = seen.iter().map(|seen| seen.stat.start_ticks).min();
        Numbers {
            cpu_seconds: Stat::seconds(ticks),
            gauges: [
                sum(|seen| Some(seen.resident_bytes)),
                sum(|seen| seen.proportional_bytes),
                sum(|seen| seen.open_files),
                sum(|seen| seen.most_open_files),
                sum(|seen| Some(seen.stat.threads as f64)),
                start.map(|ticks| boot + Stat::seconds(ticks)),
            ],
        }
    }
}

const CPU: &str = "process_cpu_seconds";

/// Name and help, in the words of other clients where they have them.
const GAUGES: [(&str, &str); 6] = [
    ("process_resident_memory_bytes", "Resident memory size in bytes."),
    ("process_proportional_memory_bytes", "Private memory and a fair share of what is shared, in bytes."),
    ("process_open_fds", "Number of open file descriptors."),
    ("process_max_fds", "Maximum number of open file descriptors."),
    ("process_threads", "Number of threads."),
    (START_TIME, "Start time of the process since unix epoch in seconds."),
];

const START_TIME: &str = "process_start_time_seconds";

/// The families as one tally numbers them.
struct Families {
    cpu: FamilyId,
    gauges: [FamilyId; GAUGES.len()],
}

impl Families {
    fn of(into: &mut Tally, each: bool) -> Families {
        let cpu = "Total user and system CPU time spent in seconds.";
        let cpu = into.family(&Statement::new(Kind::Counter, CPU, cpu, Aggregation::SUM));
        let gauges = GAUGES.map(|(name, help)| {
            let aggregation = match name {
                _ if each => Aggregation::ALL,
                START_TIME => Aggregation::MIN,
                _ => Aggregation::SUM,
            };
            into.family(&Statement::new(Kind::Gauge, name, help, aggregation))
        });
        Families { cpu, gauges }
    }

    fn add(&self, into: &mut Tally, numbers: &Numbers, pid: Option<u32>) {
        let labels: Vec<Label> = pid.iter().map(|pid| Label::new("pid", &pid.to_string())).collect();
        let mut add = |family, sample: &str, labels: Vec<Label>, value| {
            let series = into.series(family, sample, labels).expect("no family is a histogram");
            into.add(series, value, 0.0);
        };
        add(self.cpu, &format!("{CPU}_total"), labels, numbers.cpu_seconds);
        for ((&family, (name, _)), value) in self.gauges.iter().zip(GAUGES).zip(numbers.gauges) {
            if let Some(value) = value {
                add(family, name, Vec::new(), value);
            }
        }
    }
}
