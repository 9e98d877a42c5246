//! Which groups a reader looks at: those that a search finds, in an order, from a place on.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use push_groups::{Entry, GroupKey, StoreError, series_hash};

use crate::Gateway;
use crate::gateway::Group;

/// How many groups a page has, unless it is said.
const PAGE: usize = 100;

/// How many it may have.
const LONGEST_PAGE: usize = 1000;

/// The longest search.
const LONGEST_SEARCH: usize = 1000; // bytes

/// How much of a name stands in a cursor. Groups that begin alike that far are told apart by their identifiers.
const CURSOR_NAME: usize = 512; // bytes

/// What a reader asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Browse {
    pub(crate) search: Search,
    pub(crate) order: Order,
    /// Behind this group.
    pub(crate) after: Option<Place>,
    /// At most so many groups; none for as many as a page has.
    pub(crate) limit: Option<usize>,
    /// Values of labels are cut behind so many letters.
    pub(crate) letters: Option<usize>,
}

/// In which order groups are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// By job, then by the other labels.
    #[default]
    Name,
    /// The one that was pushed to last in front.
    Pushed,
}

/// Where a group stands in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    by: Vec<u8>,
    id: u128,
}

/// Words that all have to stand in the labels of a group, in upper or lower case: `backup`, `job=backup`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    words: Vec<String>,
}

/// A page of what there is.
#[derive(Debug)]
pub(crate) struct Browsed {
    pub(crate) groups: Vec<Group>,
    /// How many groups there are.
    pub(crate) all: usize,
    /// How many of them the search finds.
    pub(crate) found: usize,
    /// The last group of this page, where there are more.
    pub(crate) next: Option<Place>,
    /// For how long a store has not answered.
    pub(crate) stale: Option<Duration>,
}

impl Browse {
    /// What the parameters of a request ask for; those that are none of these are left to others.
    ///
    /// # Errors
    /// Where one cannot be understood: why.
    pub(crate) fn of(parameters: &[(String, String)]) -> Result<Browse, String> {
        let mut browse = Browse::default();
        for (name, value) in parameters {
            match &**name {
                "limit" => match value.parse().ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit)) {
                    Some(limit) => browse.limit = Some(limit),
                    None => return Err(format!("limit={value:?}: 1 to {LONGEST_PAGE} are wanted")),
                },
                "label_chars" => match value.parse().ok().filter(|letters| *letters > 0) {
                    Some(letters) => browse.letters = Some(letters),
                    None => return Err(format!("label_chars={value:?}: a number above 0 is wanted")),
                },
                "sort" => match &**value {
                    "" | "name" => browse.order = Order::Name,
                    "pushed" => browse.order = Order::Pushed,
                    _ => return Err(format!("sort={value:?}: name or pushed are wanted")),
                },
                "after" if value.is_empty() => {}
                "after" => match Place::parse(value) {
                    Some(place) => browse.after = Some(place),
                    None => return Err(format!("after={value:?}: it is the \"next\" of the page before")),
                },
                "search" => browse.search = Search::of(value)?,
                _ => {}
            }
        }
        Ok(browse)
    }

    /// The page that is asked for. Costs a look at each group, and sorts those found to be behind the cursor; may block
    /// as [`Gateway::groups`].
    ///
    /// # Errors
    /// As [`Gateway::groups`].
    pub(crate) fn page(&self, gateway: &Gateway) -> Result<Browsed, StoreError> {
        let limit = self.limit.unwrap_or(PAGE);
        let (mut browsed, stale) = gateway.look(|groups| {
            let (mut all, mut found, mut text) = (0, 0, String::new());
            let mut behind: Vec<(Place, &GroupKey, &Arc<Entry>)> = Vec::new();
            for (key, entry) in groups {
                all += 1;
                if !self.search.finds(key, &mut text) {
                    continue;
                }
                found += 1;
                let place = Place::of(self.order, key, entry);
                if self.after.as_ref().is_none_or(|after| place > *after) {
                    behind.push((place, key, entry));
                }
            }
            let has_more = behind.len() > limit;
            if has_more {
                behind.select_nth_unstable_by(limit, |a, b| a.0.cmp(&b.0));
                behind.truncate(limit);
            }
            behind.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let next = behind.last().filter(|_| has_more).map(|(place, ..)| place.clone());
            let group = |key: &GroupKey, entry: &Arc<Entry>| Group { key: key.clone(), entry: entry.clone() };
            let groups = behind.into_iter().map(|(_, key, entry)| group(key, entry)).collect();
            Browsed { groups, all, found, next, stale: None }
        })?;
        browsed.stale = stale;
        Ok(browsed)
    }
}

/// What a group is called in a URL: 32 hexadecimal digits, however long its labels are.
pub(crate) fn id_of(key: &GroupKey) -> String {
    format!("{:032x}", hash_of(key))
}

/// The group that is called so.
pub(crate) fn find(gateway: &Gateway, id: &str) -> Result<Option<Group>, StoreError> {
    let Ok(id) = u128::from_str_radix(id, 16) else { return Ok(None) };
    let (found, _) = gateway.look(|groups| {
        for (key, entry) in groups {
            if hash_of(key) == id {
                return Some(Group { key: key.clone(), entry: entry.clone() });
            }
        }
        None
    })?;
    Ok(found)
}

fn hash_of(key: &GroupKey) -> u128 {
    series_hash("", &key.labels().collect::<Vec<_>>())
}

/// A text of at most so many letters, and how long it was where it was longer.
pub(crate) fn cut(text: &str, letters: Option<usize>) -> String {
    let end = letters.and_then(|letters| text.char_indices().nth(letters));
    match end.and_then(|(end, _)| text.get(..end)) {
        Some(head) => format!("{head}… ({} bytes)", text.len()),
        None => text.to_owned(),
    }
}

impl Place {
    fn of(order: Order, key: &GroupKey, entry: &Entry) -> Place {
        let by = match order {
            Order::Name => {
                let name = key.job().bytes().chain([0xFF]).chain(key.as_bytes().iter().copied());
                name.take(CURSOR_NAME).collect()
            }
            Order::Pushed => (u64::MAX - entry.pushed.max(entry.failed)).to_be_bytes().to_vec(),
        };
        Place { by, id: hash_of(key) }
    }

    fn parse(cursor: &str) -> Option<Place> {
        let (id, by) = cursor.split_at_checked(32)?;
        let digits = by.bytes().map(|digit| char::from(digit).to_digit(16).map(|digit| digit as u8));
        let digits: Vec<u8> =
            digits.collect::<Option<_>>().filter(|digits: &Vec<u8>| digits.len().is_multiple_of(2))?;
        let by = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        Some(Place { by, id: u128::from_str_radix(id, 16).ok()? })
    }

    /// As it stands in a URL.
    pub(crate) fn cursor(&self) -> String {
        let mut cursor = format!("{:032x}", self.id);
        for byte in &self.by {
            // A String takes every letter.
            let _ = write!(cursor, "{byte:02x}");
        }
        cursor
    }
}

impl Order {
    /// As it stands in a URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Order::Name => "name",
            Order::Pushed => "pushed",
        }
    }
}

impl Search {
    /// The search for these words.
    ///
    /// # Errors
    /// Where they are too long.
    pub(crate) fn of(text: &str) -> Result<Search, String> {
        if text.len() > LONGEST_SEARCH {
            return Err(format!("search has more than {LONGEST_SEARCH} bytes"));
        }
        Ok(Search { words: text.split_whitespace().map(str::to_lowercase).collect() })
    }

    /// Whether it finds every group.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether it finds this group. `text` is space to work in.
    pub(crate) fn finds(&self, key: &GroupKey, text: &mut String) -> bool {
        if self.words.is_empty() {
            return true;
        }
        text.clear();
        for (name, value) in key.labels() {
            // No word has a line end, so none reaches from label to label.
            for piece in [name, "=", value, "\n"] {
                match piece.is_ascii() {
                    true => text.extend(piece.bytes().map(|byte| char::from(byte.to_ascii_lowercase()))),
                    false => text.extend(piece.chars().flat_map(char::to_lowercase)),
                }
            }
        }
        self.words.iter().all(|word| text.contains(&**word))
    }
}

#[cfg(test)]
mod tests;
