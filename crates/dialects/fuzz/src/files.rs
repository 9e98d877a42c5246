//! Any file under any name, read as for a scrape.

use std::borrow::Cow;

use dialects::{HEADER_LEN, Template, read_key, recognise, records, used};

/// Recognises a file, walks its records and reads their keys, as a whole and by the template of one before. The file
/// stands behind the first line, which is its name.
pub fn files(input: &[u8]) {
    let name_len = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (name, file) = input.split_at(name_len);
    let file = file.get(1..).unwrap_or_default();
    let bytes = &file[..used(file).min(file.len())];
    let Some(dialect) = recognise(&String::from_utf8_lossy(name), bytes) else { return };
    // What it was told by is a whole record.
    assert!(matches!(records(dialect, bytes, HEADER_LEN).next(), Some(Ok(_))));

    let mut template: Option<Template> = None;
    for record in records(dialect, bytes, HEADER_LEN) {
        let Ok(record) = record else { break };
        let Ok(key) = read_key(dialect, record.key) else { break };
        let mut values: Vec<Cow<'_, [u8]>> = Vec::new();
        if template.as_ref().is_some_and(|template| template.read(record.key, &mut values)) {
            assert!(values.iter().eq(key.labels.iter().map(|label| &label.value)));
        } else {
            assert!(values.is_empty());
            template = Template::of(dialect, record.key);
        }
    }
}
