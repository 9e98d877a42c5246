//! Which groups are meant: `{job="x",instance=~"db.*"}`.

use push_groups::{GroupKey, is_label_name};
use regex::Regex;

/// Matchers that all have to hold, as Prometheus has them. A label that a group lacks is empty.
#[derive(Debug)]
pub(crate) struct Selector(Vec<Matcher>);

#[derive(Debug)]
struct Matcher {
    label: String,
    wanted: Wanted,
    negated: bool,
}

#[derive(Debug)]
enum Wanted {
    Text(String),
    /// The whole value.
    Pattern(Regex),
}

/// The longest selector.
const LONGEST: usize = 4096; // bytes

/// The memory that one pattern may take.
const PATTERN_SIZE: usize = 1 << 20; // bytes

impl Selector {
    /// Reads `{NAME="VALUE",...}`, with `=`, `!=`, `=~` and `!~`. One without matchers is none: it would mean
    /// everything.
    ///
    /// # Errors
    /// Where it cannot be read: why.
    pub(crate) fn parse(text: &str) -> Result<Selector, String> {
        let wrong = |why: &str| Err(format!("match[]={text:?}: {why}"));
        if text.len() > LONGEST {
            return Err(format!("match[] has more than {LONGEST} bytes"));
        }
        let Some(mut rest) = text.trim().strip_prefix('{') else { return wrong("it begins with {") };
        let mut matchers = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix('}') {
                return match (behind.trim().is_empty(), matchers.is_empty()) {
                    (false, _) => wrong("something stands behind the }"),
                    (true, true) => wrong("it has no matcher; to delete all groups there is the wipe"),
                    (true, false) => Ok(Selector(matchers)),
                };
            }
            let name_len = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
            let (label, behind) = rest.split_at(name_len.unwrap_or(rest.len()));
            if !is_label_name(label) {
                return wrong("the name of a label is wanted");
            }
            let behind = behind.trim_start();
            let operators =
                [("=~", true, false), ("!~", true, true), ("!=", false, true), ("=", false, false)];
            let operator = operators.iter().find(|(operator, ..)| behind.starts_with(operator));
            let Some((operator, is_pattern, negated)) = operator else {
                return wrong("=, !=, =~ or !~ is wanted");
            };
            let value = behind.strip_prefix(operator).unwrap_or_default().trim_start();
            let Some((value, behind)) = quoted_value(value) else {
                return wrong("a value in double quotes is wanted");
            };
            let wanted = match is_pattern {
                false => Wanted::Text(value),
                true => {
                    let built =
                        regex::RegexBuilder::new(&format!("^(?s:{value})$")).size_limit(PATTERN_SIZE).build();
                    Wanted::Pattern(built.map_err(|error| format!("match[]={text:?}: {error}"))?)
                }
            };
            matchers.push(Matcher { label: label.to_owned(), wanted, negated: *negated });
            let behind = behind.trim_start();
            rest = match behind.strip_prefix(',') {
                Some(behind) => behind,
                None if behind.starts_with('}') => behind,
                None => return wrong("a comma or } is wanted"),
            };
        }
    }

    /// Whether a group is meant.
    pub(crate) fn matches(&self, key: &GroupKey) -> bool {
        self.0.iter().all(|matcher| {
            let value = key.label(&matcher.label).unwrap_or_default();
            let holds = match &matcher.wanted {
                Wanted::Text(text) => value == text,
                Wanted::Pattern(pattern) => pattern.is_match(value),
            };
            holds != matcher.negated
        })
    }
}

/// A value in double quotes, with `\"`, `\\` and `\n`, and what follows it.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.strip_prefix('"')?.chars();
    loop {
        match letters.next()? {
            '"' => return Some((value, letters.as_str())),
            '\\' => match letters.next()? {
                'n' => value.push('\n'),
                '\\' => value.push('\\'),
                '"' => value.push('"'),
                // Those of patterns.
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use push_groups::GroupKey;

    use super::Selector;

    #[test]
    fn groups_are_selected_by_their_labels() {
        let key = GroupKey::new([("job", "backup"), ("instance", "db1")]).unwrap();
        let table = [
            (r#"{job="backup"}"#, true),
            (r#"{job="back"}"#, false),
            (r#"{job=~"back.*"}"#, true),
            (r#"{job=~"back"}"#, false),
            (r#"{ job = "backup" , instance!~"web\d+", }"#, true),
            (r#"{job="backup",instance=~"db\d"}"#, true),
            (r#"{zone=""}"#, true),
            (r#"{zone!=""}"#, false),
            (r#"{job!="backup"}"#, false),
        ];
        for (selector, expected) in table {
            assert_eq!(Selector::parse(selector).unwrap().matches(&key), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_a_reason() {
        let table = [
            ("job", "it begins with {"),
            ("{}", "it has no matcher; to delete all groups there is the wipe"),
            (r#"{job="x"} or"#, "something stands behind the }"),
            (r#"{job="x" instance="y"}"#, "a comma or } is wanted"),
            (r#"{job="x"#, "a value in double quotes is wanted"),
            (r#"{job>"x"}"#, "=, !=, =~ or !~ is wanted"),
            (r#"{1="x"}"#, "the name of a label is wanted"),
        ];
        for (selector, why) in table {
            let error = Selector::parse(selector).unwrap_err();
            assert_eq!(error, format!("match[]={selector:?}: {why}"));
        }
        assert!(Selector::parse(r#"{job=~"("}"#).unwrap_err().contains("unclosed group"));
    }
}
