//! Bytes from one socket to another, until an end or a long silence.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
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

/// Copies both ways until both have ended, one failed, or neither moved for [`IDLE`].
pub(super) async fn both(mut a: TcpStream, mut b: TcpStream) -> io::Result<()> {
    let moved = Mutex::new(Instant::now());
    let (mut from_a, mut to_a) = a.split();
    let (mut from_b, mut to_b) = b.split();
    let watch = async {
        loop {
            let last = *moved.lock().expect("nothing panics while holding a time");
            if last.elapsed() >= IDLE {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            tokio::time::sleep_until(last + IDLE).await;
        }
    };
    let there = stream(&mut from_a, &mut to_b, &moved);
    let back = stream(&mut from_b, &mut to_a, &moved);
    tokio::select! {
        ended = async { tokio::try_join!(there, back).map(|_| ()) } => ended,
        silent = watch => silent,
    }
}

/// One direction of a tunnel; its silence is judged together with the other's.
async fn stream(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    moved: &Mutex<Instant>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..read]).await?;
        *moved.lock().expect("nothing panics while holding a time") = Instant::now();
    }
}
