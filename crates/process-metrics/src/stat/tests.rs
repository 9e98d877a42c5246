use proptest::prelude::*;

use super::Stat;

const LINE: &str = "4711 (NAME) S 4700 4699 4698 34816 4701 4194368 1 2 3 4 70 8 900 60 20 0 3 0 123456 8192 2500 \
                    18446744073709551615 1 1 0 0 0 0 0 16781312 16386 0 0 0 17 1 0 0 0 0 0 1 1 1 1 1 1 1 0\n";

#[test]
fn the_name_may_be_any_bytes() {
    let expected = Stat {
        pid: 4711,
        state: b'S',
        parent: 4700,
        group: 4699,
        session: 4698,
        flags: 4194368,
        own_ticks: 78,
        children_ticks: 960,
        threads: 3,
        start_ticks: 123456,
        resident_pages: 2500,
    };
    for name in ["gunicorn: maste", "", ") S 1 1 1", "a (b) c)", "new\nline", "((("] {
        assert_eq!(Stat::parse(LINE.replace("NAME", name).as_bytes()), Some(expected), "{name:?}");
    }
    let mut bytes = LINE.as_bytes().to_vec();
    bytes[6] = 0xff;
    assert_eq!(Stat::parse(&bytes), Some(expected));
    assert!(expected.is_bare_fork() && !expected.has_ended());
}

#[test]
fn numbers_below_zero_are_none_of_ours() {
    let line =
        LINE.replace(" 4699 4698 ", " -1 -1 ").replace(" 900 60 ", " -3 60 ").replace(" 2500 ", " -7 ");
    let stat = Stat::parse(line.as_bytes()).unwrap();
    assert_eq!((stat.group, stat.session, stat.children_ticks, stat.resident_pages), (0, 0, 60, 0));
}

#[test]
fn a_line_that_was_cut_says_nothing() {
    let end = LINE.find(" 18446744073709551615").unwrap();
    for length in 0..end - 4 {
        assert_eq!(Stat::parse(&LINE.as_bytes()[..length]), None, "{length}");
    }
}

#[test]
fn this_process_is_among_all() {
    let own = std::process::id();
    let all = Stat::all().unwrap();
    let found = all.iter().find(|stat| stat.pid == own).unwrap();
    let read = Stat::read(own).unwrap();
    assert_eq!((found.start_ticks, found.parent), (read.start_ticks, read.parent));
    assert!(read.threads >= 1 && read.resident_pages > 0 && !read.is_bare_fork() && !read.has_ended());
    assert!(Stat::read(u32::MAX).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Stat::parse(&bytes);
    }

    #[test]
    fn any_fields_are_read_or_not(fields in prop::collection::vec("[-0-9A-Z()]{0,22}", 0..30)) {
        let _ = Stat::parse(fields.join(" ").as_bytes());
    }
}
