//! Where agents connect: QUIC endpoints for sessions ([`wire::ALPN_AGENT`], mutual TLS) and for enrolment
//! ([`wire::ALPN_ENROL`], server certificate only).
//!
//! The listener knows certificates, frames and bounds; what a hello, a report or an artifact *means* is decided by
//! the core behind [`Sessions`]. The core speaks back through [`AgentLink`] and [`JobLink`], neither of which ever
//! waits, so that actors may call them from a handler.
//!
//! - [`accept`]: admission; [`pace`]: how fast; [`enrol`]: tokens, instance documents and lapsed certificates; [`session`]: one agent's control stream;
//!   [`streams`]: jobs, artifacts, live frames, files; [`link`]: the core's end; [`io`]: frames over streams.
//!
//! A frame that is not ours closes its connection with [`wire::close::MALFORMED`] and is counted.

mod accept;
mod enrol;
mod io;
mod link;
mod pace;
mod session;
mod sessions;
mod streams;
mod tls;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use protocol::clock::WallClock;
use protocol::wire;
use quinn::{Endpoint, VarInt};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use self::pace::Pace;
use crate::pki::{Authority, EndpointSecrets};

#[cfg(test)]
pub(crate) use link::Work;
pub use link::{AgentLink, JobLink, LinkError};
pub use sessions::{ArtifactRefused, Gone, Occasion, Refused, ReportRefused, Sessions};

/// The server certificate lives 30 days; a process that runs for months replaces it each day.
const SERVER_CERTIFICATE_RENEWAL: Duration = Duration::from_secs(24 * 3600);
/// How long open connections may take to hear that we go down. They notice a silence anyway.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of packets that the system keeps for us while we are busy: some 3,600 packets, as its own book-keeping counts.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What a listener is built from.
pub struct Config {
    /// One endpoint each.
    pub addresses: Vec<SocketAddr>,
    pub authority: Arc<Authority>,
    /// Names for the server certificate beside [`wire::SERVER_NAME`].
    pub names: Vec<String>,
    /// The same on every start and on every coordinator behind one address.
    pub secrets: EndpointSecrets,
    pub limits: Limits,
    /// What certificates are judged by.
    pub clock: WallClock,
}

/// Bounds of a listener. The defaults are for production.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, over all endpoints: 52 KB each.
    pub connections: usize,
    /// Handshakes at a time: each takes some 50 KB until it is done, or has not gone on for [`Self::first_frame`].
    pub handshakes: usize,
    /// Handshakes a second: each costs about a millisecond of a core, which people's requests need too; 10,000 agents are
    /// to be back within half a minute.
    pub handshakes_per_second: u32,
    /// Hellos a second: each is two transactions, and 10,000 agents are to be back within half a minute.
    pub hellos_per_second: u32,
    /// Handshakes and hellos taken at once after a pause, before the pace counts: a small fleet does not wait.
    pub burst: u32,
    /// Hellos that wait for the database at a time: as many as share a transaction there.
    pub hellos: usize,
    /// Enrolments decided at a time, which bounds guessing at tokens; others wait for their turn.
    pub enrolments: usize,
    /// For a TLS handshake, and again for the first frame.
    pub first_frame: Duration,
    /// How long an agent's certificate is good.
    pub certificate_ttl: Duration,
    /// Silence after which a connection is over.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            handshakes: 512,
            handshakes_per_second: 450,
            hellos_per_second: 500,
            burst: 100,
            hellos: crate::sandbox::rows::BATCH_MAX,
            enrolments: 8,
            first_frame: Duration::from_secs(5),
            certificate_ttl: crate::pki::AGENT_CERTIFICATE_TTL,
            // As long as leases live without a heartbeat.
            idle: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{address} cannot be listened on")]
    Bind {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("no server certificate could be made")]
    Certificate(#[from] crate::pki::Error),
    #[error("TLS could not be set up")]
    Tls(#[from] tls::Error),
}

/// Running endpoints. Dropping it does not close them; [`Listener::close`] does.
pub struct Listener {
    endpoints: Vec<Endpoint>,
    addresses: Vec<SocketAddr>,
    tasks: TaskTracker,
    renewal: tokio::task::AbortHandle,
}

/// What every connection of a listener shares.
struct Shared<S> {
    sessions: Arc<S>,
    authority: Arc<Authority>,
    limits: Limits,
    clock: WallClock,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    handshake_pace: Pace,
    hellos: Arc<Semaphore>,
    hello_pace: Pace,
    enrolments: Arc<Semaphore>,
}

impl Listener {
    /// Binds every address and begins to accept.
    ///
    /// # Errors
    /// When an address is taken, or keys cannot be made.
    pub fn start<S: Sessions>(config: Config, sessions: Arc<S>) -> Result<Self, Error> {
        let Config { addresses, authority, names, secrets, limits, clock } = config;
        let server = tls::server_config(&authority, &names, &limits, &clock)?;
        let shared = Arc::new(Shared {
            sessions,
            authority: authority.clone(),
            connections: Arc::new(Semaphore::new(limits.connections)),
            handshakes: Arc::new(Semaphore::new(limits.handshakes)),
            handshake_pace: Pace::new(limits.handshakes_per_second, limits.burst),
            hellos: Arc::new(Semaphore::new(limits.hellos)),
            hello_pace: Pace::new(limits.hellos_per_second, limits.burst),
            enrolments: Arc::new(Semaphore::new(limits.enrolments)),
            limits: limits.clone(),
            clock: clock.clone(),
        });
        let mut endpoints = Vec::with_capacity(addresses.len());
        let mut bound = Vec::with_capacity(addresses.len());
        for address in addresses {
            let failed = |source| Error::Bind { address, source };
            let socket = UdpSocket::bind(address).map_err(failed)?;
            widen_buffer(&socket);
            bound.push(socket.local_addr().map_err(failed)?);
            let runtime = Arc::new(quinn::TokioRuntime);
            let endpoint = Endpoint::new(secrets.endpoint_config(), Some(server.clone()), socket, runtime);
            endpoints.push(endpoint.map_err(failed)?);
        }
        let tasks = TaskTracker::new();
        for endpoint in &endpoints {
            tasks.spawn(accept::run(endpoint.clone(), shared.clone(), tasks.clone()));
        }
        let renewal =
            tokio::spawn(renew_certificate(endpoints.clone(), authority, names, limits, clock)).abort_handle();
        Ok(Self { endpoints, addresses: bound, tasks, renewal })
    }

    /// The addresses really bound (port 0 resolved), in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Tells every agent that this process goes down, and waits a moment for them to hear it.
    pub async fn close(self) {
        self.renewal.abort();
        for endpoint in &self.endpoints {
            endpoint.close(VarInt::from_u32(wire::close::GOING_DOWN), b"going down");
        }
        self.tasks.close();
        let all = async {
            self.tasks.wait().await;
            for endpoint in &self.endpoints {
                endpoint.wait_idle().await;
            }
        };
        if tokio::time::timeout(CLOSE_PATIENCE, all).await.is_err() {
            warn!("agent connections were still open when the listener stopped");
        }
    }
}

/// Has the system keep more packets for us than it does for everybody (200 KB, the handshakes of a hundred agents): what
/// does not fit is lost, and is sent again a second later.
fn widen_buffer(socket: &UdpSocket) {
    let set = rustix::net::sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER);
    // It answers with twice what it was given, for its own book-keeping.
    let got = set.and_then(|()| rustix::net::sockopt::socket_recv_buffer_size(socket)).unwrap_or_default() / 2;
    if got < RECEIVE_BUFFER {
        info!(
            got,
            wanted = RECEIVE_BUFFER,
            "the system keeps few packets for agents (net.core.rmem_max): thousands that come at once will be slow"
        );
    }
}

async fn renew_certificate(
    endpoints: Vec<Endpoint>,
    authority: Arc<Authority>,
    names: Vec<String>,
    limits: Limits,
    clock: WallClock,
) {
    loop {
        tokio::time::sleep(SERVER_CERTIFICATE_RENEWAL).await;
        match tls::server_config(&authority, &names, &limits, &clock) {
            Ok(config) => endpoints.iter().for_each(|endpoint| endpoint.set_server_config(Some(config.clone()))),
            Err(error) => warn!(%error, "the server certificate could not be renewed; trying again tomorrow"),
        }
    }
}
