use super::wanted_names;

fn names(query: &str) -> Vec<String> {
    wanted_names(query).map(|names| names.to_vec()).unwrap_or_default()
}

#[test]
fn names_are_decoded_sorted_and_taken_once() {
    let table: &[(&str, &[&str])] = &[
        ("", &[]),
        ("name[]=up", &["up"]),
        ("name[]=b&name[]=a&name[]=b", &["a", "b"]),
        ("name%5B%5D=up", &["up"]),
        ("name%5b%5d=a%5Fb", &["a_b"]),
        ("name[]=a+b", &["a b"]),
        ("name[]=%C3%A9t%C3%A9", &["été"]),
        ("name[]=a=b", &["a=b"]),
    ];
    for (query, expected) in table {
        assert_eq!(names(query), *expected, "{query}");
    }
}

#[test]
fn what_asks_for_nothing_asks_for_everything() {
    for query in ["name[]=", "name[]", "name=up", "x=1", "&&", "name[]=&name%5B%5D="] {
        assert_eq!(wanted_names(query), None, "{query}");
    }
}

#[test]
fn broken_encoding_is_taken_as_it_stands() {
    let table: &[(&str, &[&str])] = &[
        ("name[]=50%", &["50%"]),
        ("name[]=%4", &["%4"]),
        ("name[]=%zz", &["%zz"]),
        ("name[]=%ff", &["\u{fffd}"]),
    ];
    for (query, expected) in table {
        assert_eq!(names(query), *expected, "{query}");
    }
}
