//! A web configuration file that is read anew when it has changed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::WebConfig;
use crate::error::WebConfigError;

/// A web configuration file that is read anew when it, or a certificate, may have changed.
///
/// The toolkit reads the file for each request. Here it is looked at once a second at most, and read where its
/// times say that it changed; all of it every minute, since certificates have names and times of their own. A file that
/// has become wrong leaves what was: nobody is let in, or locked out, by half an edit; what is wrong is logged.
#[derive(Debug)]
pub struct WatchedConfig {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<WebConfig>,
    seen: Option<Mark>,
    looked: Instant,
    read: Instant,
}

/// What changes when a file does: device, inode, length, and the times of its last write and change.
type Mark = (u64, u64, u64, (i64, i64), (i64, i64));

const LOOK_EVERY: Duration = Duration::from_secs(1);
const READ_EVERY: Duration = Duration::from_secs(60);

impl WatchedConfig {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// As [`WebConfig::read`].
    pub fn open(path: &Path) -> Result<WatchedConfig, WebConfigError> {
        let seen = mark(path);
        let config = Arc::new(WebConfig::read(path)?);
        let now = Instant::now();
        let state = Mutex::new(State { config, seen, looked: now, read: now });
        Ok(WatchedConfig { path: path.to_owned(), state })
    }

    /// What holds now. Costs a look at the file once a second, else nothing to speak of.
    pub fn get(&self) -> Arc<WebConfig> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            let seen = mark(&self.path);
            if seen != state.seen || state.read.elapsed() >= READ_EVERY {
                // What is wrong stays so until the file changes again, or for a minute.
                state.seen = seen;
                if let Err(error) = self.read(&mut state) {
                    tracing::error!("{error}; going on with what it was before");
                }
            }
        }
        state.config.clone()
    }

    /// Reads the file now, changed or not.
    ///
    /// # Errors
    /// As [`WebConfig::read`]; then what was before holds on.
    pub fn reload(&self) -> Result<(), WebConfigError> {
        self.read(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self, state: &mut State) -> Result<(), WebConfigError> {
        state.read = Instant::now();
        state.config = Arc::new(WebConfig::read(&self.path)?);
        Ok(())
    }
}

fn mark(path: &Path) -> Option<Mark> {
    let of = |file: Metadata| {
        (
            file.dev(),
            file.ino(),
            file.len(),
            (file.mtime(), file.mtime_nsec()),
            (file.ctime(), file.ctime_nsec()),
        )
    };
    std::fs::metadata(path).ok().map(of)
}
