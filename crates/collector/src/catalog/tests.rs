use super::*;

fn error(text: &str) -> String {
    Catalog::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_metric_is_found_as_its_files_spell_it() {
    let catalog = Catalog::parse(b"# TYPE jobs_total counter\njobs_total 1\n# TYPE up gauge\n").unwrap();
    assert_eq!(catalog.entry("jobs_total").unwrap().kind, Kind::Counter);
    assert_eq!(catalog.entry("up").unwrap().kind, Kind::Gauge);
    assert!(catalog.entry("down").is_none());
}

#[test]
fn bounds_are_those_of_all_label_sets_as_spelled() {
    let page = "# TYPE h histogram\n\
        h_bucket{a=\"1\",le=\"1\"} 0\n\
        h_bucket{a=\"1\",le=\"+Inf\"} 0\n\
        h_bucket{a=\"2\",le=\"1\"} 0\n\
        h_bucket{a=\"2\",le=\"2.50\"} 0\n";
    let catalog = Catalog::parse(page.as_bytes()).unwrap();
    let bounds: Vec<&str> = catalog.entry("h").unwrap().bounds.iter().map(|le| &**le).collect();
    assert_eq!(bounds, ["1", "2.50"]);
}

#[test]
fn an_openmetrics_page_does_as_well() {
    let page = "# TYPE jobs counter\n# HELP jobs Done.\njobs_total 1\n# EOF\n";
    let catalog = Catalog::parse(page.as_bytes()).unwrap();
    assert_eq!(&*catalog.entry("jobs_total").unwrap().help, "Done.");
}

#[test]
fn a_line_that_is_neither_is_named() {
    assert_eq!(
        error("# TYPE a gauge\nnonsense\n"),
        "read catalog, line 2: expected a number, found the end of the line"
    );
    assert_eq!(
        error("# TYPE a gauge\n# AGGREGATION a\n"),
        "read catalog, line 2: expected # AGGREGATION name mode"
    );
    assert_eq!(error("\n# AGGREGATION b max\n"), "read catalog, line 2: no family b in this catalog");
    let unknown = error("# TYPE a gauge\n# AGGREGATION a median\n");
    assert!(
        unknown.starts_with("read catalog, line 2: unknown aggregation \"median\"; one of sum,"),
        "{unknown}"
    );
}

#[test]
fn a_counter_is_stated_by_a_name_that_can_lose_one_total() {
    let stated = |text: &str| {
        let catalog = Catalog::parse(text.as_bytes()).unwrap();
        catalog.statements().map(|statement| statement.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(stated("# TYPE a_total_total counter\na_total_total 1\n"), ["a_total_total"]);
    assert_eq!(stated("# TYPE a_total counter\na_total_total 1\n# EOF"), ["a_total_total"]);
    // Here the whole name is in the catalog, as `a` is somebody else's.
    assert_eq!(stated("# TYPE a gauge\na 1\n# TYPE a_total counter\na_total 1\n"), ["a", "a_total"]);
}
