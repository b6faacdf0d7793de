//! Reports of one lease that the coordinator has not acknowledged, in order.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use protocol::wire::frame;
use protocol::wire::message::{JobUp, Report};
use tokio::sync::watch;

/// Reports that may wait before the job waits too. A whole application makes about fifteen.
const REPORTS_MAX: usize = 64;
/// Their bytes: a few forms of the largest size.
const BYTES_MAX: usize = 8 << 20;

/// Numbers reports, keeps them until acknowledged, gives them out again after a reconnection.
#[derive(Debug)]
pub(super) struct Spool {
    queue: Mutex<Queue>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Queue {
    last: u64,
    frames: VecDeque<(u64, Bytes)>,
    bytes: usize,
}

impl Spool {
    /// A spool whose reports follow number `last`.
    pub fn after_number(last: u64) -> Self {
        Self { queue: Mutex::new(Queue { last, ..Queue::default() }), changed: watch::Sender::new(()) }
    }

    /// The spool of an earlier life: the number of its last report, and those that were not acknowledged.
    pub fn restored(last: u64, frames: Vec<(u64, Bytes)>) -> Self {
        let bytes = frames.iter().map(|(_, frame)| frame.len()).sum();
        let queue = Queue { last, frames: frames.into(), bytes };
        Self { queue: Mutex::new(queue), changed: watch::Sender::new(()) }
    }

    /// Numbers up to `number` were used, whatever is known here.
    pub fn at_least(&self, number: u64) {
        let mut queue = self.queue();
        queue.last = queue.last.max(number);
    }

    /// Adds a report. `keep` sees the number of the last one and everything that waits before any of it can be sent.
    ///
    /// # Errors
    /// When it is too large for a frame; it is then not added and takes no number.
    pub fn push(&self, report: &Report, keep: impl FnOnce(u64, &VecDeque<(u64, Bytes)>)) -> Result<(), frame::Error> {
        let mut queue = self.queue();
        let number = queue.last + 1;
        let frame = Bytes::from(frame::encode(&JobUp::Report { number, report: report.clone() })?);
        queue.last = number;
        queue.bytes += frame.len();
        queue.frames.push_back((number, frame));
        keep(queue.last, &queue.frames);
        drop(queue);
        self.changed.send_replace(());
        Ok(())
    }

    /// Everything up to `number` is durable at the coordinator.
    pub fn ack(&self, number: u64) {
        let mut queue = self.queue();
        while queue.frames.front().is_some_and(|(first, _)| *first <= number) {
            let Some((_, frame)) = queue.frames.pop_front() else { break };
            queue.bytes -= frame.len();
        }
        drop(queue);
        self.changed.send_replace(());
    }

    /// The first report after `number`, as a frame.
    pub fn next_after(&self, number: u64) -> Option<(u64, Bytes)> {
        self.queue().frames.iter().find(|(n, _)| *n > number).cloned()
    }

    pub fn last(&self) -> u64 {
        self.queue().last
    }

    /// Seen by [`Self::subscribe`]rs after every push and acknowledgement.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Resolves when there is room for the reports of another command.
    pub async fn room(&self) {
        self.until(|queue| queue.frames.len() < REPORTS_MAX && queue.bytes < BYTES_MAX).await;
    }

    /// Resolves when everything is acknowledged.
    pub async fn drained(&self) {
        self.until(|queue| queue.frames.is_empty()).await;
    }

    async fn until(&self, holds: impl Fn(&Queue) -> bool) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if holds(&self.queue()) {
                return;
            }
            // The sender is ours.
            let _ = changed.changed().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use protocol::task::Phase;

    use super::*;

    #[tokio::test]
    async fn reports_are_numbered_kept_until_acknowledged_and_bounded() {
        let spool = Spool::after_number(4);
        for _ in 0..REPORTS_MAX {
            spool.room().await;
            spool.push(&Report::Phase(Phase::Filling), |_, _| {}).unwrap();
        }
        let full = spool.room();
        tokio::pin!(full);
        assert!(futures::poll!(&mut full).is_pending());
        assert_eq!(spool.next_after(0).unwrap().0, 5);
        spool.ack(6);
        full.await;
        assert_eq!(spool.next_after(0).unwrap().0, 7);
        assert_eq!(spool.next_after(7).unwrap().0, 8);
        assert_eq!(spool.last(), 4 + REPORTS_MAX as u64);
        spool.ack(u64::MAX);
        spool.drained().await;
        assert!(spool.next_after(0).is_none());
    }

    #[test]
    fn a_restored_spool_goes_on_where_the_other_stood() {
        let first = Spool::after_number(0);
        let mut kept = (0, Vec::new());
        for _ in 0..3 {
            let keep = |last, frames: &VecDeque<_>| kept = (last, frames.iter().cloned().collect());
            first.push(&Report::Phase(Phase::Filling), keep).unwrap();
        }
        let again = Spool::restored(kept.0, kept.1);
        assert_eq!(again.last(), 3);
        again.ack(1);
        assert_eq!(again.next_after(0), first.next_after(1));
        // The other side has more than was kept here: its numbers are not used again.
        again.at_least(7);
        again.push(&Report::Ended, |last, _| assert_eq!(last, 8)).unwrap();
        again.at_least(2);
        assert_eq!(again.last(), 8);
    }

    #[test]
    fn a_report_over_the_limit_takes_no_number() {
        let spool = Spool::after_number(0);
        let step = "x".repeat(protocol::wire::codec::BODY_MAX);
        let failure = protocol::task::Failure::new(
            protocol::task::FailureClass::Internal,
            protocol::task::ErrorCode::Internal,
            "",
        );
        assert!(spool.push(&Report::Unstored { step, failure }, |_, _| {}).is_err());
        assert_eq!(spool.last(), 0);
    }
}
