//! Fixed windows: so many requests per person or address, counted from the first.
//!
//! Behind a trait, so that several gateways can share their counts; this one counts in its own memory.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue};
use dashmap::DashMap;
use futures::future::BoxFuture;

use crate::error::ApiError;

/// Keys kept at most. At 100 bytes each this is 10 MB, and only a flood of addresses gets there.
const KEYS_MAX: usize = 100_000;

/// So many per window.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub max: u32,
    pub window: Duration,
}

/// Where a count stands after one more.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    pub limit: u32,
    /// This one included.
    pub count: u32,
    pub resets_in: Duration,
}

impl Hit {
    #[must_use]
    pub const fn allowed(&self) -> bool {
        self.count <= self.limit
    }

    /// The three headers that tell a client where it stands.
    pub fn write(&self, headers: &mut HeaderMap) {
        let seconds = self.resets_in.as_millis().div_ceil(1_000);
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.limit.saturating_sub(self.count)));
        headers.insert("x-ratelimit-reset", HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
    }

    /// # Errors
    /// When it was one too many.
    pub fn check(&self) -> Result<(), ApiError> {
        if self.allowed() {
            return Ok(());
        }
        metrics::counter!("valet_gateway_rate_limited_total").increment(1);
        Err(ApiError::RateLimited {
            retry_after: self.resets_in,
            message: "Too many requests, please slow down".into(),
        })
    }
}

/// Counts hits by key.
pub trait Windows: Send + Sync + std::fmt::Debug {
    fn hit(&self, key: String, limit: Limit) -> BoxFuture<'_, Hit>;
}

/// Counts of this process alone.
#[derive(Debug, Default)]
pub struct InMemory {
    windows: DashMap<String, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Instant,
    count: u32,
}

impl InMemory {
    fn hit_at(&self, key: String, limit: Limit, now: Instant) -> Hit {
        if self.windows.len() >= KEYS_MAX && !self.windows.contains_key(&key) {
            self.windows.retain(|_, window| window.ends > now);
            // Still full of live windows: a flood. Start afresh rather than grow; everyone gets one more window.
            if self.windows.len() >= KEYS_MAX {
                self.windows.clear();
            }
        }
        let mut window = self.windows.entry(key).or_insert(Window { ends: now + limit.window, count: 0 });
        if window.ends <= now {
            *window = Window { ends: now + limit.window, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        Hit { limit: limit.max, count: window.count, resets_in: window.ends - now }
    }
}

impl Windows for InMemory {
    fn hit(&self, key: String, limit: Limit) -> BoxFuture<'_, Hit> {
        let hit = self.hit_at(key, limit, Instant::now());
        Box::pin(std::future::ready(hit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Limit = Limit { max: 2, window: Duration::from_secs(60) };

    #[test]
    fn the_window_starts_with_the_first_hit_and_ends_for_all_of_them() {
        let windows = InMemory::default();
        let start = Instant::now();
        assert!(windows.hit_at("a".into(), TWO, start).allowed());
        assert!(windows.hit_at("a".into(), TWO, start + Duration::from_secs(59)).allowed());
        let third = windows.hit_at("a".into(), TWO, start + Duration::from_secs(59));
        assert!(!third.allowed());
        assert_eq!(third.resets_in, Duration::from_secs(1));
        assert!(windows.hit_at("a".into(), TWO, start + Duration::from_secs(60)).allowed());
    }

    #[test]
    fn keys_are_counted_apart() {
        let windows = InMemory::default();
        let now = Instant::now();
        for _ in 0..3 {
            windows.hit_at("a".into(), TWO, now);
        }
        assert!(windows.hit_at("b".into(), TWO, now).allowed());
    }

    #[test]
    fn a_flood_of_keys_does_not_grow_the_table_for_ever() {
        let windows = InMemory::default();
        let now = Instant::now();
        for n in 0..=KEYS_MAX {
            windows.hit_at(n.to_string(), TWO, now);
        }
        assert!(windows.windows.len() <= KEYS_MAX);
    }
}
