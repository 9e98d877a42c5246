//! Ctrl-C and SIGTERM.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Becomes `true` when the program is asked to end. A second request ends it at once.
pub(crate) fn end_requests() -> anyhow::Result<watch::Receiver<bool>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let (request, requested) = watch::channel(false);
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        request.send_replace(true);
        either(&mut interrupt, &mut terminate).await;
        tracing::warn!("asked a second time to end: ending at once");
        std::process::exit(1);
    });
    Ok(requested)
}

/// Waits for `requested` to become true.
pub(crate) async fn end_requested(mut requested: watch::Receiver<bool>) {
    // An error means that the watching task is gone, and with it the runtime.
    let _ = requested.wait_for(|&requested| requested).await;
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
