//! A thread that does something every so often, until it is let go of.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// See the head of this file. Dropped, it waits for what is being done.
pub(crate) struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(every: Duration, each: impl Fn() + Send + 'static) -> Ticker {
        let (stop, stopped) = channel();
        let tick = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                each();
            }
        };
        let thread = thread::Builder::new().name("groups-sync".to_owned()).spawn(tick);
        Ticker { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
