use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn desc(kind: Kind, name: &str, labels: &[&str]) -> Arc<Desc> {
    Arc::new(Desc::new(&Declaration { labels, ..Declaration::new(kind, name, "Help, \"quoted\".") }).unwrap())
}

fn written() -> Schema {
    let mut schema = Schema::default();
    let hits = desc(Kind::Counter, "hits", &["method", "code"]);
    schema.push(&hits, "", &["GET", "200"]);
    schema.push(&desc(Kind::Histogram, "latency", &[]), "", &[]);
    schema.push(&desc(Kind::Summary, "size", &["ä"].map(|_| "what")), "", &["ä"]);
    schema.push(&hits, "a", &["GET", "500"]);
    schema
}

#[test]
fn what_was_pushed_is_read_with_its_numbers() {
    let written = written();
    let mut read = Schema::default();
    read.extend(written.bytes()).unwrap();
    assert_eq!(read.sets(), written.sets());
    let numbers: Vec<_> = read.sets().iter().map(|set| set.numbers.clone()).collect();
    // A sum, eleven buckets and that for +Inf.
    assert_eq!(numbers, [0..1, 1..14, 14..16, 16..17]);
    assert_eq!(read.numbers(), 17);
    assert_eq!(read.sets()[3].process, "a".into());
}

#[test]
fn a_schema_that_has_grown_is_read_on_from_where_it_ended() {
    let mut written = written();
    let mut read = Schema::default();
    read.extend(written.bytes()).unwrap();
    written.push(&desc(Kind::Gauge, "level", &[]), "", &[]);
    read.extend(&written.bytes()[read.bytes().len()..]).unwrap();
    assert_eq!(read.sets(), written.sets());
    assert_eq!(read.bytes(), written.bytes());
}

#[test]
fn entries_before_one_that_is_none_are_read() {
    let mut bytes = written().bytes().to_vec();
    let whole = bytes.len();
    entry(&mut bytes, |text| text.push(9));
    let mut read = Schema::default();
    let error = read.extend(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the entry at byte {whole} cannot be read: it is neither a family nor a label set")
    );
    assert_eq!(read.sets(), written().sets());
}

#[test]
fn an_entry_with_bytes_behind_its_end_is_not_read() {
    let jobs = desc(Kind::Counter, "jobs", &["queue"]);
    let sets = |values: &[&str]| {
        let mut schema = Schema::default();
        for value in values {
            schema.push(&jobs, "", &[value]);
        }
        schema.bytes().to_vec()
    };
    let (one, two) = (sets(&["mail"]), sets(&["mail", "post"]));
    // The value of the second is said to be shorter than it is.
    let mut bytes = two.clone();
    let len = bytes.len() - 8;
    bytes[len] = 1;
    let mut read = Schema::default();
    let error = read.extend(&bytes).unwrap_err();
    assert_eq!((error.offset, &*error.reason), (one.len(), "3 bytes stand behind its end"));
    assert_eq!((read.bytes(), read.sets().len(), read.numbers()), (&one[..], 1, 1));
}

#[test]
fn a_label_set_of_a_family_that_is_not_there_is_refused() {
    let mut bytes = Vec::new();
    entry(&mut bytes, |text| {
        text.push(LABEL_SET);
        write_number(text, 7);
    });
    assert_eq!(Schema::default().extend(&bytes).unwrap_err().reason, "it is of no family");
}

#[test]
fn a_claim_of_four_billion_labels_takes_no_memory() {
    let mut bytes = Vec::new();
    entry(&mut bytes, |text| {
        text.push(FAMILY);
        ["gauge", "sum", "g", "", ""].iter().for_each(|word| write_string(text, word));
        text.extend_from_slice(&u32::MAX.to_le_bytes());
    });
    assert_eq!(Schema::default().extend(&bytes).unwrap_err().reason, "it is cut off");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_with_a_place_in_them(
        mut bytes in vec(any::<u8>(), 0..200),
        cut in 0_usize..2_000,
    ) {
        let mut whole = written().bytes().to_vec();
        whole.truncate(cut);
        whole.append(&mut bytes);
        let mut schema = Schema::default();
        if let Err(error) = schema.extend(&whole) {
            prop_assert!(error.offset < whole.len());
        }
        prop_assert!(schema.bytes().len() <= whole.len());
    }

    #[test]
    fn however_it_is_cut_into_pieces_it_reads_the_same(cuts in vec(0_usize..8, 0..4), sets in vec(0_usize..4, 1..20)) {
        let mut written = Schema::default();
        let mut lengths = vec![0];
        for set in sets {
            let family = desc([Kind::Counter, Kind::Gauge, Kind::Summary, Kind::Histogram][set], &format!("f{set}"), &["l"]);
            written.push(&family, "", &[&set.to_string()]);
            lengths.push(written.bytes().len());
        }
        let mut read = Schema::default();
        for cut in cuts {
            let to = lengths[cut % lengths.len()].max(read.bytes().len());
            read.extend(&written.bytes()[read.bytes().len()..to]).unwrap();
        }
        read.extend(&written.bytes()[read.bytes().len()..]).unwrap();
        prop_assert_eq!(read.sets(), written.sets());
    }
}

#[test]
fn a_thousand_label_sets_of_a_family_take_as_many_bytes_as_the_protocol_says() {
    let labels = &["method", "code", "path"];
    let declared =
        Declaration { labels, ..Declaration::new(Kind::Counter, "http_requests", "Requests served.") };
    let desc = Arc::new(Desc::new(&declared).unwrap());
    let mut schema = Schema::default();
    for path in 0..50 {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            for code in ["200", "201", "404", "500"] {
                schema.push(&desc, "", &[method, code, &format!("/api/v1/orders/{path}")]);
            }
        }
    }
    assert_eq!((schema.sets().len(), schema.bytes().len()), (1_000, 49_098));
    let protocol = include_str!("../../PROTOCOL.md");
    assert!(protocol.contains(" are 49,098 bytes,"));
}
