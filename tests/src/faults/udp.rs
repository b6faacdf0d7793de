//! Datagrams through faults.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Control, Direction, Fate};

/// A datagram is no larger than this.
const DATAGRAM_MAX: usize = 65_536;
/// Clients at a time; the oldest unused one makes room.
const CLIENTS_MAX: usize = 20_000;
/// Datagrams that wait to be delivered late; more are lost, as in a full queue of a switch.
const WAITING_MAX: usize = 65_536;

/// A running proxy for one server. Ends when dropped.
pub struct UdpProxy {
    address: SocketAddr,
    control: Control,
    _open: DropGuard,
}

struct Client {
    socket: Arc<UdpSocket>,
    used: Instant,
    reader: tokio::task::AbortHandle,
}

impl UdpProxy {
    /// Listens on loopback for a server.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(seed: u64, server: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(("127.0.0.1", 0)).await?);
        let address = socket.local_addr()?;
        let (control, open) = (Control::new(seed), CancellationToken::new());
        let (relay, stop) = (run(socket, server, control.clone()), open.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = relay => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(Self { address, control, _open: open.drop_guard() })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }
}

/// Delivers datagrams now or later.
struct Delivery {
    late: JoinSet<()>,
}

impl Delivery {
    async fn take(&mut self, fate: Fate, bytes: &[u8], socket: &Arc<UdpSocket>, to: Option<SocketAddr>) {
        while self.late.try_join_next().is_some() {}
        let Fate::Passed { after, twice } = fate else { return };
        for _ in 0..=u8::from(twice) {
            if after.is_zero() {
                send(socket, bytes, to).await;
            } else if self.late.len() < WAITING_MAX {
                let (socket, bytes) = (Arc::clone(socket), bytes.to_vec());
                self.late.spawn(async move {
                    tokio::time::sleep(after).await;
                    send(&socket, &bytes, to).await;
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, bytes: &[u8], to: Option<SocketAddr>) {
    // A server that is down refuses; to a sender of datagrams that is silence.
    let _ = match to {
        Some(to) => socket.send_to(bytes, to).await,
        None => socket.send(bytes).await,
    };
}

async fn run(front: Arc<UdpSocket>, server: SocketAddr, control: Control) {
    let mut clients: HashMap<SocketAddr, Client> = HashMap::new();
    let mut readers = JoinSet::new();
    let mut delivery = Delivery { late: JoinSet::new() };
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        while readers.try_join_next().is_some() {}
        let Ok((length, from)) = front.recv_from(&mut buffer).await else {
            // An error of an earlier datagram that came back; the socket itself is well.
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        if !clients.contains_key(&from) {
            if clients.len() >= CLIENTS_MAX
                && let Some(oldest) = clients.iter().min_by_key(|(_, client)| client.used).map(|(from, _)| *from)
                && let Some(client) = clients.remove(&oldest)
            {
                client.reader.abort();
            }
            let Ok(socket) = UdpSocket::bind(("127.0.0.1", 0)).await else { continue };
            if socket.connect(server).await.is_err() {
                continue;
            }
            let socket = Arc::new(socket);
            let reader = readers.spawn(back(Arc::clone(&socket), Arc::clone(&front), from, control.clone()));
            clients.insert(from, Client { socket, used: Instant::now(), reader });
        }
        let Some(client) = clients.get_mut(&from) else { continue };
        client.used = Instant::now();
        let fate = control.next(Direction::Up);
        delivery.take(fate, &buffer[..length], &client.socket, None).await;
    }
}

/// The way back to one client.
async fn back(socket: Arc<UdpSocket>, front: Arc<UdpSocket>, to: SocketAddr, control: Control) {
    let mut delivery = Delivery { late: JoinSet::new() };
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(length) => delivery.take(control.next(Direction::Down), &buffer[..length], &front, Some(to)).await,
            // The server is down: until it is back there is nothing to carry.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
