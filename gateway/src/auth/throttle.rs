//! Wrong passwords slow down whoever enters them: per account and address, longer each time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use sha2::{Digest as _, Sha256};

/// Wrong passwords that cost nothing.
const FREE: u32 = 5;
/// The first wait; doubled by each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(900);
/// Failures are forgotten after this long without another.
const FORGET: Duration = Duration::from_secs(1_800);
/// Pairs remembered at most.
const KEPT_MAX: usize = 20_000;

/// An account and an address, as a digest: no address of e-mail is kept.
type Key = [u8; 16];

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(&self) -> Duration {
        match self.count.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(beyond) => FIRST_WAIT.saturating_mul(1 << beyond.min(16)).min(WAIT_MAX),
        }
    }
}

/// Counts failures to sign in.
#[derive(Debug, Default)]
pub struct Throttle {
    failures: DashMap<Key, Failures>,
}

impl Throttle {
    /// How long this pair must still wait; zero when it may try.
    #[must_use]
    pub fn wait(&self, email: &str, peer: IpAddr, now: Instant) -> Duration {
        let Some(failures) = self.failures.get(&key(email, peer)) else { return Duration::ZERO };
        failures.wait().saturating_sub(now.saturating_duration_since(failures.last))
    }

    pub fn failed(&self, email: &str, peer: IpAddr, now: Instant) {
        if self.failures.len() >= KEPT_MAX {
            self.failures.retain(|_, failures| now.saturating_duration_since(failures.last) < FORGET);
            if self.failures.len() >= KEPT_MAX {
                self.failures.clear();
            }
        }
        let mut failures = self.failures.entry(key(email, peer)).or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(failures.last) >= FORGET {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    pub fn succeeded(&self, email: &str, peer: IpAddr) {
        self.failures.remove(&key(email, peer));
    }
}

fn key(email: &str, peer: IpAddr) -> Key {
    let digest = Sha256::new().chain_update(email.to_lowercase()).chain_update(peer.to_string()).finalize();
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn waits_grow_after_the_free_ones_and_end_with_a_success() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..FREE - 1 {
            throttle.failed("a@b.co", HERE, now);
        }
        assert_eq!(throttle.wait("a@b.co", HERE, now), Duration::ZERO);
        throttle.failed("A@B.CO", HERE, now);
        assert_eq!(throttle.wait("a@b.co", HERE, now), Duration::from_secs(2));
        throttle.failed("a@b.co", HERE, now);
        assert_eq!(throttle.wait("a@b.co", HERE, now), Duration::from_secs(4));
        assert_eq!(throttle.wait("a@b.co", HERE, now + Duration::from_secs(4)), Duration::ZERO);
        for _ in 0..100 {
            throttle.failed("a@b.co", HERE, now);
        }
        assert_eq!(throttle.wait("a@b.co", HERE, now), WAIT_MAX);
        throttle.succeeded("a@b.co", HERE);
        assert_eq!(throttle.wait("a@b.co", HERE, now), Duration::ZERO);
    }

    #[test]
    fn others_are_not_slowed_down() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..20 {
            throttle.failed("a@b.co", HERE, now);
        }
        assert_eq!(throttle.wait("b@b.co", HERE, now), Duration::ZERO);
        assert_eq!(throttle.wait("a@b.co", "203.0.113.9".parse().unwrap(), now), Duration::ZERO);
    }
}
