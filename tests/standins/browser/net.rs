//! One HTTP exchange through a proxy, over a connection of its own that is never used again.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// The largest answer that is read.
const BODY_MAX: usize = 8 << 20;
const HEAD_MAX: usize = 64 << 10;
/// A server that is silent for longer is given up, as a browser would after minutes.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Response {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// What a browser would say of a connection that failed.
pub fn error_name(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "net::ERR_PROXY_CONNECTION_FAILED",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "net::ERR_CONNECTION_RESET",
        io::ErrorKind::TimedOut => "net::ERR_TIMED_OUT",
        io::ErrorKind::UnexpectedEof => "net::ERR_EMPTY_RESPONSE",
        io::ErrorKind::Unsupported => "net::ERR_UNKNOWN_URL_SCHEME",
        _ => "net::ERR_FAILED",
    }
}

/// Sends a request and reads the whole answer. `body` is its type and its bytes.
pub async fn exchange(
    proxy: Option<&str>,
    method: &str,
    url: &Url,
    body: Option<(&str, &[u8])>,
) -> io::Result<Response> {
    let asked = tokio::time::timeout(PATIENCE, ask(proxy, method, url, body));
    asked.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn ask(proxy: Option<&str>, method: &str, url: &Url, body: Option<(&str, &[u8])>) -> io::Result<Response> {
    if url.scheme() != "http" {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let authority = match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let (to, target) = match proxy {
        Some(proxy) => (proxy.trim_start_matches("http://").to_owned(), format!("http://{authority}{path}")),
        None => (authority.clone(), path.to_owned()),
    };
    let mut socket = TcpStream::connect(&to).await?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\nAccept: text/html,*/*\r\n");
    if let Some((kind, bytes)) = body {
        head.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", bytes.len()));
    }
    head.push_str("Connection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    if let Some((_, bytes)) = body {
        socket.write_all(bytes).await?;
    }
    read(&mut socket).await
}

async fn read(socket: &mut TcpStream) -> io::Result<Response> {
    let mut seen = Vec::new();
    let (head, status) = loop {
        let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") else {
            if seen.len() > HEAD_MAX || socket.read_buf(&mut seen).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&seen[..end]).into_owned();
        seen.drain(..end + 4);
        let status: u16 = head.get(9..12).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        // "Continue" and its like come before the answer.
        if status >= 200 {
            break (head, status);
        }
    };
    let header = |wanted: &str| {
        let named = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        named.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned()).next()
    };
    let length: Option<usize> = header("content-length").and_then(|length| length.parse().ok());
    let chunked = header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    while length.is_none_or(|length| seen.len() < length) {
        if seen.len() > BODY_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if socket.read_buf(&mut seen).await? == 0 {
            if length.is_some_and(|length| seen.len() < length) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            break;
        }
    }
    let body = if chunked { unchunk(&seen).ok_or(io::ErrorKind::UnexpectedEof)? } else { seen };
    Ok(Response { status, location: header("location"), body })
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_and_torn_ones_refused() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n").unwrap(), b"abcde");
        assert!(unchunk(b"3\r\nab").is_none());
    }
}
