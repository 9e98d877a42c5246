//! What a process is called in Redis, and what it says of itself.

use std::hash::{BuildHasher, RandomState};

/// What a process is called: `<host>-<pid>-<made up>`. Its host's name and its number are for people; what tells it
/// from all others, on any host, before and after it, is 64 bits that were made up.
pub fn name() -> String {
    let made_up = RandomState::new().hash_one((std::process::id(), std::time::SystemTime::now()));
    format!("{}-{}-{made_up:016x}", host(), std::process::id())
}

/// What it says of itself, as JSON.
pub fn about() -> String {
    format!(
        r#"{{"host":"{}","pid":{},"writer":"multiprom {}"}}"#,
        host(),
        std::process::id(),
        env!("CARGO_PKG_VERSION")
    )
}

/// The name of this host, as far as it is made of letters, digits, dots and hyphens.
fn host() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    name.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-'))
        .take(63)
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_names_are_alike() {
        let [one, other] = [super::name(), super::name()];
        assert_ne!(one, other);
        assert!(one.contains(&format!("-{}-", std::process::id())), "{one}");
    }
}
