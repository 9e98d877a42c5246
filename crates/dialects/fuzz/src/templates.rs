//! Any key by the template of any other.

use dialects::{Dialect, KeyText, Template, read_key};

/// Whatever the template of a key says of another key, reading that as a whole says, too. The two keys are parted by
/// the first line feed.
pub fn templates(input: &[u8]) {
    let other_len = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (other, key) = input.split_at(other_len);
    let key = key.get(1..).unwrap_or(other);
    for dialect in [Dialect::PYTHON, Dialect::Ruby] {
        let Some(template) = Template::of(dialect, other) else { continue };
        let mut values = vec![b"before"[..].into()];
        let alike = template.read(key, &mut values);
        assert_eq!(*values.remove(0), *b"before");
        if !alike {
            assert!(values.is_empty());
            continue;
        }
        // The template of what is no key promises nothing.
        let Ok(other) = read_key(dialect, other) else { continue };
        let key = read_key(dialect, key).expect("a template reads keys alone");
        assert_eq!((&other.family, &other.sample, &other.help), (&key.family, &key.sample, &key.help));
        assert!(names(&other).eq(names(&key)));
        assert!(values.iter().eq(key.labels.iter().map(|label| &label.value)));
    }
}

fn names<'a>(key: &'a KeyText<'_>) -> impl Iterator<Item = &'a str> {
    key.labels.iter().map(|label| &*label.name)
}
