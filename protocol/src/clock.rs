//! The wall clock where certificates are judged by it, in a form that tests can set.
//!
//! Leases, deadlines of sessions and renewals run on monotonic time; only how long a certificate is good is a matter of
//! the date.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// The system's clock, off by what it was made to jump. Clones jump together.
#[derive(Debug, Clone, Default)]
pub struct WallClock(Arc<AtomicI64>);

impl WallClock {
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let offset = self.0.load(Ordering::Relaxed);
        let by = Duration::from_secs(offset.unsigned_abs());
        if offset < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
    }

    /// Sets it forward, or back, by so many seconds.
    pub fn jump(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}
