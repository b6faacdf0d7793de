//! The database's time, in which every deadline of a row is meant.
//!
//! Read with each renewal of the node's row ([`crate::cluster::owner`]) and carried on by the monotonic clock in between,
//! so that a host whose date jumps neither ends the work of an hour nor puts it off, and so that nodes agree.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// An answer that took longer says too little about when the database read its clock; an earlier one serves on.
const TAKES_MAX: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Clock(RwLock<Reading>);

#[derive(Debug, Clone, Copy)]
struct Reading {
    time: DateTime<Utc>,
    at: Instant,
}

impl Default for Clock {
    /// This host's time, until the database's is read: before the first renewal nothing is decided.
    fn default() -> Self {
        Self(RwLock::new(Reading { time: Utc::now(), at: Instant::now() }))
    }
}

impl Clock {
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.at(Instant::now())
    }

    fn at(&self, instant: Instant) -> DateTime<Utc> {
        let Reading { time, at } = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        time + instant.saturating_duration_since(at)
    }

    /// The database's clock showed `time` at some instant between these two.
    pub fn set(&self, time: DateTime<Utc>, asked: Instant, answered: Instant) {
        let took = answered.saturating_duration_since(asked);
        if took < TAKES_MAX {
            let reading = Reading { time, at: asked + took / 2 };
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = reading;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_by_the_last_good_reading() {
        let (clock, start) = (Clock::default(), Instant::now());
        let after = |ms: u64| start + Duration::from_millis(ms);
        let then = Utc::now() - chrono::TimeDelta::hours(1);
        clock.set(then, start, start);
        assert_eq!(clock.at(after(5_000)), then + Duration::from_secs(5));
        clock.set(then + Duration::from_secs(90), after(5_000), after(7_000));
        assert_eq!(
            clock.at(after(7_000)),
            then + Duration::from_secs(7),
            "an answer on its way for seconds tells nothing"
        );
        clock.set(then, after(7_000), after(7_200));
        assert_eq!(
            clock.at(after(7_200)),
            then + Duration::from_millis(100),
            "the database's date is followed wherever it goes"
        );
    }
}
