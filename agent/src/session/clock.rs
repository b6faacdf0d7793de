//! How long this agent's leases run, by its own clock: the monotonic one, which stands still while the machine is suspended,
//! and the time it was.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Timers stand still while the machine is suspended: the time it was is looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// An instant, and how long the machine had been suspended by then.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    at: Instant,
    suspended: Duration,
}

impl Moment {
    #[must_use]
    pub fn now() -> Self {
        Self { at: Instant::now(), suspended: suspended() }
    }

    /// So much later, suspended time included.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { at: self.at + time, ..self }
    }

    /// How long until then; nothing once it has come.
    #[must_use]
    pub fn left(self) -> Duration {
        self.left_at(Self::now())
    }

    fn left_at(self, now: Self) -> Duration {
        let slept = now.suspended.saturating_sub(self.suspended);
        self.at.saturating_duration_since(now.at).saturating_sub(slept)
    }

    /// By the monotonic clock alone, for timers.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.at
    }
}

/// How long the machine was suspended since its start, to the microseconds between two readings.
fn suspended() -> Duration {
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let running = read(ClockId::Monotonic);
    read(ClockId::Boottime).saturating_sub(running)
}

/// Runs from the sending of the last heartbeat that the coordinator answered. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LeaseClock {
    until: watch::Sender<Moment>,
    now: fn() -> Moment,
}

impl LeaseClock {
    /// A clock that has run out.
    #[must_use]
    pub fn new() -> Self {
        Self::by(Moment::now)
    }

    fn by(now: fn() -> Moment) -> Self {
        Self { until: watch::Sender::new(now()), now }
    }

    /// Leases run for `ttl` from `sent` on, if they do not run longer already.
    pub fn extend(&self, sent: Moment, ttl: Duration) {
        let until = sent.after(ttl);
        self.until.send_if_modified(|current| {
            let later = until.at > current.at;
            if later {
                *current = until;
            }
            later
        });
    }

    fn left(&self) -> Duration {
        self.until.borrow().left_at((self.now)())
    }

    /// No new action on a page is allowed.
    #[must_use]
    pub fn has_run_out(&self) -> bool {
        self.left().is_zero()
    }

    /// Resolves when leases run: at once, or with the next renewal.
    pub async fn running(&self) {
        // The sender is ours: it lives as long as this future.
        let _ = self.until.subscribe().wait_for(|until| !until.left_at((self.now)()).is_zero()).await;
    }

    /// Resolves when leases have been over for `longer` without a renewal.
    pub async fn over_for(&self, longer: Duration) {
        let mut renewed = self.until.subscribe();
        loop {
            let left = renewed.borrow_and_update().after(longer).left_at((self.now)());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = sleep(left.min(LOOK)) => {}
                // The sender is ours: it lives as long as this future.
                _ = renewed.changed() => {}
            }
        }
    }
}

impl Default for LeaseClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_renewal_postpones_the_end_and_never_brings_it_nearer() {
        let clock = LeaseClock::new();
        assert!(clock.has_run_out());
        clock.over_for(Duration::ZERO).await;

        let start = Moment::now();
        clock.extend(start, HOUR);
        clock.extend(start, Duration::from_secs(5));
        assert_eq!(clock.until.borrow().at, start.at + HOUR);
        assert!(!clock.has_run_out());
        let over = clock.over_for(Duration::ZERO);
        tokio::pin!(over);
        assert!(futures::poll!(&mut over).is_pending());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_renewal_sees_one_that_lasts() {
        let clock = LeaseClock::new();
        let running = clock.running();
        tokio::pin!(running);
        assert!(futures::poll!(&mut running).is_pending());
        clock.extend(Moment::now(), Duration::ZERO);
        assert!(futures::poll!(&mut running).is_pending());
        clock.extend(Moment::now(), HOUR);
        running.await;
        clock.running().await;
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_sees_a_renewal() {
        let clock = LeaseClock::new();
        clock.extend(Moment::now(), Duration::from_millis(20));
        let over = clock.over_for(Duration::from_millis(20));
        tokio::pin!(over);
        assert!(futures::poll!(&mut over).is_pending());
        let renewed = Moment::now();
        clock.extend(renewed, Duration::from_millis(100));
        over.await;
        assert!(Instant::now() >= renewed.at + Duration::from_millis(120));
    }

    #[test]
    fn the_time_that_the_machine_was_suspended_counts() {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        static SUSPENDED: AtomicU64 = AtomicU64::new(7);
        let now = || Moment { at: *START, suspended: Duration::from_secs(SUSPENDED.load(Ordering::Relaxed)) };
        let clock = LeaseClock::by(now);
        let before = now();
        clock.extend(before, HOUR);
        SUSPENDED.store(7 + 3500, Ordering::Relaxed);
        assert!(!clock.has_run_out());
        SUSPENDED.store(7 + 3600, Ordering::Relaxed);
        assert!(clock.has_run_out());
        // An answer to what was sent before is worth no more than that.
        clock.extend(before, HOUR + Duration::from_millis(1));
        assert!(!clock.has_run_out());
        SUSPENDED.store(7 + 3601, Ordering::Relaxed);
        assert!(clock.has_run_out());
        clock.extend(now(), 2 * HOUR);
        assert!(!clock.has_run_out());
    }
}
