use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("a vector takes every write");
    encoder.finish().expect("a vector takes every write")
}

fn snappy(text: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(text).expect("a vector takes every write");
    encoder.into_inner().expect("a vector takes every write")
}

fn decoded(coding: Coding, body: &[u8]) -> Result<Vec<u8>, String> {
    let decoded = decode(coding, Bytes::copy_from_slice(body), 1000);
    decoded.map(|body| body.to_vec()).map_err(|error| error.to_string())
}

#[test]
fn a_header_names_a_coding_in_any_case_or_none_that_is_known() {
    for (header, expected) in [
        (Some("gzip"), Coding::Gzip),
        (Some("GZIP"), Coding::Gzip),
        (Some(" snappy "), Coding::Snappy),
        (Some("gzip, identity"), Coding::Identity),
        (Some("br"), Coding::Identity),
        (Some(""), Coding::Identity),
        (None, Coding::Identity),
    ] {
        assert_eq!(Coding::of_content_encoding(header), expected, "{header:?}");
    }
}

#[test]
fn members_of_a_gzip_stream_are_put_together() {
    assert_eq!(
        decoded(Coding::Gzip, &[gzip(b"a 1\n"), gzip(b""), gzip(b"b 2\n")].concat()),
        Ok(b"a 1\nb 2\n".to_vec())
    );
}

#[test]
fn what_is_no_whole_gzip_stream_is_refused_in_the_words_of_the_official_gateway() {
    let whole = gzip(b"a 1\n");
    let with = |at: usize, byte: u8| {
        let mut stream = whole.clone();
        stream[at] ^= byte;
        stream
    };
    let length = whole.len();
    for (body, expected) in [
        (vec![], "EOF"),
        (b"a 1\n".to_vec(), "unexpected EOF"),
        (b"a 1\nb 2\nc 3\n".to_vec(), "gzip: invalid header"),
        (whole[..5].to_vec(), "unexpected EOF"),
        (whole[..12].to_vec(), "unexpected EOF"),
        (whole[..length - 8].to_vec(), "unexpected EOF"),
        (whole[..length - 1].to_vec(), "unexpected EOF"),
        (with(length - 8, 1), "gzip: invalid checksum"),
        (with(length - 1, 1), "gzip: invalid checksum"),
        (with(2, 1), "gzip: invalid header"),
        ([&whole[..], &[0; 20]].concat(), "gzip: invalid header"),
        ([&whole[..], &whole[..5]].concat(), "unexpected EOF"),
        ([&whole[..], &whole[..length - 3]].concat(), "unexpected EOF"),
    ] {
        assert_eq!(decoded(Coding::Gzip, &body), Err(expected.to_owned()), "{body:?}");
    }
}

#[test]
fn what_is_no_snappy_stream_is_refused() {
    let whole = snappy(b"a 1\n");
    assert_eq!(decoded(Coding::Snappy, &whole), Ok(b"a 1\n".to_vec()));
    assert_eq!(decoded(Coding::Snappy, &whole[..whole.len() - 1]), Err("unexpected EOF".to_owned()));
    let error = decoded(Coding::Snappy, b"a 1\nb 2\nc 3\n").expect_err("it has no header");
    assert!(error.starts_with("snappy: corrupt input: "), "{error}");
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let text = vec![b'#'; 1001];
    let expected = "the body has more than 1000 bytes when decoded";
    for (coding, body) in
        [(Coding::Identity, text.clone()), (Coding::Gzip, gzip(&text)), (Coding::Snappy, snappy(&text))]
    {
        assert_eq!(decoded(coding, &body), Err(expected.to_owned()), "{coding:?}");
        let body = decode(coding, body.into(), 1001).expect("it is not longer");
        assert_eq!(body, text, "{coding:?}");
    }
}

proptest! {
    #[test]
    fn what_was_coded_is_decoded(text in proptest::collection::vec(any::<u8>(), 0..1000)) {
        prop_assert_eq!(decoded(Coding::Identity, &text), Ok(text.clone()));
        prop_assert_eq!(decoded(Coding::Gzip, &gzip(&text)), Ok(text.clone()));
        prop_assert_eq!(decoded(Coding::Snappy, &snappy(&text)), Ok(text));
    }

    #[test]
    fn a_cut_gzip_stream_is_an_error(text in proptest::collection::vec(any::<u8>(), 0..100), cut in any::<prop::sample::Index>()) {
        let stream = gzip(&text);
        prop_assert!(decoded(Coding::Gzip, &stream[..cut.index(stream.len())]).is_err());
    }
}
