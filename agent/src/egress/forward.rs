//! One connection of a browser: a tunnel, or one plain HTTP request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::Shared;
use super::head::{Ask, Bad, MAX_HEAD, end_of_head, parse_request, rewrite_response};
use super::relay::{IDLE, both, copy, one_way};
use super::way::{Lane, Ticket};
use crate::cdp::PathFailure;

/// From connecting to a complete request head. Browsers open connections ahead of need and let them wait.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Interim responses (100, 103) before the real one.
const MAX_INTERIM: usize = 8;

/// Serves one connection until it ends. Errors end it; there is nobody to tell but the browser, who sees it end.
pub(super) async fn serve(mut client: TcpStream, shared: &Shared, lane: &Arc<Lane>) {
    let _ = client.set_nodelay(true);
    let mut buffer = Vec::new();
    let Ok(Ok(Some(end))) = tokio::time::timeout(HEAD_TIMEOUT, read_head(&mut client, &mut buffer)).await else {
        return;
    };
    let early = buffer.split_off(end);
    let served = match parse_request(&buffer) {
        Err(Bad(status)) => answer(&mut client, status, "bad-request").await,
        Ok(Ask::Tunnel { host, port }) => match lane.enter(&host, port).await {
            Some(ticket) => tunnel(client, shared, (&host, port), &early, &ticket).await,
            None => answer(&mut client, "502 Bad Gateway", "no-answer").await,
        },
        Ok(Ask::Forward { host, port, head, body }) => match shared.connect(&host, port).await {
            Ok(origin) => forward(client, origin, &head, &early, body).await,
            Err(why) => refuse(&mut client, why).await,
        },
    };
    if let Err(error) = served {
        tracing::trace!(%error, "a connection ended early");
    }
}

/// Reads until a head is complete; what follows it stays in the buffer. `None` at a clean end before it.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(end) = end_of_head(buffer) {
            return Ok(Some(end));
        }
        if buffer.len() >= MAX_HEAD {
            metrics::counter!("egress_heads_over_limit").increment(1);
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

async fn refuse(client: &mut TcpStream, why: PathFailure) -> io::Result<()> {
    let (status, reason) = match why {
        PathFailure::Refused => ("403 Forbidden", "refused"),
        PathFailure::Dns => ("502 Bad Gateway", "unknown-host"),
        PathFailure::Unreachable => ("502 Bad Gateway", "unreachable"),
        PathFailure::TimedOut => ("504 Gateway Timeout", "timed-out"),
    };
    answer(client, status, reason).await
}

/// The origin ended the connection without an answer.
async fn no_answer(client: &mut OwnedWriteHalf) -> io::Result<()> {
    answer(client, "502 Bad Gateway", "no-answer").await
}

/// An answer of the proxy's own, marked as such.
async fn answer(client: &mut (impl AsyncWrite + Unpin), status: &str, reason: &str) -> io::Result<()> {
    let body = format!("valet egress: {reason}\n");
    let text = format!(
        "HTTP/1.1 {status}\r\nX-Valet-Egress: {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(text.as_bytes()).await?;
    client.shutdown().await
}

async fn tunnel(
    mut client: TcpStream,
    shared: &Shared,
    (host, port): (&str, u16),
    early: &[u8],
    ticket: &Ticket,
) -> io::Result<()> {
    let origin = tokio::select! {
        origin = shared.connect(host, port) => origin,
        () = ticket.cut() => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    let origin = match origin {
        Ok(origin) => origin,
        Err(why) => return refuse(&mut client, why).await,
    };
    client.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await?;
    both(client, origin, early, ticket).await
}

/// Sends one request with exactly its body, and passes on one response. Whatever the browser sends after the body was
/// meant for a connection that is no more.
async fn forward(client: TcpStream, origin: TcpStream, head: &[u8], early: &[u8], body: u64) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_origin, mut to_origin) = origin.into_split();
    let request = async {
        to_origin.write_all(head).await?;
        let early = &early[..early.len().min(usize::try_from(body).unwrap_or(usize::MAX))];
        to_origin.write_all(early).await?;
        let left = body - early.len() as u64;
        if copy(&mut (&mut from_client).take(left), &mut to_origin).await? < left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // From here on only the browser's leaving matters.
        while from_client.read(&mut [0; 512]).await? > 0 {}
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    let mut answered = false;
    let response = async {
        let mut buffer = Vec::new();
        for _ in 0..=MAX_INTERIM {
            let end = loop {
                if let Some(end) = end_of_head(&buffer) {
                    break end;
                }
                if buffer.len() >= MAX_HEAD {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let read = tokio::time::timeout(IDLE, from_origin.read_buf(&mut buffer)).await;
                if read.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            };
            let rest = buffer.split_off(end);
            let (status, head) = rewrite_response(&buffer).ok_or(io::ErrorKind::InvalidData)?;
            answered = true;
            to_client.write_all(&head).await?;
            if !(100..200).contains(&status) {
                to_client.write_all(&rest).await?;
                return one_way(&mut from_origin, &mut to_client).await;
            }
            buffer = rest;
        }
        Err(io::ErrorKind::InvalidData.into())
    };
    let ended = tokio::select! {
        ended = request => ended,
        ended = response => ended,
    };
    match ended {
        // A connection that just closes makes Chromium send the request again.
        Err(_) if !answered => no_answer(&mut to_client).await,
        ended => ended,
    }
}
