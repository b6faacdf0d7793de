//! Bytes from one socket to another, until an end or a long silence.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

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

/// How long a tunnel must have been still to count as idle: an answer's packets come closer together.
const STILL: Duration = Duration::from_millis(100);

/// When a tunnel last moved, and whether it was the origin that spoke: if so, it waits for no answer.
#[derive(Clone, Copy)]
struct Moved {
    at: Instant,
    by_origin: bool,
}

/// Copies both ways until both have ended, one failed, neither moved for [`IDLE`], or `cut` rings while the tunnel is
/// idle. One that waits for an answer is not idle, however still it is.
pub(super) async fn both(mut client: TcpStream, mut origin: TcpStream, mut cut: watch::Receiver<()>) -> io::Result<()> {
    let moved = Mutex::new(Moved { at: Instant::now(), by_origin: false });
    let (mut from_client, mut to_client) = client.split();
    let (mut from_origin, mut to_origin) = origin.split();
    cut.mark_unchanged();
    let watch = async {
        loop {
            let last = lock(&moved).at;
            if last.elapsed() >= IDLE {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            tokio::select! {
                () = tokio::time::sleep_until(last + IDLE) => {}
                rung = cut.changed() => {
                    let last = *lock(&moved);
                    if rung.is_err() || (last.by_origin && last.at.elapsed() >= STILL) {
                        return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
                    }
                }
            }
        }
    };
    let there = stream(&mut from_client, &mut to_origin, &moved, false);
    let back = stream(&mut from_origin, &mut to_client, &moved, true);
    tokio::select! {
        ended = async { tokio::try_join!(there, back).map(|_| ()) } => ended,
        silent = watch => silent,
    }
}

fn lock(moved: &Mutex<Moved>) -> std::sync::MutexGuard<'_, Moved> {
    moved.lock().expect("nothing panics while holding a time")
}

/// One direction of a tunnel; its silence is judged together with the other's.
async fn stream(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    moved: &Mutex<Moved>,
    by_origin: bool,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..read]).await?;
        *lock(moved) = Moved { at: Instant::now(), by_origin };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    /// Client and origin ends of a running tunnel.
    async fn tunnel(cut: &watch::Sender<()>) -> (TcpStream, TcpStream) {
        let ((client, near), (far, origin)) = (pair().await, pair().await);
        tokio::spawn(both(near, far, cut.subscribe()));
        (client, origin)
    }

    #[tokio::test]
    async fn a_cut_ends_idle_tunnels_and_leaves_those_that_wait_for_an_answer() {
        let cut = watch::channel(()).0;
        let (mut idle, mut idle_origin) = tunnel(&cut).await;
        let (mut busy, mut busy_origin) = tunnel(&cut).await;
        let mut byte = [0; 1];
        idle_origin.write_all(b"a").await.unwrap();
        idle.read_exact(&mut byte).await.unwrap();
        busy.write_all(b"q").await.unwrap();
        busy_origin.read_exact(&mut byte).await.unwrap();

        // Rung again and again until the idle one has been still for long enough.
        let ended = async {
            loop {
                cut.send_replace(());
                if let Ok(read) = tokio::time::timeout(STILL, idle.read(&mut byte)).await {
                    return read;
                }
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap_or(0), 0);

        busy_origin.write_all(b"r").await.unwrap();
        busy.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"r");
    }
}
