//! Who may do what: names, hashed passwords, scopes.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To push, and to delete what was pushed.
    Push,
    /// To read pages.
    Scrape,
    /// To do what concerns all: to wipe, to end the program. Who may do that may do the rest.
    Admin,
}

/// Whether somebody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// He may.
    Granted,
    /// He has not said who he is, or not truly.
    Unknown,
    /// He has, and may not.
    Forbidden,
}

/// Names with their hashed passwords.
pub(crate) struct Users {
    users: BTreeMap<String, User>,
    /// Headers that were checked against a hash, and whose they are, if anybody's. Hashed with keys of this process,
    /// twice, so that no password stays in memory.
    checked: Mutex<HashMap<[u64; 2], Option<String>>>,
    keys: [RandomState; 2],
    /// A hash that nobody's password has, so that an unknown name takes as long as a known one.
    nobody: String,
}

struct User {
    hash: String,
    /// None for all.
    scopes: Option<Vec<Scope>>,
}

/// So many headers are remembered; then all are forgotten, as in the toolkit.
const REMEMBERED: usize = 100;

impl Users {
    pub(crate) fn new(
        hashes: BTreeMap<String, String>,
        mut scopes: BTreeMap<String, Vec<Scope>>,
    ) -> Result<Users, String> {
        let mut users = BTreeMap::new();
        let mut cost = bcrypt::DEFAULT_COST;
        for (name, hash) in hashes {
            let parts: bcrypt::HashParts = hash
                .parse()
                .map_err(|_| format!("basic_auth_users: what {name} has is not a bcrypt hash"))?;
            cost = parts.get_cost();
            let scopes = scopes.remove(&name);
            users.insert(name, User { hash, scopes });
        }
        if let Some(name) = scopes.keys().next() {
            return Err(format!("basic_auth_scopes: {name} is not among basic_auth_users"));
        }
        let nobody = match users.is_empty() {
            true => String::new(),
            false => bcrypt::hash("nobody", cost).map_err(|error| format!("basic_auth_users: {error}"))?,
        };
        Ok(Users { users, checked: Mutex::default(), keys: Default::default(), nobody })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    pub(crate) fn known_access(&self, authorization: Option<&str>, scope: Scope) -> Option<Access> {
        if self.users.is_empty() {
            return Some(Access::Granted);
        }
        let Some(header) = authorization else { return Some(Access::Unknown) };
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.get(&self.digest(header)).map(|name| self.granted(name.as_deref(), scope))
    }

    pub(crate) fn access(&self, authorization: Option<&str>, scope: Scope) -> Access {
        if let Some(known) = self.known_access(authorization, scope) {
            return known;
        }
        let header = authorization.unwrap_or_default();
        let name = self.name(header);
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= REMEMBERED {
            checked.clear();
        }
        checked.insert(self.digest(header), name.clone());
        drop(checked);
        self.granted(name.as_deref(), scope)
    }

    /// Whose header this is.
    fn name(&self, header: &str) -> Option<String> {
        let (name, password) = basic(header)?;
        let user = self.users.get(&name);
        let hash = user.map_or(&*self.nobody, |user| &*user.hash);
        let fits = bcrypt::verify(password.as_bytes(), hash).unwrap_or(false);
        (fits && user.is_some()).then_some(name)
    }

    fn granted(&self, name: Option<&str>, scope: Scope) -> Access {
        match name.and_then(|name| self.users.get(name)) {
            None => Access::Unknown,
            Some(User { scopes: None, .. }) => Access::Granted,
            Some(User { scopes: Some(scopes), .. }) => {
                let may = scopes.contains(&scope) || scopes.contains(&Scope::Admin);
                if may { Access::Granted } else { Access::Forbidden }
            }
        }
    }

    fn digest(&self, header: &str) -> [u64; 2] {
        [self.keys[0].hash_one(header), self.keys[1].hash_one(header)]
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.users.keys()).finish()
    }
}

/// Name and password of a header `Basic ...`.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}
