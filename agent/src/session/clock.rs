//! How long this agent's leases run, by its own monotonic clock.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Runs from the sending of the last heartbeat that the coordinator answered. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LeaseClock(watch::Sender<Instant>);

impl LeaseClock {
    /// A clock that has run out.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(Instant::now()))
    }

    /// Leases run until then, if they do not run longer already.
    pub fn extend(&self, until: Instant) {
        self.0.send_if_modified(|current| {
            let later = until > *current;
            *current = until.max(*current);
            later
        });
    }

    /// No new action on a page is allowed.
    #[must_use]
    pub fn has_run_out(&self) -> bool {
        Instant::now() >= *self.0.borrow()
    }

    /// Resolves when leases run: at once, or with the next renewal.
    pub async fn running(&self) {
        // The sender is ours: it lives as long as this future.
        let _ = self.0.subscribe().wait_for(|until| Instant::now() < *until).await;
    }

    /// Resolves when leases have been over for `longer` without a renewal.
    pub async fn over_for(&self, longer: Duration) {
        let mut renewed = self.0.subscribe();
        loop {
            let until = *renewed.borrow_and_update() + longer;
            tokio::select! {
                () = sleep_until(until) => return,
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
    use super::*;

    #[tokio::test]
    async fn a_renewal_postpones_the_end_and_never_brings_it_nearer() {
        let clock = LeaseClock::new();
        assert!(clock.has_run_out());
        clock.over_for(Duration::ZERO).await;

        let start = Instant::now();
        clock.extend(start + Duration::from_secs(3600));
        clock.extend(start + Duration::from_secs(5));
        assert_eq!(*clock.0.borrow(), start + Duration::from_secs(3600));
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
        clock.extend(Instant::now());
        assert!(futures::poll!(&mut running).is_pending());
        clock.extend(Instant::now() + Duration::from_secs(3600));
        running.await;
        clock.running().await;
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_sees_a_renewal() {
        let clock = LeaseClock::new();
        clock.extend(Instant::now() + Duration::from_millis(20));
        let over = clock.over_for(Duration::from_millis(20));
        tokio::pin!(over);
        assert!(futures::poll!(&mut over).is_pending());
        let until = Instant::now() + Duration::from_millis(100);
        clock.extend(until);
        over.await;
        assert!(Instant::now() >= until + Duration::from_millis(20));
    }
}
