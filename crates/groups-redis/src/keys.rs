//! The names of the keys of one shard.

use std::fmt::Write;

/// The names of the keys of one shard, all of one hash tag: a cluster keeps them on one node.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    tag: String,
}

impl Keys {
    /// What cannot stand in a hash tag, or in a pattern of rights, is written as `%` and two digits.
    pub(crate) fn new(namespace: &str, shard: u32) -> Keys {
        let mut tag = String::from("{push:");
        for letter in namespace.chars() {
            match letter {
                '{' | '}' | '#' | '%' | '*' | '?' | '[' | ']' | '\\' | ' ' => escape(&mut tag, letter),
                _ if letter.is_control() => escape(&mut tag, letter),
                _ => tag.push(letter),
            }
        }
        let _ = write!(tag, "#{shard}}}"); // into a text: never fails
        Keys { tag }
    }

    /// String: where the shard is; see [`Meta`](crate::meta::Meta).
    pub(crate) fn meta(&self) -> String {
        self.key("meta")
    }

    /// Hash: each group's entry.
    pub(crate) fn groups(&self) -> String {
        self.key("groups")
    }

    /// All that a change may touch, in the order in which its script has them.
    pub(crate) fn of_change(&self) -> [String; 9] {
        ["meta", "groups", "changed", "gone", "made", "made:before", "names", "series", "once"]
            .map(|name| self.key(name))
    }

    /// Those that whoever follows looks at, in the order in which that script has them.
    pub(crate) fn of_following(&self) -> [String; 6] {
        ["meta", "groups", "changed", "gone", "made", "made:before"].map(|name| self.key(name))
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.tag)
    }
}

/// As URLs have it.
fn escape(into: &mut String, letter: char) {
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(into, "%{byte:02X}"); // into a text: never fails
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_one_hash_tag_whatever_the_namespace_is() {
        for (namespace, tag) in [
            ("multiprom", "{push:multiprom#3}"),
            ("", "{push:#3}"),
            ("a}b{c#1", "{push:a%7Db%7Bc%231#3}"),
            ("50%\n*", "{push:50%25%0A%2A#3}"),
            ("größe", "{push:größe#3}"),
        ] {
            let keys = Keys::new(namespace, 3);
            assert_eq!(keys.tag, tag);
            assert!(keys.of_change().iter().all(|key| key.starts_with(&format!("{tag}:"))));
            assert_eq!(keys.of_change()[..6], keys.of_following());
        }
    }
}
