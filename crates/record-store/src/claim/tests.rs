use super::*;

#[test]
fn the_first_free_ordinal_is_claimed() {
    let directory = tempfile::tempdir().unwrap();
    let descriptors: &'static Descriptors = Box::leak(Box::new(Descriptors::new()));
    let pid = std::process::id();
    fs::write(directory.path().join(format!(".multiprom-{pid}-r0")), "a dead namesake's").unwrap();

    let claim = Claim::new(directory.path(), 0, descriptors).unwrap();
    let next = Claim::new(directory.path(), 0, descriptors).unwrap();

    assert_eq!((claim.process, next.process), (format!("{pid}-r1"), format!("{pid}-r2")));
    let namesakes = fs::read(directory.path().join(format!(".multiprom-{pid}-r0"))).unwrap();
    assert_eq!(namesakes, b"a dead namesake's");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "no name aside is left");
}

#[test]
fn the_dot_file_is_locked_until_its_holder_ends() {
    let directory = tempfile::tempdir().unwrap();
    let descriptors: &'static Descriptors = Box::leak(Box::new(Descriptors::new()));
    let claim = Claim::new(directory.path(), 0, descriptors).unwrap();
    let path = directory.path().join(format!(".multiprom-{}", claim.process));

    assert!(File::open(&path).unwrap().try_lock().is_err());
    drop(claim);
    assert!(File::open(&path).unwrap().try_lock().is_ok());
}

#[test]
fn the_dot_file_says_who_writes_and_in_which_units() {
    let directory = tempfile::tempdir().unwrap();
    let descriptors: &'static Descriptors = Box::leak(Box::new(Descriptors::new()));
    let mut claim = Claim::new(directory.path(), 0, descriptors).unwrap();
    let declared = metrics_core::Declaration {
        unit: "seconds",
        ..metrics_core::Declaration::new(metrics_core::Kind::Gauge, "age_seconds", "")
    };
    let desc = Desc::new(&declared).unwrap();
    claim.note(&desc);
    claim.note(&desc);

    let text = fs::read_to_string(directory.path().join(format!(".multiprom-{}", claim.process))).unwrap();
    let lines: Vec<_> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let of = |word| lines.iter().filter(|line| line.0 == word).map(|line| line.1).collect::<Vec<_>>();
    assert_eq!(of("format"), ["1"]);
    assert_eq!(of("pid"), [std::process::id().to_string()]);
    assert_eq!(of("unit"), ["age_seconds seconds"]);
    assert!(of("created")[0].parse::<f64>().unwrap() > 1.6e9);
    #[cfg(target_os = "linux")]
    {
        let ticks: u64 = of("start")[0].parse().unwrap();
        assert!(ticks > 0);
        assert_eq!(of("boot")[0].len(), "00000000-0000-0000-0000-000000000000".len());
        assert!(of("pid_namespace")[0].parse::<u64>().unwrap() > 0);
    }
}
