//! A seedable fault proxy on loopback: UDP datagrams and TCP connections pass through it late, twice, out of order or
//! not at all.
//!
//! [`UdpProxy`] stands between agents and coordinators, [`TcpProxy`] between anything and Postgres, Redis or a gateway.
//! Both are steered at run time by their [`Control`], which can also have a single commit caught on its way to Postgres
//! ([`snare`]). What happens to the n-th packet of a direction is decided by the
//! seed and n alone, never by the clock, so the same seed loses the same packets.

pub mod snare;
mod tcp;
mod udp;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

pub use snare::Catch;
pub use tcp::{TcpProxy, Upstream};
pub use udp::UdpProxy;

/// What is done to traffic. Shares are between 0 and 1; the default harms nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    pub delay: Duration,
    /// At most this much more delay, evenly spread.
    pub jitter: Duration,
    /// Share of packets that never arrive. A TCP connection stalls for a retransmission instead.
    pub loss: f64,
    /// Share of datagrams that arrive twice.
    pub duplicate: f64,
    /// Share of datagrams that are held back behind later ones.
    pub reorder: f64,
}

/// How the way is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cut {
    #[default]
    Open,
    /// Nothing passes and nobody is told, as behind a broken switch.
    Silent,
    /// TCP connections are ended and new ones too; for datagrams the same as silent.
    Refused,
}

/// What happens to one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Passed { after: Duration, twice: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// Packets so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub lost: u64,
    pub duplicated: u64,
}

/// How much later a packet comes that is held back: longer than a burst, shorter than a retransmission.
const HELD_BACK: Duration = Duration::from_millis(8);

#[derive(Debug)]
struct Shared {
    seed: u64,
    faults: Mutex<Faults>,
    cut: watch::Sender<Cut>,
    snare: snare::Snare,
    numbers: [AtomicU64; 2],
    passed: AtomicU64,
    lost: AtomicU64,
    duplicated: AtomicU64,
}

/// The handle of a running proxy. Clones steer the same one.
#[derive(Debug, Clone)]
pub struct Control(Arc<Shared>);

/// A number between 0 and 1 from a seed and a place in it: SplitMix64.
fn share(seed: u64, place: u64) -> f64 {
    let mut z = seed.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

impl Control {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Shared {
            seed,
            faults: Mutex::default(),
            cut: watch::Sender::new(Cut::Open),
            snare: snare::Snare::default(),
            numbers: [AtomicU64::new(0), AtomicU64::new(0)],
            passed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            duplicated: AtomicU64::new(0),
        }))
    }

    pub fn set(&self, faults: Faults) {
        *self.0.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = faults;
    }

    #[must_use]
    pub fn faults(&self) -> Faults {
        *self.0.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Closes the way until [`Control::heal`].
    pub fn cut(&self, how: Cut) {
        self.0.cut.send_replace(how);
    }

    /// Opens the way again; faults stay as they are set.
    pub fn heal(&self) {
        self.0.cut.send_replace(Cut::Open);
    }

    /// Where one commit can be caught.
    #[must_use]
    pub fn snare(&self) -> &snare::Snare {
        &self.0.snare
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { passed: read(&self.0.passed), lost: read(&self.0.lost), duplicated: read(&self.0.duplicated) }
    }

    fn way(&self) -> watch::Receiver<Cut> {
        self.0.cut.subscribe()
    }

    /// Decides about the next packet of a direction.
    fn next(&self, direction: Direction) -> Fate {
        let faults = self.faults();
        let index = usize::from(direction == Direction::Down);
        let number = self.0.numbers[index].fetch_add(1, Ordering::Relaxed);
        // Four draws for each packet, from a sequence of its direction's own.
        let seed = self.0.seed ^ [0, 0x5bf0_3635_d1f9_2a47][index];
        let draw = |nth: u64| share(seed, number * 4 + nth);
        let fate = if *self.0.cut.borrow() != Cut::Open || draw(0) < faults.loss {
            Fate::Lost
        } else {
            let held = if draw(2) < faults.reorder { HELD_BACK } else { Duration::ZERO };
            let twice = draw(1) < faults.duplicate;
            Fate::Passed { after: faults.delay + faults.jitter.mul_f64(draw(3)) + held, twice }
        };
        let count = match fate {
            Fate::Lost => &self.0.lost,
            Fate::Passed { .. } => &self.0.passed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if matches!(fate, Fate::Passed { twice: true, .. }) {
            self.0.duplicated.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(seed: u64, faults: Faults, packets: usize) -> (Vec<Fate>, Counts) {
        let control = Control::new(seed);
        control.set(faults);
        let fates = (0..packets).map(|_| control.next(Direction::Up)).collect();
        (fates, control.counts())
    }

    #[test]
    fn the_same_seed_does_the_same_and_another_does_not() {
        let jitter = Duration::from_millis(5);
        let faults = Faults { loss: 0.2, duplicate: 0.1, reorder: 0.1, jitter, ..Faults::default() };
        assert_eq!(fates(1, faults, 500), fates(1, faults, 500));
        assert_ne!(fates(1, faults, 500).0, fates(2, faults, 500).0);
        let control = Control::new(1);
        control.set(faults);
        let down: Vec<Fate> = (0..500).map(|_| control.next(Direction::Down)).collect();
        assert_ne!(fates(1, faults, 500).0, down, "the directions are apart");
    }

    #[test]
    fn shares_are_what_was_asked_for() {
        let faults = Faults { loss: 0.2, duplicate: 0.1, ..Faults::default() };
        let (fates, counts) = fates(7, faults, 20_000);
        assert_eq!(counts.passed + counts.lost, 20_000);
        let lost = counts.lost as f64 / 20_000.0;
        let twice = counts.duplicated as f64 / counts.passed as f64;
        assert!((lost - 0.2).abs() < 0.01, "{lost}");
        assert!((twice - 0.1).abs() < 0.01, "{twice}");
        // Losses do not come in one piece.
        assert!(fates.windows(40).all(|some| some.iter().any(|fate| *fate != Fate::Lost)));
    }

    #[test]
    fn nothing_set_harms_nothing() {
        let (fates, _) = fates(3, Faults::default(), 1_000);
        assert!(fates.iter().all(|fate| *fate == Fate::Passed { after: Duration::ZERO, twice: false }));
    }
}
