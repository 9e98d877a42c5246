//! Any bytes as what a store gives back.

use push_groups::{Content, GroupKey};

/// A content that is read again when it is written, or an error within the bytes.
pub fn group_content(bytes: &[u8]) {
    match Content::decode(bytes) {
        Ok(content) => {
            let written = content.encode();
            assert!(written.len() <= bytes.len(), "lengths are written as short as they can be");
            // Bytes are compared, as no NaN is equal to itself.
            assert_eq!(Content::decode(&written).expect("it was written").encode(), written);
        }
        Err(error) => assert!(error.at <= bytes.len(), "{error}"),
    }
}

/// A key of these bytes, with labels that make it again; or an error.
pub fn group_keys(bytes: &[u8]) {
    if let Ok(key) = GroupKey::from_bytes(bytes) {
        assert_eq!(key.as_bytes(), bytes);
        assert!(!key.job().is_empty());
        assert_eq!(GroupKey::new(key.labels()).as_ref(), Ok(&key));
    }
}
