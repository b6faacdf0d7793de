//! How a process is told to stop.

use tokio::signal::unix::{SignalKind, signal as on};
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Cancelled on SIGINT or SIGTERM; a second one ends the process at once.
pub fn signal() -> anyhow::Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                stop.cancel();
            } else {
                error!("stopped in the middle of stopping");
                std::process::exit(130);
            }
        }
    });
    Ok(token)
}
