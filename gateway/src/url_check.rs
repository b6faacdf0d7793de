//! Which addresses a browser of ours may be sent to, as far as can be said before the browser goes there.
//!
//! The agent's proxy decides again on what it resolves; this check is for a clear answer at once.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::StatusCode;
use protocol::net::{AllowList, is_public};
use serde_json::json;
use url::{Host, Url};

use crate::error::ApiError;

/// How long a name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(4);
/// Addresses of one name that are looked at; a name with more is not a job board.
const ADDRESSES_MAX: usize = 64;

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Scheme,
    Credentials,
    PrivateAddress,
    Unresolvable,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Scheme => "scheme",
            Self::Credentials => "credentials",
            Self::PrivateAddress => "private_address",
            Self::Unresolvable => "unresolvable",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Scheme => {
                "Only web addresses that begin with http:// or https:// can be opened. Paste the posting's address as your browser shows it."
            }
            Self::Credentials => {
                "The address must not contain a user name or password. Remove what stands before the @."
            }
            Self::PrivateAddress => {
                "The address leads into a private network, which Valet does not open. Paste the posting's public address."
            }
            Self::Unresolvable => "The site of this address cannot be found. Check the address for typing errors.",
        }
    }
}

impl From<Reason> for ApiError {
    fn from(reason: Reason) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, "URL_REFUSED", reason.message()).with(json!({ "reason": reason.name() }))
    }
}

/// Checks an address and resolves its host.
///
/// # Errors
/// With the reason for a refusal.
pub async fn check(url: &Url, allowed: &[String]) -> Result<(), Reason> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Reason::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Reason::Credentials);
    }
    let host = url.host().ok_or(Reason::Unresolvable)?;
    let port = url.port_or_known_default().unwrap_or(443);
    let text = url.host_str().unwrap_or_default();
    if AllowList::new(allowed).is_ok_and(|allowed| allowed.contains(text, port)) {
        return Ok(());
    }
    let name = match host {
        Host::Ipv4(address) => return public(IpAddr::V4(address)),
        Host::Ipv6(address) => return public(IpAddr::V6(address)),
        Host::Domain(name) => name,
    };
    let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name, port))).await;
    let found: Vec<IpAddr> = match found {
        Ok(Ok(found)) => found.map(|address| address.ip()).take(ADDRESSES_MAX).collect(),
        Ok(Err(_)) | Err(_) => return Err(Reason::Unresolvable),
    };
    if found.is_empty() {
        return Err(Reason::Unresolvable);
    }
    // One private address among public ones is enough: the browser may take any.
    found.into_iter().try_for_each(public)
}

fn public(address: IpAddr) -> Result<(), Reason> {
    if is_public(address) { Ok(()) } else { Err(Reason::PrivateAddress) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn verdict(url: &str) -> Result<(), Reason> {
        check(&url.parse().unwrap(), &["practice.example".into(), "127.0.0.1:8100".into(), "[::1]:8100".into()]).await
    }

    #[tokio::test]
    async fn only_the_web_without_credentials() {
        for url in
            ["file:///etc/passwd", "javascript:alert(1)", "ftp://8.8.8.8/", "chrome://settings", "data:text/html,x"]
        {
            assert_eq!(verdict(url).await, Err(Reason::Scheme), "{url}");
        }
        assert_eq!(verdict("https://user@8.8.8.8/").await, Err(Reason::Credentials));
        assert_eq!(verdict("https://:pass@8.8.8.8/").await, Err(Reason::Credentials));
        assert_eq!(verdict("https://8.8.8.8/job").await, Ok(()));
        assert_eq!(verdict("https://[2606:4700:4700::1111]/job").await, Ok(()));
    }

    #[tokio::test]
    async fn private_addresses_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fd00::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[ff02::1]",
        ] {
            assert_eq!(verdict(&format!("http://{host}/")).await, Err(Reason::PrivateAddress), "{host}");
        }
    }

    #[tokio::test]
    async fn names_that_resolve_to_private_addresses_or_to_none() {
        assert_eq!(verdict("http://localhost/").await, Err(Reason::PrivateAddress));
        assert_eq!(verdict("http://no-such-host.invalid/").await, Err(Reason::Unresolvable));
    }

    #[tokio::test]
    async fn hosts_of_the_list_are_let_through_with_their_port() {
        assert_eq!(verdict("http://practice.example:1234/").await, Ok(()));
        assert_eq!(verdict("http://127.0.0.1:8100/jobs/1").await, Ok(()));
        assert_eq!(verdict("http://[::1]:8100/jobs/1").await, Ok(()));
        assert_eq!(verdict("http://127.0.0.1:8101/jobs/1").await, Err(Reason::PrivateAddress));
    }
}
