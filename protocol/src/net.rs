//! Which addresses a browser of ours may connect to. Pure: the caller resolves names and pins what it resolved.
//!
//! The gateway asks before it accepts a posting's address, the agent's proxy at every connection: the first check alone
//! loses to a name that resolves differently a moment later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ports that speak something a web page has no business with, as browsers block them too (mail, DNS, file shares,
/// databases of the intranet kind are private addresses anyway).
const REFUSED_PORTS: [u16; 30] = [
    0, 1, 7, 9, 11, 13, 19, 20, 21, 22, 23, 25, 53, 69, 110, 111, 119, 123, 135, 139, 143, 161, 389, 445, 465, 587,
    636, 993, 995, 3389,
];

/// Whether an address is one of the public internet's hosts.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Whether a port may be connected to at all.
#[must_use]
pub fn is_allowed_port(port: u16) -> bool {
    !REFUSED_PORTS.contains(&port)
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, d] = ip.octets();
    !matches!(
        (a, b, c, d),
        (0 | 10 | 127, ..)                       // this network, private, loopback
            | (100, 64..=127, ..)                // carrier-grade NAT; also where some clouds keep metadata
            | (169, 254, ..)                     // link-local, cloud metadata
            | (172, 16..=31, ..)
            | (192, 168, ..)
            | (192, 0, 0, _)                     // protocol assignments
            | (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) // documentation
            | (192, 88, 99, _)                   // 6to4 relays
            | (198, 18..=19, ..)                 // benchmarks
            | (168, 63, 129, 16)                 // a cloud's host agent on a public number
            | (224..=255, ..) // multicast, reserved, broadcast
    )
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // NAT64, the well-known prefix: as public as the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4 carries it at the front.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo hides addresses by inverting them, and is switched off everywhere.
        [0x2001, 0, ..] => false,
        // IETF assignments, benchmarks, ORCHID, documentation.
        [0x2001, 0x0002..=0x01ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => false,
        // Only global unicast is public. Loopback, unspecified, mapped, compatible, local NAT64 (64:ff9b:1::/48), ULA,
        // link-local, site-local and multicast all lie outside.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Destinations that are allowed although they are not public: a practice employer on this machine, an intranet's
/// career site. Entries are `host` (every port) or `host:port`, compared exactly and without case; IPv6 hosts are written
/// in brackets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<(String, Option<u16>)>);

/// Entries one list may have.
pub const ALLOW_LIST_MAX: usize = 256;

/// An entry that is no `host` or `host:port`, or a list that is too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the list of allowed destinations takes at most {ALLOW_LIST_MAX} entries of the form host or host:port")]
pub struct BadAllowList;

impl AllowList {
    /// # Errors
    /// [`BadAllowList`] for an entry that is neither `host` nor `host:port`.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self, BadAllowList> {
        let mut list = Vec::new();
        for entry in entries {
            let entry = entry.as_ref().trim();
            let (host, port) = match entry.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                    (host, Some(port.parse().map_err(|_| BadAllowList)?))
                }
                _ => (entry, None),
            };
            if list.len() >= ALLOW_LIST_MAX || host.is_empty() || host.contains(['/', '*', '@', ' ']) {
                return Err(BadAllowList);
            }
            list.push((normal(host), port));
        }
        Ok(Self(list))
    }

    #[must_use]
    pub fn contains(&self, host: &str, port: u16) -> bool {
        let host = normal(host);
        self.0.iter().any(|(allowed, only)| *allowed == host && only.is_none_or(|only| only == port))
    }
}

/// A host as it is compared: lower case, no brackets, no final dot.
fn normal(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(public: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        check(true, &["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1"]);
        check(true, &["198.17.0.1", "198.20.0.1", "192.0.1.1", "223.255.255.255", "168.63.129.17"]);
        check(true, &["2606:4700:4700::1111", "2001:4860:4860::8888", "64:ff9b::101:101", "2002:101:101::1"]);
    }

    #[test]
    fn addresses_of_this_host_and_its_networks_are_not() {
        check(false, &["127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::"]);
        check(false, &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1", "fec0::1"]);
        check(false, &["169.254.1.1", "fe80::1", "100.64.0.1", "100.127.255.255"]);
        check(false, &["224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "ff02::1"]);
        check(false, &["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "3fff::1"]);
    }

    #[test]
    fn metadata_services_are_not() {
        check(false, &["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"]);
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_counts() {
        check(false, &["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:10.0.0.1"]);
        check(false, &["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1"]);
        check(false, &["2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::", "2001::1", "2001:0:53aa:64c::1"]);
    }

    #[test]
    fn the_allow_list_is_exact() {
        let list = AllowList::new(["localhost:8080", "jobs.corp.example", "[::1]:9000", "127.0.0.1"]).unwrap();
        assert!(list.contains("LOCALHOST", 8080) && list.contains("localhost.", 8080));
        assert!(!list.contains("localhost", 8081));
        assert!(list.contains("jobs.corp.example", 443) && !list.contains("x.jobs.corp.example", 443));
        assert!(list.contains("::1", 9000) && list.contains("[::1]", 9000) && !list.contains("::1", 80));
        assert!(list.contains("127.0.0.1", 1) && !list.contains("127.0.0.2", 1));
        for bad in ["", ":80", "a:b", "*.corp", "http://x", "a:99999"] {
            assert_eq!(AllowList::new([bad]), Err(BadAllowList), "{bad}");
        }
        assert_eq!(AllowList::new((0..=ALLOW_LIST_MAX).map(|n| n.to_string())), Err(BadAllowList));
    }

    #[test]
    fn mail_and_shells_are_refused_and_the_web_is_not() {
        assert!([25, 22, 445].into_iter().all(|port| !is_allowed_port(port)));
        assert!([80, 443, 8080, 8443].into_iter().all(is_allowed_port));
    }
}
