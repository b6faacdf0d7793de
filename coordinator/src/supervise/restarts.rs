//! Restart intensity with back-off, pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Crashes within this window count together.
const WINDOW: Duration = Duration::from_secs(60);
/// More crashes than this in a window are a bug, not weather.
const CRASHES_MAX: usize = 5;
/// Delay after the first crash of a window; doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// The longest delay: an outage of the database should not be over for long before its users are back.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// The crashes of one child.
#[derive(Debug, Default)]
pub struct Restarts {
    crashes: VecDeque<Instant>,
}

impl Restarts {
    /// Notes a crash; returns how long to wait before starting again, or `None` when it crashed too often.
    pub fn crashed(&mut self, now: Instant) -> Option<Duration> {
        self.crashes.push_back(now);
        self.forget_before(now);
        let count = self.crashes.len();
        if count > CRASHES_MAX {
            return None;
        }
        let doublings = u32::try_from(count - 1).unwrap_or(u32::MAX).min(10);
        Some((FIRST_DELAY * 2_u32.pow(doublings)).min(DELAY_MAX))
    }

    /// Crashes that still count.
    pub fn recent(&mut self, now: Instant) -> usize {
        self.forget_before(now);
        self.crashes.len()
    }

    fn forget_before(&mut self, now: Instant) {
        while self.crashes.front().is_some_and(|crash| now.duration_since(*crash) > WINDOW) {
            self.crashes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_then_it_is_given_up() {
        let mut restarts = Restarts::default();
        let now = Instant::now();
        let delays: Vec<_> = (0..6).map(|_| restarts.crashed(now).map(|delay| delay.as_millis())).collect();
        assert_eq!(delays, [Some(50), Some(100), Some(200), Some(400), Some(800), None]);
    }

    #[test]
    fn old_crashes_are_forgotten() {
        let mut restarts = Restarts::default();
        let start = Instant::now();
        for _ in 0..6 {
            restarts.crashed(start);
        }
        let later = start + WINDOW + Duration::from_secs(1);
        assert_eq!(restarts.crashed(later).map(|delay| delay.as_millis()), Some(50));
        assert_eq!(restarts.recent(later), 1);
    }
}
