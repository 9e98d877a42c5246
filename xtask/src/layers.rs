//! Which crate may depend on which, and where `unsafe` may stand.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context, bail};
use cargo_metadata::DependencyKind;

use crate::workspace::Workspace;

/// The crates from the bottom up; a crate depends on crates of lower layers only.
const LAYERS: &[&[&str]] = &[
    &["forked"],
    &["metrics-core", "redis-link", "web-config"],
    &["dialects", "exposition", "redis-schema", "redis-testkit", "store-hash", "store-testkit"],
    &["record-store", "liveness", "redis-session", "push-groups"],
    &[
        "store-file",
        "store-mmap",
        "store-redis",
        "collector",
        "folding",
        "groups-testkit",
        "groups-log",
        "groups-redis",
    ],
    &["store-open", "exporter-http", "process-metrics", "redis-fleet", "redis-push", "redis-source"],
    &["push-gateway"],
    &["multiprom"],
];

/// The stores that an application chooses between. Whoever names one takes the choice away.
const CONCRETE_STORES: &[&str] = &["store-hash", "store-file", "store-mmap", "store-redis"];

/// The only crates that may depend on concrete stores.
const CHOOSERS: &[&str] = &["store-open", "multiprom"];

/// The only packages that may hold `unsafe`.
const UNSAFE: &[&str] = &["store-mmap", "forked"];

/// Checks the workspace and prints every fault.
///
/// # Errors
/// When there is one.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let packages = packages(workspace)?;
    let faults = faults(&packages);
    if faults.is_empty() {
        println!("layers: {} packages keep the order", packages.len());
        return Ok(());
    }
    for fault in &faults {
        eprintln!("layers: {fault}");
    }
    bail!(
        "{} (the table is in xtask/src/layers.rs, the reasons are in ARCHITECTURE.md)",
        count(faults.len())
    );
}

fn count(faults: usize) -> String {
    if faults == 1 { "1 fault in the layers".to_owned() } else { format!("{faults} faults in the layers") }
}

/// A package as far as the rules go.
struct Package {
    name: String,
    /// Whether it is one of `crates/`: chores, benchmarks and integration tests may use any of those.
    layered: bool,
    /// What it needs to be built and used; what only its tests and examples need is free.
    dependencies: Vec<String>,
    /// The root files of its library and its programs, with their text.
    roots: Vec<(PathBuf, String)>,
}

fn packages(workspace: &Workspace) -> anyhow::Result<Vec<Package>> {
    let crates = workspace.root().join("crates");
    let mut packages = Vec::new();
    for package in workspace.packages() {
        let free = |kind: &DependencyKind| matches!(kind, DependencyKind::Development);
        let dependencies = package.dependencies.iter().filter(|dependency| !free(&dependency.kind));
        let mut roots = Vec::new();
        for target in package.targets.iter().filter(|target| target.is_lib() || target.is_bin()) {
            let path = target.src_path.as_std_path();
            let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            roots.push((path.strip_prefix(workspace.root()).unwrap_or(path).to_owned(), text));
        }
        packages.push(Package {
            name: package.name.to_string(),
            layered: package.manifest_path.as_std_path().starts_with(&crates),
            dependencies: dependencies.map(|dependency| dependency.name.clone()).collect(),
            roots,
        });
    }
    Ok(packages)
}

/// What is wrong, a line for each fault.
fn faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        if package.layered {
            faults.extend(misplaced(package));
        }
        if !UNSAFE.contains(&package.name.as_str()) {
            faults.extend(unforbidden(package));
        }
    }
    faults
}

/// The dependencies of a crate that the table does not allow.
fn misplaced(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    let Some(own_layer) = layer(name) else {
        return vec![format!("{name} has no layer: give it one")];
    };
    let mut faults = Vec::new();
    for dependency in package.dependencies.iter().map(String::as_str) {
        // Other people's crates have no layer.
        let Some(its_layer) = layer(dependency) else { continue };
        if its_layer >= own_layer {
            faults.push(format!(
                "{name} (layer {own_layer}) -> {dependency} (layer {its_layer}): a crate depends on lower layers only"
            ));
        } else if CONCRETE_STORES.contains(&dependency) && !CHOOSERS.contains(&name) {
            faults.push(format!(
                "{name} -> {dependency}: only {} name concrete stores",
                CHOOSERS.join(" and ")
            ));
        }
    }
    faults
}

/// The root files of a package that do not forbid `unsafe`.
fn unforbidden(package: &Package) -> impl Iterator<Item = String> {
    let lacking =
        package.roots.iter().filter(|(_, text)| !text.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    lacking.map(|(path, _)| {
        format!(
            "{} lacks #![forbid(unsafe_code)]: only {} may do without",
            path.display(),
            UNSAFE.join(" and ")
        )
    })
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}
