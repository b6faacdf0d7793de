//! Pauses between attempts to reach the coordinator.

use std::time::Duration;

const FLOOR: Duration = Duration::from_millis(50);
const CEILING: Duration = Duration::from_secs(5);
/// A host without work lets those with work go first: their heartbeats notice a coordinator's restart within this time.
const YIELD: Duration = Duration::from_millis(500);
/// Least pause of a host without work that was turned away: there are more before it than may wait at the coordinator.
const TURNED_AWAY: Duration = Duration::from_secs(1);

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

    /// The pause of a host that has no work, which can wait.
    pub fn idle_pause(&mut self, turned_away: bool) -> Duration {
        if turned_away {
            self.0 = CEILING;
            return rand::random_range(TURNED_AWAY..=CEILING);
        }
        self.pause() + YIELD
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

    #[test]
    fn a_host_without_work_lets_others_go_first() {
        let first = |idle: bool| {
            let mut backoff = Backoff::new();
            if idle { backoff.idle_pause(false) } else { backoff.pause() }
        };
        assert!((0..100).all(|_| first(true) >= YIELD && first(false) < YIELD));
        let mut backoff = Backoff::new();
        assert!((0..100).all(|_| (TURNED_AWAY..=CEILING).contains(&backoff.idle_pause(true))));
    }
}
