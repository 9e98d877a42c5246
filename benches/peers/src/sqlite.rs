//! A store that keeps every number in a row of an SQLite table: a reference point of the talk.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics_core::{Child, Children, Desc, Part, Store, StoreError};
use rusqlite::Connection;

/// A store that keeps every number in a row of an SQLite table.
///
/// Set up as fast as it goes without losing what a killed process has counted: a write-ahead log, and no waiting
/// for the disk (`synchronous=OFF`), which our own stores do not do either.
pub struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    children: Children,
}

impl SqliteStore {
    /// A store in the file at `path`; several processes may open it.
    ///
    /// # Errors
    /// When it cannot be opened or set up.
    pub fn open(path: &Path) -> rusqlite::Result<SqliteStore> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(30))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS metrics (key TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
        )?;
        Ok(SqliteStore { connection: Arc::new(Mutex::new(connection)), children: Children::new() })
    }
}

impl Store for SqliteStore {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.children.get_or_make(desc, labels, || {
            let buckets = desc.buckets().bounds().len() + 1;
            let key = |part: &str| format!("{}\u{1f}{}\u{1f}{part}", desc.name(), labels.join("\u{1f}"));
            Box::new(Row {
                connection: Arc::clone(&self.connection),
                value: key(""),
                buckets: (0..buckets).map(|bucket| key(&bucket.to_string())).collect(),
            })
        })
    }
}

/// The rows of one label set.
struct Row {
    connection: Arc<Mutex<Connection>>,
    value: String,
    buckets: Vec<String>,
}

const ADD: &str =
    "INSERT INTO metrics VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = value + excluded.value";
const SET: &str = "INSERT INTO metrics VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";

impl Row {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn change(connection: &Connection, statement: &str, key: &str, value: f64) {
    let mut prepared = connection.prepare_cached(statement).expect("the table is there");
    prepared.execute((key, value)).expect("nobody locks the table for half a minute");
}

impl Child for Row {
    fn add(&self, by: f64) {
        change(&self.connection(), ADD, &self.value, by);
    }

    fn set(&self, to: f64) {
        change(&self.connection(), SET, &self.value, to);
    }

    fn observe(&self, bucket: usize, value: f64) {
        let mut connection = self.connection();
        let transaction = rusqlite::TransactionBehavior::Immediate;
        let both = connection.transaction_with_behavior(transaction).expect("nobody locks it for long");
        if let Some(key) = self.buckets.get(bucket) {
            change(&both, ADD, key, 1.0);
        }
        change(&both, ADD, &self.value, value);
        both.commit().expect("nobody locks it for long");
    }

    fn get(&self, part: Part) -> f64 {
        let key = match part {
            Part::Bucket(bucket) => self.buckets.get(bucket).unwrap_or(&self.value),
            _ => &self.value,
        };
        let select = "SELECT value FROM metrics WHERE key = ?1";
        self.connection().query_row(select, [key], |row| row.get(0)).unwrap_or(0.0)
    }
}
