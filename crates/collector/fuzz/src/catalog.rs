//! Any bytes as a catalog.

use collector::Catalog;

/// Any bytes are a catalog that knows what it merges, or an error at one of their lines.
pub fn catalog(text: &[u8]) {
    match Catalog::parse(text) {
        Ok(catalog) => {
            for (name, _how) in catalog.aggregations() {
                assert!(catalog.kind(name).is_some());
            }
        }
        // The line feed that the last line may lack begins one more.
        Err(error) => assert!((1..=text.split(|&byte| byte == b'\n').count() + 1).contains(&error.line)),
    }
}
