//! Carries the cluster's messages between coordinators and gateways: `ractor_cluster` over QUIC with mutual TLS.
//!
//! A crate of its own because coordinators and gateways both need it and must not know each other. The library spreads
//! process groups over its sessions and routes messages to remote actors; it neither encrypts nor dials again. Here:
//! [`tls`] says who may link, [`dial`] keeps a connection to every peer it is told of, [`Links`] accepts. A connection
//! that falls silent ends after [`IDLE`], and with it the library's session: calls under way fail at once.

mod dial;
mod tls;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use protocol::wire::close;
use quinn::{Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream, VarInt};
use ractor::{Actor, ActorRef};
use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream, NodeServer, NodeServerMessage};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

pub use tls::{Identity, Role};

/// Silence after which a link is over. As long as a node's row lives without renewal.
const IDLE: Duration = Duration::from_secs(3);
/// A node that was restarted answers the next packet with a stateless reset: this is how soon it is noticed.
const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// For a handshake, and again for the stream that the dialling side opens.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest frame: the largest message between nodes is little over 1 MiB, and its envelope.
const FRAME_MAX: u64 = 4 << 20;
/// Links at a time: a hundred coordinators and as many gateways.
const LINKS_MAX: usize = 512;

/// A node to be linked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// As in its certificate.
    pub name: String,
    /// `host:port`.
    pub address: String,
}

/// What links are made from.
pub struct Config {
    pub identity: Identity,
    /// Where peers dial; `None` only dials.
    pub listen: Option<SocketAddr>,
    /// With keys that outlive a restart, so that peers notice it.
    pub endpoint: EndpointConfig,
    /// Whom to dial. One side of a pair does.
    pub peers: watch::Receiver<Vec<Peer>>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Tls(#[from] tls::Error),
    #[error("{address} cannot be listened on")]
    Bind {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the cluster's own actor could not be started")]
    Actor(#[from] ractor::SpawnErr),
}

/// Running links. [`Links::stop`] ends them.
pub struct Links {
    endpoint: Endpoint,
    address: SocketAddr,
    server: ActorRef<NodeServerMessage>,
    open: Arc<DashMap<String, Connection>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    dialling: JoinHandle<()>,
}

/// What accepting and dialling share.
#[derive(Clone)]
struct Shared {
    server: ActorRef<NodeServerMessage>,
    open: Arc<DashMap<String, Connection>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Links {
    /// Binds and begins to accept and to dial.
    ///
    /// # Errors
    /// When the address is taken or the identity cannot be used.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let Config { identity, listen, endpoint, peers } = config;
        let server_config = listen.map(|_| tls::server_config(&identity)).transpose()?;
        let client_config = tls::client_config(&identity)?;
        let address = listen.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
        let bind = |source| Error::Bind { address, source };
        let socket = UdpSocket::bind(address).map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        let endpoint = Endpoint::new(endpoint, server_config, socket, Arc::new(quinn::TokioRuntime)).map_err(bind)?;

        // The library keys its sessions by name: another life is another name.
        let name = format!("{}#{:08x}", identity.name(), rand::random::<u32>());
        // It always listens on TCP too; nobody is told the port, and its greeting is the fleet's secret.
        let node = NodeServer::new(0, identity.cookie.clone(), name, "valet".to_owned(), None, None)
            .with_listen_addr(Ipv4Addr::LOCALHOST.into())
            .with_max_inbound_frame_size(FRAME_MAX);
        let (server, _) = Actor::spawn(None, node, ()).await?;
        let shared = Shared {
            server: server.clone(),
            open: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        if listen.is_some() {
            shared.tasks.spawn(accept(endpoint.clone(), shared.clone()));
        }
        let dialling = tokio::spawn(dial::all(endpoint.clone(), client_config, peers, shared.clone()));
        let Shared { open, stop, tasks, .. } = shared;
        Ok(Self { endpoint, address, server, open, stop, tasks, dialling })
    }

    /// Where peers reach this node (port 0 resolved).
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Names of the nodes this one is linked with now.
    #[must_use]
    pub fn linked(&self) -> Vec<String> {
        self.open.iter().map(|link| link.key().clone()).collect()
    }

    /// Ends every link.
    pub async fn stop(self) {
        self.stop.cancel();
        self.dialling.abort();
        self.endpoint.close(VarInt::from_u32(close::GOING_DOWN), b"going down");
        self.tasks.close();
        let _ = timeout(OPEN_TIMEOUT, self.tasks.wait()).await;
        self.server.stop(None);
        let _ = timeout(OPEN_TIMEOUT, self.endpoint.wait_idle()).await;
    }
}

async fn accept(endpoint: Endpoint, shared: Shared) {
    while let Some(incoming) = endpoint.accept().await {
        if shared.open.len() >= LINKS_MAX || shared.tasks.len() > 2 * LINKS_MAX {
            incoming.refuse();
            continue;
        }
        let of = shared.clone();
        shared.tasks.spawn(async move {
            if let Err(reason) = welcome(incoming, &of).await {
                metrics::counter!("valet_links_refused_total", "reason" => reason).increment(1);
            }
        });
    }
}

async fn welcome(incoming: Incoming, shared: &Shared) -> Result<(), &'static str> {
    let connecting = incoming.accept().map_err(|_| "handshake")?;
    let connection = timeout(OPEN_TIMEOUT, connecting).await.map_err(|_| "slow")?.map_err(|_| "handshake")?;
    let Some((role, name)) = tls::holder(&connection) else {
        connection.close(VarInt::from_u32(close::NO_CERTIFICATE), b"not a node");
        return Err("identity");
    };
    let (send, recv) = timeout(OPEN_TIMEOUT, connection.accept_bi()).await.map_err(|_| "slow")?.map_err(|_| "lost")?;
    hold(connection, send, recv, format!("{}{name}", role.prefix()), true, shared).await;
    Ok(())
}

/// Gives the stream to the library, and keeps the connection until it is over.
async fn hold(connection: Connection, send: SendStream, recv: RecvStream, name: String, served: bool, of: &Shared) {
    let end = Arc::new(EndOnDrop(connection.clone()));
    let stream = Box::new(Stream { send, recv, end, label: name.clone() });
    let opened = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: served };
    if of.server.cast(opened).is_err() {
        return;
    }
    if let Some(old) = of.open.insert(name.clone(), connection.clone()) {
        // Its process is gone or was cut off: two links with one node would only confuse.
        old.close(VarInt::from_u32(close::SUPERSEDED), b"superseded");
    }
    info!(peer = %name, "linked with {name}");
    metrics::gauge!("valet_links").increment(1);
    let why = tokio::select! {
        why = connection.closed() => why,
        () = of.stop.cancelled() => {
            connection.close(VarInt::from_u32(close::GOING_DOWN), b"going down");
            quinn::ConnectionError::LocallyClosed
        }
    };
    metrics::gauge!("valet_links").decrement(1);
    of.open.remove_if(&name, |_, known| known.stable_id() == connection.stable_id());
    if !of.stop.is_cancelled() {
        warn!(peer = %name, %why, "the link with {name} is over");
    }
}

/// Closes the connection when the library let go of the last half of its stream: it refused the peer, or its session
/// failed.
struct EndOnDrop(Connection);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.close(VarInt::from_u32(close::REFUSED), b"session over");
    }
}

struct Stream {
    send: SendStream,
    recv: RecvStream,
    end: Arc<EndOnDrop>,
    label: String,
}

impl ClusterBidiStream for Stream {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let Self { send, recv, end, .. } = *self;
        (Box::new(Half { inner: recv, _end: Arc::clone(&end) }), Box::new(Half { inner: send, _end: end }))
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.label.clone())
    }
}

/// One half of a stream, with the end of its connection.
struct Half<T> {
    inner: T,
    _end: Arc<EndOnDrop>,
}

impl tokio::io::AsyncRead for Half<RecvStream> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        tokio::io::AsyncRead::poll_read(std::pin::Pin::new(&mut self.inner), context, buffer)
    }
}

impl tokio::io::AsyncWrite for Half<SendStream> {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write(std::pin::Pin::new(&mut self.inner), context, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        tokio::io::AsyncWrite::poll_flush(std::pin::Pin::new(&mut self.inner), context)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        tokio::io::AsyncWrite::poll_shutdown(std::pin::Pin::new(&mut self.inner), context)
    }
}
