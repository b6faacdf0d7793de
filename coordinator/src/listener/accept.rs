//! The accept loop and its admission.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use protocol::wire::{self, close};
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Endpoint, Incoming, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::sessions::Sessions;
use super::{Shared, enrol, session};
use crate::pki;

/// How long a handshake may wait for its place: an agent tries an address for 10 s. One that is refused comes again after a
/// pause of its own, which costs both sides another attempt.
const PLACE_WITHIN: Duration = Duration::from_secs(8);

pub(super) async fn run<S: Sessions>(endpoint: Endpoint, shared: Arc<Shared<S>>, tasks: TaskTracker) {
    while let Some(incoming) = endpoint.accept().await {
        let Ok(place) = shared.connections.clone().try_acquire_owned() else {
            refuse(incoming, "connections");
            continue;
        };
        // When half of the handshakes are taken, newcomers first prove that their address is theirs.
        if shared.handshakes.available_permits() < shared.limits.handshakes / 2 && incoming.may_retry() {
            counter!("valet_listener_retries_total").increment(1);
            let _ = incoming.retry();
            continue;
        }
        let Some(at) = shared.handshake_pace.take(Instant::now(), PLACE_WITHIN) else {
            refuse(incoming, "pace");
            continue;
        };
        let shared = shared.clone();
        tasks.spawn(async move {
            let _place = place;
            sleep_until(at).await;
            let Ok(handshake) = shared.handshakes.clone().try_acquire_owned() else {
                return refuse(incoming, "handshakes");
            };
            let connection = match shake(incoming, &shared).await {
                Ok(connection) => connection,
                Err(reason) => {
                    counter!("valet_listener_refused_total", "reason" => reason).increment(1);
                    return;
                }
            };
            drop(handshake);
            let open = gauge!("valet_listener_connections");
            open.increment(1);
            serve(connection, shared).await;
            open.decrement(1);
        });
    }
}

fn refuse(incoming: Incoming, reason: &'static str) {
    counter!("valet_listener_refused_total", "reason" => reason).increment(1);
    incoming.refuse();
}

async fn shake<S: Sessions>(incoming: Incoming, shared: &Shared<S>) -> Result<Connection, &'static str> {
    let connecting = incoming.accept().map_err(|_| "handshake")?;
    let remote = connecting.remote_address();
    match timeout(shared.limits.first_frame, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => {
            debug!(%remote, %error, "a handshake failed");
            Err("handshake")
        }
        Err(_) => Err("handshake_slow"),
    }
}

async fn serve<S: Sessions>(connection: Connection, shared: Arc<Shared<S>>) {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let alpn = data.and_then(|data| data.protocol).unwrap_or_default();
    if alpn == wire::ALPN_ENROL {
        return enrol::serve(&connection, &shared).await;
    }
    let chain = connection.peer_identity().and_then(|chain| chain.downcast::<Vec<CertificateDer<'static>>>().ok());
    match chain.map(|chain| pki::identity(&chain)) {
        Some(Ok(identity)) => session::serve(connection, identity, shared).await,
        Some(Err(_)) | None => end(&connection, close::NO_CERTIFICATE, "no_certificate"),
    }
}

/// Closes a connection for a reason that is counted.
pub(super) fn end(connection: &Connection, code: u32, reason: &'static str) {
    counter!("valet_listener_refused_total", "reason" => reason).increment(1);
    connection.close(VarInt::from_u32(code), reason.as_bytes());
}
