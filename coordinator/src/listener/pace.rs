//! How fast things may come: places in time, so many a second, and what a connection may send.
//!
//! A fleet that lost its coordinator comes back all at once. Handshakes cost a core's time and hellos the database's, so
//! each is given a place: handshakes wait for theirs before they are accepted (or are refused, when it is too far off),
//! hellos are told when to come again and stay connected until then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use protocol::ids::SandboxId;
use tokio::time::Instant;

/// Spreads agents whose places are at the same instant at several coordinators: they share one database.
const JITTER_MAX: Duration = Duration::from_millis(500);

/// Hands out places at an even pace, the first few at once.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When all places given so far are used up.
    next: Mutex<Instant>,
}

impl Pace {
    /// So many a second, and `burst` more at once after a pause.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, burst: interval * burst, next: Mutex::new(Instant::now()) }
    }

    /// The next place: now, or later. `None` when it is further away than `within`; none is taken then.
    pub fn take(&self, now: Instant, within: Duration) -> Option<Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let used = (*next).max(now);
        let place = used.checked_sub(self.burst).map_or(now, |place| place.max(now));
        if place.duration_since(now) > within {
            return None;
        }
        *next = used + self.interval;
        Some(place)
    }

    /// Whether one more may come now.
    pub fn allow(&self) -> bool {
        self.take(Instant::now(), Duration::ZERO).is_some()
    }
}

/// When this agent's place is, with what spreads it from others.
pub(super) fn place_of(pace: &Pace, sandbox: SandboxId, now: Instant) -> Instant {
    // However far: connections are bounded, so places are.
    let place = pace.take(now, Duration::MAX).unwrap_or(now);
    if place == now {
        return now;
    }
    let [.., a, b] = *sandbox.0.as_bytes();
    place + JITTER_MAX * u32::from(u16::from_be_bytes([a, b])) / u32::from(u16::MAX)
}

/// What one agent may send, by kind. More is no agent of ours, or one that is broken: its connection is closed.
#[derive(Debug)]
pub(super) struct Sent {
    /// Heartbeats, renewals, drains: two heartbeats a second while work goes on, and the shortest pause an agent can be
    /// given is 50 ms.
    pub control: Pace,
    /// Reports: each is a commit, and a job makes a dozen in its minutes. After a reconnection a whole spool comes.
    pub reports: Pace,
    /// A field that was filled: a form has tens of them, and a host a hundred jobs.
    pub progress: Pace,
    /// Photographs: a few for each step of a job.
    pub artifacts: Pace,
    /// Frames of live views, 30 a second each, of a few at a time.
    pub frames: Pace,
}

impl Sent {
    pub fn new() -> Self {
        Self {
            control: Pace::new(40, 100),
            reports: Pace::new(1_000, 4_000),
            progress: Pace::new(5_000, 10_000),
            artifacts: Pace::new(20, 200),
            frames: Pace::new(300, 600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_even_after_a_burst_and_a_pause_brings_the_burst_back() {
        let (pace, start) = (Pace::new(10, 2), Instant::now());
        let places: Vec<_> = (0..6).map(|_| pace.take(start, Duration::MAX).unwrap() - start).collect();
        let ms: Vec<_> = places.iter().map(Duration::as_millis).collect();
        assert_eq!(ms, [0, 0, 0, 100, 200, 300]);
        assert_eq!(pace.take(start, Duration::from_millis(399)), None, "400 ms away");
        assert_eq!(pace.take(start, Duration::from_millis(400)), Some(start + Duration::from_millis(400)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..9).filter_map(|_| pace.take(later, Duration::ZERO)).count(), 3);
    }

    #[test]
    fn ten_thousand_hellos_at_once_come_as_fast_as_they_may_and_no_faster() {
        const PER_SECOND: usize = 500;
        let (pace, now) = (Pace::new(PER_SECOND as u32, 50), Instant::now());
        let mut places: Vec<_> = (0..10_000).map(|_| place_of(&pace, SandboxId::new(), now) - now).collect();
        places.sort();
        let in_a_second = |from: u64| {
            let (from, to) = (Duration::from_secs(from), Duration::from_secs(from + 1));
            places.iter().filter(|place| (from..to).contains(*place)).count()
        };
        for second in 0..20 {
            assert!(in_a_second(second) <= PER_SECOND * 5 / 4, "{second}: {}", in_a_second(second));
        }
        assert!(*places.last().unwrap() <= Duration::from_secs(21));
        // The same agent is put off by the same time whichever coordinator it asks.
        let (one, now) = (SandboxId::new(), now + Duration::from_secs(60));
        let full = || {
            let pace = Pace::new(1, 0);
            pace.take(now, Duration::MAX);
            pace
        };
        assert_eq!(place_of(&full(), one, now), place_of(&full(), one, now));
    }
}
