//! Recorded databases of other clients, loaded into a real server and read.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use collector::Ask;
use exposition::Syntax;
use metrics_core::{Kind, Label, Snapshot};
use redis_source::{Foreign, ForeignSource, Inside, Schema};
use redis_testkit::{RedisCluster, RedisServer};
use support::{catalog, collect, collector_of, foreign, own};

/// A case, what its keys begin with where that is not the usual, and whether the families of its page count.
struct Case {
    name: &'static str,
    schema: Schema,
    prefix: Option<&'static str>,
    families_count: bool,
}

const fn case(name: &'static str, schema: Schema) -> Case {
    Case { name, schema, prefix: None, families_count: true }
}

const CASES: [Case; 14] = [
    case("gpe-basic", Schema::Gunicorn),
    case("gpe-dead-worker", Schema::Gunicorn),
    Case { families_count: false, ..case("gpe-gunicorn", Schema::Gunicorn) },
    case("gpe-malformed", Schema::Gunicorn),
    case("gpe-modes", Schema::Gunicorn),
    Case { prefix: Some("shop"), ..case("gpe-prefix", Schema::Gunicorn) },
    case("gpe-special-values", Schema::Gunicorn),
    case("promphp-basic", Schema::PromPhp),
    case("promphp-ng", Schema::PromPhp),
    Case { prefix: Some("{shop}_"), ..case("promphp-prefix", Schema::PromPhp) },
    case("promphp-summary", Schema::PromPhp),
    case("pytheus-labelled", Schema::Pytheus),
    case("pytheus-rs", Schema::Pytheus),
    case("pytheus-unlabelled", Schema::Pytheus),
];

fn fixture(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(case)
}

fn load(server: &RedisServer, case: &str) {
    let dump = std::fs::read(fixture(case).join("dump.resp")).unwrap();
    let said = server.cli_with(&["--pipe"], &dump);
    assert!(said.contains("errors: 0"), "{case}: {said}");
}

/// What a page says, without its order: samples, and the families' kinds and help.
type Said = (BTreeMap<(String, Vec<Label>), f64>, BTreeMap<String, (Kind, String)>);

fn said(page: &Snapshot) -> Said {
    let mut samples = BTreeMap::new();
    for sample in page.families.iter().flat_map(|family| &family.samples) {
        let mut labels = sample.series.labels.to_vec();
        labels.sort();
        let twice = samples.insert((sample.series.name.to_string(), labels), sample.value);
        assert_eq!(twice, None, "{:?} stands twice", sample.series);
    }
    let families = page.families.iter();
    let families = families.map(|family| (family.name.to_string(), (family.kind, family.help.to_string())));
    (samples, families.collect())
}

/// The page that is recorded.
fn expected(case: &Case) -> Said {
    let mut text = std::fs::read_to_string(fixture(case.name).join("page.prom")).unwrap();
    if !case.families_count {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        text = lines.join("\n") + "\n";
    }
    said(&exposition::parse(Syntax::Text0, text.as_bytes()).unwrap())
}

/// The page of a database, as a reader of its text has it.
fn found(foreign: &Foreign) -> Said {
    let text = collect(&collector_of(foreign.clone())).unwrap();
    said(&exposition::parse(Syntax::Text0, text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

fn assert_same(case: &Case, found: &Said) {
    let expected = expected(case);
    let names = |said: &Said| said.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(&expected), "{}", case.name);
    for (series, value) in &expected.0 {
        let found = found.0[series];
        let near = (found - value).abs() <= value.abs() * 1e-12;
        assert!(
            near || found == *value || found.is_nan() && value.is_nan(),
            "{series:?}: {found}, not {value}"
        );
    }
    if case.families_count {
        assert_eq!(found.1, expected.1, "{}", case.name);
    }
}

fn known(server: &RedisServer, case: &Case) -> Foreign {
    let mut known = foreign(&server.url(), case.schema);
    known.prefix = case.prefix.map(str::to_owned);
    if case.schema == Schema::Pytheus {
        let text = std::fs::read_to_string(fixture(case.name).join("catalog.prom")).unwrap();
        known.catalog = catalog(&text);
    }
    known
}

#[test]
fn recorded_databases_are_read_as_their_oracle_says() {
    let server = RedisServer::start();
    for case in &CASES {
        server.cli(&["FLUSHALL"]);
        load(&server, case.name);
        assert_same(case, &found(&known(&server, case)));
    }
}

#[test]
fn of_a_cluster_keys_of_promphp_are_read_whose_prefix_has_a_hash_tag() {
    let cluster = RedisCluster::start(3);
    let case = CASES.iter().find(|case| case.prefix == Some("{shop}_")).unwrap();
    load(&cluster.nodes[cluster.owner("{shop}_")], case.name);
    let mut known = foreign(&cluster.url(), case.schema);
    known.prefix = case.prefix.map(str::to_owned);
    assert_same(case, &found(&known));
    for (schema, prefix) in
        [(Schema::PromPhp, "shop_"), (Schema::Gunicorn, "{shop}"), (Schema::Auto, "{shop}_")]
    {
        let mut known = foreign(&cluster.url(), schema);
        known.prefix = Some(prefix.to_owned());
        let error = ForeignSource::new(known).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("of a cluster only PromPHP's keys can be read"), "{error}");
    }
}

#[test]
fn a_second_scrape_says_the_same() {
    let server = RedisServer::start();
    for case in &CASES {
        server.cli(&["FLUSHALL"]);
        load(&server, case.name);
        let collector = collector_of(known(&server, case));
        let first = collect(&collector).unwrap();
        assert_eq!(collect(&collector).unwrap(), first, "{}", case.name);
    }
}

#[test]
fn whose_database_it_is_is_found_out() {
    let server = RedisServer::start();
    for case in &CASES {
        server.cli(&["FLUSHALL"]);
        load(&server, case.name);
        let unknown = Foreign { schema: Schema::Auto, prefix: None, ..known(&server, case) };
        assert_same(case, &found(&unknown));
    }
}

#[test]
fn a_look_inside_has_the_numbers_that_the_page_is_made_of_and_what_it_leaves_out() {
    let server = RedisServer::start();
    for case in &CASES {
        server.cli(&["FLUSHALL"]);
        load(&server, case.name);
        let known = known(&server, case);
        let unknown = Foreign { schema: Schema::Auto, prefix: None, ..known.clone() };
        let inside = Inside::read(unknown, &Ask::default()).unwrap();
        assert_eq!(inside.schema, case.schema, "{}", case.name);

        let collector = collector_of(known);
        collect(&collector).unwrap();
        let page = collect(&collector).unwrap();
        let page = said(&exposition::parse(Syntax::Text0, page.as_bytes()).unwrap());
        let mut sums: BTreeMap<(String, Vec<Label>), f64> = BTreeMap::new();
        for number in inside.numbers.iter().filter(|it| it.counts && it.statement.kind == Kind::Counter) {
            let mut labels = number.labels.clone();
            labels.sort();
            *sums.entry((number.sample.clone(), labels)).or_default() += number.value;
        }
        let counters = page.0.iter().filter(|(place, _)| sums.contains_key(place));
        assert_eq!(counters.count(), sums.len(), "{}", case.name);
        for (place, sum) in &sums {
            let shown = page.0[place];
            let near = (shown - sum).abs() <= sum.abs() * 1e-12;
            assert!(near || shown == *sum || shown.is_nan() && sum.is_nan(), "{place:?}: {sum}, not {shown}");
        }

        let own = own(&collector);
        let bad = own.lines().filter(|line| line.starts_with("multiprom_redis_bad_total{"));
        let bad: f64 = bad.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        let mut faults: Vec<_> = inside.faults.iter().map(|fault| (&fault.place, fault.reason)).collect();
        faults.dedup();
        assert_eq!(faults.len() as f64, bad, "{}: {:?}", case.name, inside.faults);
    }
}

#[test]
fn nothing_is_written() {
    let server = RedisServer::start();
    for case in &CASES {
        server.cli(&["FLUSHALL"]);
        load(&server, case.name);
        server.cli(&["CONFIG", "RESETSTAT"]);
        collect(&collector_of(Foreign { schema: Schema::Auto, prefix: None, ..known(&server, case) }))
            .unwrap();
        Inside::read(known(&server, case), &Ask::default()).unwrap();
        let statistics = server.cli(&["INFO", "commandstats"]);
        let commands = statistics.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'));
        let commands: Vec<&str> = commands.map(|(command, _)| command).collect();
        let allowed = ["exists", "get", "hget", "hgetall", "hmget", "mget", "pttl", "scan", "smembers"];
        let others: Vec<&&str> = commands
            .iter()
            .filter(|command| {
                !allowed.contains(*command) && !command.starts_with("config") && **command != "info"
            })
            .collect();
        assert!(others.is_empty(), "{}: {others:?}", case.name);
    }
}
