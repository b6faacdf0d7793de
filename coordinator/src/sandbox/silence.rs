//! What an agent's silence means, and when to look again. Pure; the sandbox's actor carries it out.

use std::time::Duration;

/// An agent with work says something each half second: after three missed words it gets no more work.
const SUSPECT_BUSY: Duration = Duration::from_millis(1_500);
/// One without work says something every two seconds.
const SUSPECT_IDLE: Duration = Duration::from_secs(5);
/// An agent that was silent for this long has given its leases up: they end by its own clock after 10 s.
pub const LOST_AFTER: Duration = Duration::from_secs(12);
/// While something is to be tried again: the end of a session in its row, the parking of what is held.
pub const AGAIN: Duration = Duration::from_millis(500);
/// Never sooner than this, so that clocks that disagree by a little do not spin.
const SOONEST: Duration = Duration::from_millis(20);

/// What is known when it is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Since the last word, or since there is somebody to wait for.
    pub ago: Duration,
    pub connected: bool,
    /// The agent holds leases.
    pub busy: bool,
    pub suspected: bool,
    /// Something is to be tried again soon.
    pub unfinished: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Nothing to conclude; look again then.
    Fine(Duration),
    /// No new work until it is heard again.
    Suspect,
    /// Every lease is over.
    Lost,
}

#[must_use]
pub fn judge(heard: Heard) -> Silence {
    if heard.ago >= LOST_AFTER {
        return Silence::Lost;
    }
    let suspect = if heard.busy { SUSPECT_BUSY } else { SUSPECT_IDLE };
    let limit = match heard.connected && !heard.suspected {
        true if heard.ago >= suspect => return Silence::Suspect,
        true => suspect,
        false => LOST_AFTER,
    };
    let next = (limit - heard.ago).max(SOONEST);
    Silence::Fine(if heard.unfinished { next.min(AGAIN) } else { next })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ms: u64, busy: bool) -> Heard {
        Heard { ago: Duration::from_millis(ms), connected: true, busy, suspected: false, unfinished: false }
    }

    #[test]
    fn silence_is_suspected_and_then_believed() {
        assert_eq!(judge(after(0, true)), Silence::Fine(SUSPECT_BUSY));
        assert_eq!(judge(after(1_499, true)), Silence::Fine(SOONEST));
        assert_eq!(judge(after(1_500, true)), Silence::Suspect);
        assert_eq!(judge(after(1_500, false)), Silence::Fine(Duration::from_millis(3_500)));
        assert_eq!(judge(after(5_000, false)), Silence::Suspect);
        let suspected = Heard { suspected: true, ..after(5_000, true) };
        assert_eq!(judge(suspected), Silence::Fine(Duration::from_secs(7)), "once is enough");
        assert_eq!(judge(after(11_999, true)), Silence::Suspect);
        assert_eq!(judge(Heard { suspected: true, ..after(12_000, true) }), Silence::Lost);
        assert_eq!(judge(after(12_000, false)), Silence::Lost);
    }

    #[test]
    fn nobody_is_suspected_who_is_not_there_and_what_is_unfinished_is_not_forgotten() {
        let away = Heard { connected: false, ..after(6_000, true) };
        assert_eq!(judge(away), Silence::Fine(Duration::from_secs(6)));
        assert_eq!(judge(Heard { unfinished: true, ..away }), Silence::Fine(AGAIN));
    }
}
