//! Numbers that all processes share: a hash for each family, a field for each number, its value in decimal digits.
//!
//! Redis adds to them itself (`HINCRBYFLOAT`), so they stand there as text. What the family is stands beside them: a
//! reader needs nothing else.

use metrics_core::Desc;

use crate::schema::{fnv, numbers_of, read_family, write_family};

/// The values of a label set, in the order of the names.
pub type Values = Box<[Box<str>]>;

/// What tells a family from all others, those of its name that are declared otherwise included: its name and a hash of
/// its description.
pub fn identifier(desc: &Desc) -> String {
    format!("{}:{:016x}", desc.name(), fnv(describe(desc)))
}

/// The description of a family: as an entry of a [schema](crate::Schema), without its length.
pub fn describe(desc: &Desc) -> Vec<u8> {
    let mut text = Vec::new();
    write_family(&mut text, desc);
    text
}

/// The family of a description.
///
/// # Errors
/// With the reason, when it is none, or its numbers do not add up.
pub fn described(mut description: &[u8]) -> Result<Desc, String> {
    // The byte that says what an entry is.
    if description.split_off_first() != Some(&crate::schema::FAMILY) {
        return Err("it is no family".to_owned());
    }
    let desc = read_family(&mut description)?;
    if !description.is_empty() {
        return Err(format!("{} bytes stand behind its end", description.len()));
    }
    if desc.aggregation() != metrics_core::Aggregation::SUM {
        return Err(format!("its aggregation is {}, and shared numbers can only add up", desc.aggregation()));
    }
    Ok(desc)
}

/// The field of one of the numbers of a label set, counted as in a [schema](crate::Schema).
///
/// ```
/// assert_eq!(redis_schema::shared::field(0, &["GET", "200"]), "0 3:GET,3:200,");
/// ```
pub fn field(number: usize, values: &[impl AsRef<str>]) -> String {
    let mut field = format!("{number} ");
    for value in values {
        let value = value.as_ref();
        field.push_str(&format!("{}:{value},", value.len()));
    }
    field
}

/// Which number of which label set a field has.
///
/// # Errors
/// With the reason, when it is none of this family.
pub fn number_of(field: &[u8], desc: &Desc) -> Result<(usize, Values), &'static str> {
    let text = std::str::from_utf8(field).map_err(|_| "its name is no text")?;
    let (number, mut rest) = text.split_once(' ').ok_or("its name is no number and values")?;
    let number: usize = decimal(number).ok_or("its name does not begin with a number")?;
    if number >= numbers_of(desc) {
        return Err("a label set of this family has fewer numbers");
    }
    let mut values = Vec::with_capacity(desc.labels().len());
    while !rest.is_empty() {
        if values.len() == desc.labels().len() {
            return Err("the family has fewer labels");
        }
        let (len, behind) = rest.split_once(':').ok_or("a value has no length")?;
        let len = decimal(len).ok_or("the length of a value is none")?;
        let (value, behind) = behind.split_at_checked(len).ok_or("a value is cut off")?;
        rest = behind.strip_prefix(',').ok_or("a value does not end where it says")?;
        values.push(value.into());
    }
    if values.len() < desc.labels().len() {
        return Err("the family has more labels");
    }
    Ok((number, values.into()))
}

/// A number as [`field`] writes it: so no two fields have the same number of the same label set.
fn decimal(text: &str) -> Option<usize> {
    let number = text.parse().ok()?;
    (usize::to_string(&number) == text).then_some(number)
}

/// What is added, in the words of Redis and of [`ADD`](crate::script::ADD).
pub fn amount(by: f64) -> String {
    if by.is_nan() { "nan".to_owned() } else { format!("{by:?}") }
}

/// The number that a field has; none where it is none.
pub fn value(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use metrics_core::{Aggregation, Declaration, Kind};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn requests() -> Desc {
        Desc::new(&Declaration {
            labels: &["method", "code"],
            ..Declaration::new(Kind::Histogram, "requests", "")
        })
        .unwrap()
    }

    #[test]
    fn a_family_is_read_as_it_was_described_and_another_one_of_its_name_is_another() {
        let desc = requests();
        assert_eq!(described(&describe(&desc)), Ok(desc.clone()));
        let other = Desc::new(&Declaration::new(Kind::Histogram, "requests", "Served.")).unwrap();
        assert_ne!(identifier(&desc), identifier(&other));
        assert!(identifier(&desc).starts_with("requests:"));
        let level =
            Declaration { aggregation: Some(Aggregation::MAX), ..Declaration::new(Kind::Gauge, "level", "") };
        let error = described(&describe(&Desc::new(&level).unwrap())).unwrap_err();
        assert_eq!(error, "its aggregation is max, and shared numbers can only add up");
        assert!(described(b"").is_err() && described(b"\x02").is_err());
        assert!(described(&[&describe(&desc)[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_field_that_is_none_says_why() {
        let table: [(&[u8], &str); 10] = [
            (b"", "its name is no number and values"),
            (b"\xff", "its name is no text"),
            (b"x 1:a,1:b,", "its name does not begin with a number"),
            (b"00 1:a,1:b,", "its name does not begin with a number"),
            (b"13 1:a,1:b,", "a label set of this family has fewer numbers"),
            (b"0 1:a,", "the family has more labels"),
            (b"0 1:a,1:b,1:c,", "the family has fewer labels"),
            (b"0 9:a,1:b,", "a value is cut off"),
            (b"0 1:ab,1:b,", "a value does not end where it says"),
            (b"0 99999999999999999999:a,", "the length of a value is none"),
        ];
        for (field, why) in table {
            assert_eq!(number_of(field, &requests()), Err(why), "{field:?}");
        }
        // In the middle of a letter.
        assert_eq!(number_of("0 1:\u{e4},1:b,".as_bytes(), &requests()), Err("a value is cut off"));
    }

    proptest! {
        #[test]
        fn any_values_are_read_as_they_were_written(values in vec(any::<String>(), 2), number in 0..13_usize) {
            let read = number_of(field(number, &values).as_bytes(), &requests());
            let values: Box<[Box<str>]> = values.iter().map(|value| value.as_str().into()).collect();
            prop_assert_eq!(read, Ok((number, values)));
        }

        #[test]
        fn any_bytes_are_a_field_written_so_or_none(bytes in vec(any::<u8>(), 0..30), text in "[0-9]{1,2} ([0-9]{1,2}:.{0,3},?){0,3}") {
            for bytes in [&bytes[..], text.as_bytes()] {
                if let Ok((number, values)) = number_of(bytes, &requests()) {
                    prop_assert_eq!(field(number, &values).into_bytes(), bytes);
                }
                let _ = described(bytes);
            }
        }

        #[test]
        fn what_is_added_is_a_number_again(by in any::<f64>()) {
            let read = value(amount(by).as_bytes()).unwrap();
            prop_assert!(read == by || read.is_nan() && by.is_nan());
        }
    }
}
