//! Pauses between attempts to reach the coordinator.

use std::time::Duration;

const FLOOR: Duration = Duration::from_millis(50);
const CEILING: Duration = Duration::from_secs(5);

/// Decorrelated jitter: each pause is drawn between the floor and three times the last one, so that a fleet that lost
/// its coordinator at one instant does not come back at one instant.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Backoff {
    #[must_use]
    pub const fn new() -> Self {
        Self(FLOOR)
    }

    pub fn pause(&mut self) -> Duration {
        let pause = rand::random_range(FLOOR..=(self.0 * 3).max(FLOOR));
        self.0 = pause.min(CEILING);
        self.0
    }

    /// An attempt went well: the next pause is short again.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_within_their_bounds_and_grow() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..500).map(|_| backoff.pause()).collect();
        assert!(pauses.iter().all(|pause| (FLOOR..=CEILING).contains(pause)));
        assert!(pauses[0] <= FLOOR * 3);
        assert!(pauses.iter().any(|pause| *pause > Duration::from_secs(1)));
        backoff.reset();
        assert!(backoff.pause() <= FLOOR * 3);
    }
}
