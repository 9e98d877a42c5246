//! Ctrl-C and SIGTERM.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Becomes `true` when the program is asked to end. It then ends by itself, within seconds; asking again
/// changes nothing.
pub(crate) fn end_requests() -> anyhow::Result<watch::Receiver<bool>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let (request, requested) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        request.send_replace(true);
    });
    Ok(requested)
}

/// Waits for `requested` to become true.
pub(crate) async fn end_requested(mut requested: watch::Receiver<bool>) {
    // An error means that the watching task is gone, and it goes only after it has said so.
    let _ = requested.wait_for(|&requested| requested).await;
}
