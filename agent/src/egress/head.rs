//! Request and response heads: parsed strictly, rewritten for the other side. Pure.
//!
//! One request per connection: a connection that was checked for one destination is never reused for another.

/// Bytes of a head. Cookies of large sites fill tens of KiB; a head beyond this is a fault or an attack.
pub(super) const MAX_HEAD: usize = 128 * 1024;

/// What a browser asks of the proxy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// `CONNECT host:port`.
    Tunnel { host: String, port: u16 },
    /// A request for `http://host[:port]/…`: the head to send there, and how long its body is.
    Forward { host: String, port: u16, head: Vec<u8>, body: u64 },
}

/// Why a head is not acted upon: the status to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad(pub(super) &'static str);

const BAD_REQUEST: Bad = Bad("400 Bad Request");

/// Where a head ends, once it is complete.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// Headers that concern one hop only.
fn is_hop_header(name: &str) -> bool {
    const HOP: [&str; 8] = [
        "connection",
        "proxy-connection",
        "keep-alive",
        "proxy-authorization",
        "proxy-authenticate",
        "te",
        "trailer",
        "upgrade",
    ];
    HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

/// `host:port`, `host` or `[v6]:port`; nothing else that an authority may hold.
fn authority(text: &str, default: Option<u16>) -> Result<(String, u16), Bad> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port.parse().map_err(|_| BAD_REQUEST)?)),
        _ => (text, None),
    };
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let valid = match inner {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            (1..=253).contains(&host.len())
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
    };
    let port = port.or(default).ok_or(BAD_REQUEST)?;
    if valid { Ok((inner.unwrap_or(host).to_owned(), port)) } else { Err(BAD_REQUEST) }
}

/// The lines of a head without its final blank one, each a header `(name, value)`.
fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(&'a str, &'a str)>, Bad> {
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or(BAD_REQUEST)?;
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let valid = !name.is_empty() && name.bytes().all(token) && !value.contains(['\r', '\n', '\0']);
            valid.then(|| (name, value.trim())).ok_or(BAD_REQUEST)
        })
        .collect()
}

/// Reads a complete request head.
pub(super) fn parse_request(head: &[u8]) -> Result<Ask, Bad> {
    // Latin-1 would be allowed in values; browsers send ASCII or UTF-8.
    let text = std::str::from_utf8(head).map_err(|_| BAD_REQUEST)?;
    let mut lines = text.strip_suffix("\r\n\r\n").ok_or(BAD_REQUEST)?.split("\r\n");
    let mut first = lines.next().ok_or(BAD_REQUEST)?.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (first.next(), first.next(), first.next(), first.next())
    else {
        return Err(BAD_REQUEST);
    };
    let headers = headers(lines)?;
    if method == "CONNECT" {
        let (host, port) = authority(target, None)?;
        return Ok(Ask::Tunnel { host, port });
    }
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
        return Err(BAD_REQUEST);
    }
    let rest = target.strip_prefix("http://").ok_or(BAD_REQUEST)?;
    let split = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (site, path) = rest.split_at(split);
    let (host, port) = authority(site, Some(80))?;
    if path.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        return Err(BAD_REQUEST);
    }
    let find = |wanted: &str| headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).collect::<Vec<_>>();
    if !find("transfer-encoding").is_empty() {
        // No browser sends one over HTTP/1.1; two ways to say where a body ends are one too many.
        return Err(Bad("411 Length Required"));
    }
    let body = match find("content-length")[..] {
        [] => 0,
        [(_, length)] if length.bytes().all(|b| b.is_ascii_digit()) => length.parse().map_err(|_| BAD_REQUEST)?,
        _ => return Err(BAD_REQUEST),
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut out = format!("{method} {slash}{path} HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n");
    for (name, value) in headers {
        if !is_hop_header(name) && !name.eq_ignore_ascii_case("host") {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    out.push_str("\r\n");
    Ok(Ask::Forward { host, port, head: out.into_bytes(), body })
}

/// The status of a complete response head, and the head as the browser gets it: this connection ends with it.
pub(super) fn rewrite_response(head: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut lines = head.strip_suffix(b"\r\n\r\n")?.split(|&b| b == b'\n').map(|line| line.trim_ascii_end());
    let first = lines.next()?;
    let status = std::str::from_utf8(first.strip_prefix(b"HTTP/1.")?.get(2..5)?).ok()?.parse().ok()?;
    let mut out = first.to_vec();
    out.extend_from_slice(b"\r\n");
    for line in lines {
        let name = line.split(|&b| b == b':').next().and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("");
        if !is_hop_header(name.trim()) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
    if !(100..200).contains(&status) {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Some((status, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(head: &str) -> Result<Ask, Bad> {
        parse_request(head.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn tunnels_name_a_host_and_a_port() {
        let tunnel = |host: &str, port| Ok(Ask::Tunnel { host: host.into(), port });
        assert_eq!(ask("CONNECT jobs.example:443 HTTP/1.1\nHost: x\n\n"), tunnel("jobs.example", 443));
        assert_eq!(ask("CONNECT [::1]:443 HTTP/1.1\n\n"), tunnel("::1", 443));
        for bad in ["jobs.example", "a:b", "u@h:1", "h:99999", ":1", "[zz]:1", "a/b:1", "::1:1"] {
            assert_eq!(ask(&format!("CONNECT {bad} HTTP/1.1\n\n")), Err(BAD_REQUEST), "{bad}");
        }
    }

    #[test]
    fn requests_are_rewritten_for_the_origin() {
        let head = "POST http://jobs.example:8080/a?b HTTP/1.1\nHost: evil\nProxy-Connection: keep-alive\n\
                    Upgrade: x\nContent-Length: 3\nCookie: c=1\n\n";
        let Ok(Ask::Forward { host, port, head, body }) = ask(head) else { panic!() };
        assert_eq!((host.as_str(), port, body), ("jobs.example", 8080, 3));
        assert_eq!(
            String::from_utf8(head).unwrap().replace("\r\n", "\n"),
            "POST /a?b HTTP/1.1\nHost: jobs.example:8080\nConnection: close\nContent-Length: 3\nCookie: c=1\n\n"
        );
        let Ok(Ask::Forward { head, .. }) = ask("GET http://h?q HTTP/1.1\n\n") else { panic!() };
        assert!(head.starts_with(b"GET /?q HTTP/1.1\r\nHost: h\r\n"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for bad in [
            "GET / HTTP/1.1\nHost: h\n\n",
            "GET https://h/ HTTP/1.1\n\n",
            "GET http://user@h/ HTTP/1.1\n\n",
            "GET http://h/ HTTP/2.0\n\n",
            "GET  http://h/ HTTP/1.1\n\n",
            "POST http://h/ HTTP/1.1\nContent-Length: 1\nContent-Length: 2\n\n",
            "POST http://h/ HTTP/1.1\nContent-Length: +1\n\n",
            "GET http://h/ HTTP/1.1\nA: 1\n folded\n\n",
            "GET http://h/ HTTP/1.1\nBad Name: 1\n\n",
        ] {
            assert_eq!(ask(bad), Err(BAD_REQUEST), "{bad}");
        }
        assert_eq!(ask("POST http://h/ HTTP/1.1\nTransfer-Encoding: chunked\n\n"), Err(Bad("411 Length Required")));
    }

    #[test]
    fn responses_end_their_connection() {
        let head = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nX: \xff\r\n\r\n";
        let (status, out) = rewrite_response(head).unwrap();
        assert_eq!((status, &out[..]), (200, &b"HTTP/1.1 200 OK\r\nX: \xff\r\nConnection: close\r\n\r\n"[..]));
        assert_eq!(rewrite_response(b"SSH-2.0\r\n\r\n"), None);
    }
}
