//! `multiprom collect`.

use crate::process::{multiprom, run};
use crate::recorded::{Recorded, fixtures};

#[test]
fn a_recorded_directory_gives_the_python_clients_page() {
    for case in ["01-basic", "03-labels", "10-buckets", "11-gunicorn"] {
        let recorded = Recorded::new(&format!("python-multiprocess/{case}"));
        for (arguments, expected) in [
            (&["collect"][..], "expected.txt"),
            (&["collect", "--format", "text"], "expected.txt"),
            (&["collect", "--format", "openmetrics"], "expected.om.txt"),
        ] {
            let (code, page, errors) = run(multiprom(arguments).arg(recorded.path()));
            assert_eq!((code, page, errors.as_str()), (Some(0), recorded.expected(expected), ""), "{case}");
        }
    }
}

#[test]
fn without_a_source_it_is_the_directory_of_the_environment() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    for variable in ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"] {
        let (code, page, _) = run(multiprom(&["collect"]).env(variable, recorded.path()));
        assert_eq!((code, page), (Some(0), recorded.expected("expected.txt")), "{variable}");
    }
}

#[test]
fn without_source_and_environment_it_says_what_is_missing() {
    for value in [None, Some("")] {
        let mut command = multiprom(&["collect"]);
        if let Some(value) = value {
            command.env("PROMETHEUS_MULTIPROC_DIR", value);
        }
        let (code, page, errors) = run(&mut command);
        assert_eq!((code, page.as_str()), (Some(1), ""));
        assert!(errors.contains("no directory is given and PROMETHEUS_MULTIPROC_DIR is not set"), "{errors}");
    }
}

#[test]
fn labels_are_put_on_every_series_of_their_directory() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let (code, page, _) = run(&mut multiprom(&["collect", &format!("{},app=shop", recorded.path())]));
    assert_eq!(code, Some(0));
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("app=\"shop\""), "{line}");
    }
}

#[test]
fn a_missing_directory_is_named_with_the_reason() {
    let (code, page, errors) = run(&mut multiprom(&["collect", "/no/such/directory"]));
    assert_eq!((code, page.as_str()), (Some(1), ""));
    assert!(errors.contains("/no/such/directory"), "{errors}");
    assert_eq!(errors.matches("No such file or directory").count(), 1, "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_wrong_command_line_is_told_from_a_page_that_cannot_be_had() {
    for arguments in [
        &["collect", "/tmp,app"][..],
        &["collect", "/tmp,pid=1"],
        &["collect", "--format", "xml", "/tmp"],
        &["collect", "--catalog"],
        &["frobnicate"],
        &[],
    ] {
        let (code, page, errors) = run(&mut multiprom(arguments));
        assert_eq!((code, page.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(!errors.is_empty());
    }
}

#[test]
fn a_catalog_that_cannot_be_read_is_named() {
    let (code, _, errors) = run(&mut multiprom(&["collect", "--catalog", "/no/such/catalog", "/tmp"]));
    assert_eq!(code, Some(1));
    assert!(errors.contains("read catalog /no/such/catalog: No such file or directory"), "{errors}");
}

#[test]
fn ruby_files_get_their_kinds_from_a_saved_page() {
    let folder = fixtures().join("ruby-direct-file-store/05_histogram_default_buckets");
    let catalog = folder.join("expected.txt");
    let (code, page, errors) =
        run(multiprom(&["collect", "--catalog"]).arg(&catalog).arg(folder.join("data")));
    assert_eq!(code, Some(0), "{errors}");
    for line in std::fs::read_to_string(&catalog).unwrap().lines().filter(|line| line.starts_with('#')) {
        assert!(page.lines().any(|other| other == line), "{line:?} is missing in {page}");
    }
}
