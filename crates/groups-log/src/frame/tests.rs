use super::*;

#[test]
fn the_bytes_are_those_that_the_format_says() {
    let header = Header { kind: Kind::Log, number: 3, salt: 0x0102_0304_0506_0708, after: 9, time: 11 };
    let bytes = header.encode();
    assert_eq!(&bytes[..16], b"mpgrlog\n\x01\0\0\0\0\0\0\0");
    assert_eq!(
        &bytes[16..48],
        [&[3, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 9][..], &[0; 7], &[11], &[0; 7]].concat()
    );
    assert!(bytes[48..508].iter().all(|byte| *byte == 0));
    assert_eq!(Header::decode(&bytes, Kind::Log, 3), Ok(header));
    let wrong = Header::decode(&bytes, Kind::Log, 4).expect_err("another number");
    assert_eq!(wrong, Bad { at: 16, why: "the file has another number than its name" });
    let wrong = Header::decode(&bytes, Kind::Snapshot, 3).expect_err("another kind");
    assert_eq!(wrong, Bad { at: 0, why: "the file does not begin as its kind does" });
}

#[test]
fn a_frame_has_its_body_and_zeros_up_to_eight() {
    let mut frames = Frames::new(0x55, 2, 512, vec![9; 100]);
    frames.push(|out| out.extend_from_slice(b"123456789"));
    let (bytes, next) = frames.finish();
    assert_eq!((bytes.len(), next), (56, 3));
    assert_eq!(&bytes[..12], [0x55, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]);
    // The check value of CRC-32C (Castagnoli), as catalogues of checksums have it.
    assert_eq!(&bytes[12..16], 0xE306_9283_u32.to_le_bytes());
    assert_eq!(&bytes[16..36], [2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(&bytes[40..], b"123456789\0\0\0\0\0\0\0");
    let frame = Frame::decode(bytes.first_chunk().expect("is there"), 0x55).expect("is one");
    assert_eq!(frame.fault(&bytes[40..]), None);
    assert_eq!(frame.fault(b"123456789\0\0\0\0\0\0\x01"), Some("something stands between two frames"));
}

#[test]
fn a_long_batch_is_several_frames() {
    let mut frames = Frames::new(1, 0, 0, Vec::new());
    for _ in 0..3 {
        frames.push(|out| out.resize(out.len() + FULL, 7));
    }
    let (bytes, next) = frames.finish();
    assert_eq!((bytes.len(), next), (3 * (FRAME + FULL), 3));
}
