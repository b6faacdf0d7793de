//! Keeps one connection to every peer it is told of: the library does not dial again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::wire::{self, close};
use quinn::{ClientConfig, Connection, Endpoint, VarInt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use crate::{OPEN_TIMEOUT, Peer, Shared, hold, tls};

/// Before the first repetition; doubled each time up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// A link that held this long did not fail at its start.
const SETTLED: Duration = Duration::from_secs(5);

/// Dials each peer of the list for as long as it is on it.
pub(crate) async fn all(
    endpoint: Endpoint,
    config: ClientConfig,
    mut peers: watch::Receiver<Vec<Peer>>,
    shared: Shared,
) {
    let mut dialling: HashMap<String, (Peer, Dialling)> = HashMap::new();
    loop {
        let wanted = peers.borrow_and_update().clone();
        dialling.retain(|_, (peer, _)| wanted.contains(peer));
        for peer in wanted {
            dialling.entry(peer.name.clone()).or_insert_with(|| {
                let keep = keep(endpoint.clone(), config.clone(), peer.clone(), shared.clone());
                (peer, Dialling(tokio::spawn(keep)))
            });
        }
        if peers.changed().await.is_err() {
            // Whoever knew the peers is gone; what is linked stays until it breaks.
            return std::future::pending().await;
        }
    }
}

/// Ends with its entry, or with the whole.
struct Dialling(JoinHandle<()>);

impl Drop for Dialling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(endpoint: Endpoint, config: ClientConfig, peer: Peer, shared: Shared) {
    let mut pause = PAUSE.0;
    loop {
        let began = Instant::now();
        match dial(&endpoint, &config, &peer).await {
            Ok((connection, send, recv)) => {
                hold(connection, send, recv, tls::Role::Coordinator.named(&peer.name), false, &shared).await;
            }
            Err(reason) => debug!(peer = %peer.name, reason, "{} cannot be linked with", peer.name),
        }
        pause = if began.elapsed() > SETTLED { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
        sleep(pause).await;
    }
}

async fn dial(
    endpoint: &Endpoint,
    config: &ClientConfig,
    peer: &Peer,
) -> Result<(Connection, quinn::SendStream, quinn::RecvStream), &'static str> {
    let found = timeout(OPEN_TIMEOUT, tokio::net::lookup_host(&peer.address)).await;
    let addresses = found.map_err(|_| "resolving took too long")?.map_err(|_| "the address cannot be resolved")?;
    let ipv4 = endpoint.local_addr().is_ok_and(|address| address.is_ipv4());
    let address = addresses.into_iter().find(|address: &SocketAddr| address.is_ipv4() == ipv4);
    let address = address.ok_or("the address is of another family than this node's")?;
    let connecting = endpoint
        .connect_with(config.clone(), address, wire::CLUSTER_NAME)
        .map_err(|_| "the address cannot be dialled")?;
    let connection = timeout(OPEN_TIMEOUT, connecting).await.map_err(|_| "no answer")?.map_err(|_| "refused")?;
    // Another node at the address of one that went would answer for it.
    if tls::holder(&connection) != Some((tls::Role::Coordinator, peer.name.clone())) {
        connection.close(VarInt::from_u32(close::NO_CERTIFICATE), b"another node");
        return Err("another node answers there");
    }
    let (send, recv) =
        timeout(OPEN_TIMEOUT, connection.open_bi()).await.map_err(|_| "no stream")?.map_err(|_| "lost")?;
    Ok((connection, send, recv))
}
