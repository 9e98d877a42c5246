//! What the system says of this process: the `process_*` families of Prometheus' Go client.

use std::fs;
use std::path::Path;

use metrics_core::Kind;
use process_metrics::Stat;
use push_groups::Family;

use crate::own::{family, number};

/// The families of this process; those that the system does not tell are left out.
///
/// Names and help texts: `prometheus/process_collector.go` of Prometheus' Go client.
pub(crate) fn process_families() -> Vec<Family> {
    let stat = Stat::read(std::process::id()).ok();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let numbers = [
        (
            Kind::Counter,
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            stat.map(|stat| Stat::seconds(stat.own_ticks)),
        ),
        (Kind::Gauge, "process_open_fds", "Number of open file descriptors.", open_files()),
        (
            Kind::Gauge,
            "process_max_fds",
            "Maximum number of open file descriptors.",
            limit(&limits, "Max open files"),
        ),
        (
            Kind::Gauge,
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            kilobytes(&status, "VmRSS:"),
        ),
        (
            Kind::Gauge,
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            kilobytes(&status, "VmSize:"),
        ),
        (
            Kind::Gauge,
            "process_virtual_memory_max_bytes",
            "Maximum amount of virtual memory available in bytes.",
            limit(&limits, "Max address space"),
        ),
        (
            Kind::Gauge,
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            stat.and_then(|stat| Some(boot_time()? + Stat::seconds(stat.start_ticks))),
        ),
    ];
    let told = numbers.into_iter().filter_map(|(kind, name, help, value)| Some((kind, name, help, value?)));
    told.map(|(kind, name, help, value)| family(kind, name, help, vec![number(&[], value)])).collect()
}

fn open_files() -> Option<f64> {
    Some(fs::read_dir(Path::new("/proc/self/fd")).ok()?.count() as f64)
}

/// When the machine started, Unix seconds.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// A line of `/proc/self/status`, in bytes.
fn kilobytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let number: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024.0)
}

/// A soft limit of `/proc/self/limits`; without one, what Go's client says: the largest number.
fn limit(limits: &str, name: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX as f64),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{kilobytes, limit};

    #[test]
    fn lines_of_the_system_are_understood() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024     524288    files\n\
                      Max address space         unlimited            unlimited            bytes\n";
        assert_eq!(limit(limits, "Max open files"), Some(1024.0));
        assert_eq!(limit(limits, "Max address space"), Some(18_446_744_073_709_551_616.0));
        assert_eq!(kilobytes("Name:\tx\nVmRSS:\t    2048 kB\n", "VmRSS:"), Some(2_097_152.0));
    }
}
