//! The words of aggregations.

use super::*;

#[test]
fn every_word_is_read_back_as_it_was_written() {
    for word in Aggregation::WORDS {
        let aggregation: Aggregation = word.parse().unwrap();
        assert_eq!(aggregation.to_string(), word);
        assert_eq!(aggregation.live, word.starts_with("live"));
        assert_eq!(aggregation.live().to_string(), format!("live{}", word.trim_start_matches("live")));
    }
}

#[test]
fn rubys_word_is_read_and_others_are_not() {
    assert_eq!("most_recent".parse(), Ok(Aggregation::MOST_RECENT));
    for word in ["", "live", "livelive", "livelivesum", "SUM", "sum ", "mean"] {
        assert_eq!(word.parse::<Aggregation>(), Err(UnknownAggregation(word.to_owned())));
    }
    let error = "mean".parse::<Aggregation>().unwrap_err().to_string();
    assert!(error.starts_with("unknown aggregation \"mean\"; one of sum, livesum, min,"), "{error}");
}
