//! The rules on made-up packages.

use super::*;

const SAFE: &str = "//! A crate.\n#![forbid(unsafe_code)]\n";

fn package(name: &str, dependencies: &[&str]) -> Package {
    Package {
        name: name.to_owned(),
        layered: true,
        dependencies: dependencies.iter().map(|&dependency| dependency.to_owned()).collect(),
        roots: vec![(format!("crates/{name}/src/lib.rs").into(), SAFE.to_owned())],
    }
}

#[test]
fn lower_layers_and_other_peoples_crates_are_allowed() {
    let packages = [
        package("collector", &["metrics-core", "dialects", "tokio"]),
        package("store-open", &["store-hash", "store-mmap"]),
        package("multiprom", &["store-mmap", "exporter-http", "collector"]),
    ];
    assert_eq!(faults(&packages), Vec::<String>::new());
}

#[test]
fn a_higher_layer_is_named_with_the_edge() {
    assert_eq!(
        faults(&[package("metrics-core", &["collector"])]),
        ["metrics-core (layer 1) -> collector (layer 4): a crate depends on lower layers only"]
    );
}

#[test]
fn neighbours_do_not_depend_on_each_other() {
    assert_eq!(
        faults(&[package("exposition", &["metrics-core", "dialects"])]),
        ["exposition (layer 2) -> dialects (layer 2): a crate depends on lower layers only"]
    );
}

#[test]
fn only_those_who_choose_name_a_concrete_store() {
    assert_eq!(
        faults(&[package("exporter-http", &["store-hash"])]),
        ["exporter-http -> store-hash: only store-open and multiprom name concrete stores"]
    );
}

#[test]
fn a_crate_without_a_layer_is_a_fault() {
    assert_eq!(faults(&[package("utils", &[])]), ["utils has no layer: give it one"]);
}

#[test]
fn chores_may_depend_on_anything_but_not_be_unsafe() {
    let mut chores = package("benches", &["store-mmap", "multiprom"]);
    chores.layered = false;
    assert_eq!(faults(std::slice::from_ref(&chores)), Vec::<String>::new());
    chores.roots[0].1 = "// #![forbid(unsafe_code)]".to_owned();
    assert_eq!(
        faults(&[chores]),
        [
            "crates/benches/src/lib.rs lacks #![forbid(unsafe_code)]: only store-mmap and forked may do without"
        ]
    );
}

#[test]
fn the_two_crates_with_unsafe_need_not_forbid_it() {
    let mut forked = package("forked", &[]);
    forked.roots[0].1.clear();
    assert_eq!(faults(&[forked]), Vec::<String>::new());
}

#[test]
fn no_crate_stands_in_two_layers() {
    let mut names = LAYERS.concat();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
