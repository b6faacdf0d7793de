//! Connections through faults: bytes stay in order, so what is lost comes late.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::snare::{self, Catch, Trail};
use super::{Control, Cut, Direction, Fate};

const CHUNK: usize = 16 * 1024;
/// What TCP takes to send a lost piece again, at first.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// Where connections go on to.
#[derive(Debug, Clone)]
pub enum Upstream {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A running proxy for one server. Ends when dropped, with its connections.
pub struct TcpProxy {
    address: SocketAddr,
    control: Control,
    _open: DropGuard,
}

impl TcpProxy {
    /// Listens on loopback for a server.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(seed: u64, upstream: Upstream) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (control, open) = (Control::new(seed), CancellationToken::new());
        let (relay, stop) = (run(listener, upstream, control.clone()), open.clone());
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

async fn run(listener: TcpListener, upstream: Upstream, control: Control) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((socket, _)) => {
                connections.spawn(serve(socket, upstream.clone(), control.clone()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Waits until the way is open; `false` when it is refused meanwhile.
async fn passable(control: &Control) -> bool {
    let mut way = control.way();
    let open = way.wait_for(|cut| *cut != Cut::Silent).await.map(|cut| *cut);
    open.is_ok_and(|cut| cut == Cut::Open)
}

async fn serve(client: TcpStream, upstream: Upstream, control: Control) {
    let mut way = control.way();
    let carried = async {
        if !passable(&control).await {
            return;
        }
        let _ = client.set_nodelay(true);
        match upstream {
            Upstream::Tcp(address) => {
                if let Ok(server) = TcpStream::connect(address).await {
                    let _ = server.set_nodelay(true);
                    carry(client, server, &control).await;
                }
            }
            Upstream::Unix(path) => {
                if let Ok(server) = UnixStream::connect(path).await {
                    carry(client, server, &control).await;
                }
            }
        }
    };
    tokio::select! {
        () = carried => {}
        _ = way.wait_for(|cut| *cut == Cut::Refused) => {}
    }
}

async fn carry<A, B>(client: A, server: B, control: &Control)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (sprung, mut trail) = (CancellationToken::new(), Trail::default());
    let up = async {
        let mut look = |sent: &[u8]| trail.follow(control.snare(), sent);
        let caught = one_way(&mut from_client, &mut to_server, control, Direction::Up, &mut look).await;
        if caught.is_some() {
            sprung.cancel();
        }
        caught
    };
    let down = async {
        let mut look = |_: &[u8]| None;
        tokio::select! {
            _ = one_way(&mut from_server, &mut to_client, control, Direction::Down, &mut look) => {}
            () = sprung.cancelled() => {}
        }
    };
    let (caught, ()) = tokio::join!(up, down);
    if let Some(catch) = caught {
        snare::carry_out(catch, from_client.unsplit(to_client), from_server.unsplit(to_server)).await;
    }
}

/// Carries until the sender ends, or until `look` catches what it sent last: that is not passed on.
async fn one_way(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    control: &Control,
    direction: Direction,
    look: &mut impl FnMut(&[u8]) -> Option<Catch>,
) -> Option<Catch> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        // What came before the way was closed may still pass; what comes while it is closed waits.
        while *control.way().borrow() != Cut::Open {
            if !passable(control).await {
                return None;
            }
        }
        let pause = match control.next(direction) {
            Fate::Lost => RETRANSMISSION,
            Fate::Passed { after, .. } => after,
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if let Some(catch) = look(&buffer[..length]) {
            return Some(catch);
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    // The other side learns of the end as it would without us.
    let _ = to.shutdown().await;
    None
}
