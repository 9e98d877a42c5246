//! The machine in a line, for those who read the numbers elsewhere.

use std::process::Command;

/// Processor, cores, kernel, compiler, and how busy it was before the run.
pub fn machine(cores: usize) -> String {
    let model = read("/proc/cpuinfo").lines().find_map(|line| {
        let value = line.strip_prefix("model name")?.trim_start().strip_prefix(':')?;
        Some(value.trim().to_owned())
    });
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    format!(
        "{cores} x {}, Linux {}, {}, load {load} before the run",
        model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        kernel.trim(),
        compiler(),
    )
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version =
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    version.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
