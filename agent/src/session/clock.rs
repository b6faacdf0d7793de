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

    #[tokio::test(start_paused = true)]
    async fn a_renewal_postpones_the_end_and_never_brings_it_nearer() {
        let clock = LeaseClock::new();
        assert!(clock.has_run_out());
        let start = Instant::now();
        clock.extend(start + Duration::from_secs(10));
        clock.extend(start + Duration::from_secs(5));
        assert!(!clock.has_run_out());
        let over = clock.over_for(Duration::from_secs(60));
        tokio::pin!(over);
        tokio::select! {
            () = &mut over => panic!("too early"),
            () = sleep_until(start + Duration::from_secs(69)) => {}
        }
        assert!(clock.has_run_out());
        clock.extend(start + Duration::from_secs(80));
        over.await;
        assert_eq!(start.elapsed().as_secs(), 140);
    }
}
