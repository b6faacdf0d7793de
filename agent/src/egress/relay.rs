//! Bytes from one socket to another, until an end or a long silence.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::way::Ticket;

/// How long a connection may be silent in both directions. Long polls and WebSockets ping at least once a minute.
pub(super) const IDLE: Duration = Duration::from_secs(300);
const CHUNK: usize = 16 * 1024;

/// Copies until the end; each read and each write may take [`IDLE`]. Returns the number of bytes.
pub(super) async fn copy(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> io::Result<u64> {
    let mut total = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::time::timeout(IDLE, from.read(&mut chunk)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        if read == 0 {
            return Ok(total);
        }
        let written = tokio::time::timeout(IDLE, to.write_all(&chunk[..read])).await;
        written.map_err(|_| io::ErrorKind::TimedOut)??;
        total += read as u64;
    }
}

/// [`copy`], and then the end is passed on too.
pub(super) async fn one_way(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    copy(from, to).await?;
    to.shutdown().await
}

/// When a tunnel last moved, and whether its client has ever spoken.
struct Moved {
    at: Instant,
    spoken: bool,
}

/// Copies both ways until both have ended, one failed, neither moved for [`IDLE`], or the tunnel is cut. An origin that
/// ends it is reported before the client can know of it. `early` is what the client has said already.
pub(super) async fn both(
    mut client: TcpStream,
    mut origin: TcpStream,
    early: &[u8],
    ticket: &Ticket,
) -> io::Result<()> {
    let moved = Mutex::new(Moved { at: Instant::now(), spoken: !early.is_empty() });
    let (mut from_client, mut to_client) = client.split();
    let (mut from_origin, mut to_origin) = origin.split();
    let silent = async {
        loop {
            let last = lock(&moved).at;
            if last.elapsed() >= IDLE {
                return;
            }
            tokio::time::sleep_until(last + IDLE).await;
        }
    };
    let ended = || {
        if lock(&moved).spoken {
            ticket.ended_by_origin();
        }
    };
    let there = async {
        to_origin.write_all(early).await.inspect_err(|_| ended())?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from_client.read(&mut chunk).await?;
            if read == 0 {
                return to_origin.shutdown().await;
            }
            *lock(&moved) = Moved { at: Instant::now(), spoken: true };
            to_origin.write_all(&chunk[..read]).await.inspect_err(|_| ended())?;
        }
    };
    let back = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from_origin.read(&mut chunk).await.inspect_err(|_| ended())?;
            if read == 0 {
                ended();
                return to_client.shutdown().await;
            }
            lock(&moved).at = Instant::now();
            to_client.write_all(&chunk[..read]).await?;
        }
    };
    tokio::select! {
        // Looked at first: what is cut carries nothing more.
        biased;
        () = ticket.cut() => Err(io::ErrorKind::ConnectionAborted.into()),
        ended = async { tokio::try_join!(there, back).map(|_| ()) } => ended,
        () = silent => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn lock(moved: &Mutex<Moved>) -> std::sync::MutexGuard<'_, Moved> {
    moved.lock().expect("nothing panics while holding a time")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::way::{Lane, Way};
    use super::*;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    /// Client and origin ends of a running tunnel.
    async fn tunnel(lane: &Arc<Lane>) -> (TcpStream, TcpStream) {
        let ((client, near), (far, origin)) = (pair().await, pair().await);
        let ticket = lane.enter("jobs.example", 443).await.unwrap();
        tokio::spawn(async move { both(near, far, b"", &ticket).await });
        (client, origin)
    }

    #[tokio::test]
    async fn an_end_by_the_origin_is_known_before_the_client_sees_it() {
        let way = Way::new(0, CancellationToken::new());
        let sending = way.sending().await.unwrap();
        let (mut unused, origin) = tunnel(&way.lane).await;
        drop(origin);
        unused.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(sending.ends(), 0, "nothing was sent over it");
        let (mut client, mut origin) = tunnel(&way.lane).await;
        client.write_all(b"form").await.unwrap();
        origin.read_exact(&mut [0; 4]).await.unwrap();
        drop(origin);
        client.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(sending.ends(), 1);
    }

    #[tokio::test]
    async fn a_cut_ends_a_tunnel_whatever_it_waits_for() {
        let way = Way::new(0, CancellationToken::new());
        let (mut client, mut origin) = tunnel(&way.lane).await;
        client.write_all(b"request").await.unwrap();
        origin.read_exact(&mut [0; 7]).await.unwrap();
        assert!(way.sending().await.is_some());
        assert_eq!(client.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
}
