//! What is written of heartbeats, and what the rows say at that occasion: a drain nobody told of, words that were lost on
//! their way from another node, leases that are over and that nobody told the agent to let go of.
//!
//! One look of a host with work costs one read of its leases; a host without any costs none.

use std::time::Duration;

use protocol::ids::LeaseId;
use protocol::wire::message::ControlDown;
use ractor::ActorRef;
use tracing::warn;

use super::{SandboxMsg, SandboxState};
use crate::sandbox::rows::{Beat, Recorded, Superseded};

/// A heartbeat is written to the row this often: often enough for people, seldom enough for the database. What was lost is
/// said again before the shortest patience that waits for an agent's answer is over, that of a page being closed.
pub(super) const RECORD_EVERY: Duration = Duration::from_secs(10);

impl SandboxState {
    /// Not waited for: a slow database must not look like a silent agent.
    pub(super) fn record(&self, me: &ActorRef<SandboxMsg>, epoch: i64, named: Option<Vec<LeaseId>>) {
        let idle = self.session.as_ref().is_none_or(|session| session.jobs.is_empty());
        let beat = Beat { sandbox: self.id, epoch, idle, named: named.unwrap_or_default() };
        let (rows, me) = (self.core.rows.clone(), me.clone());
        tokio::spawn(async move {
            let _ = match rows.record(beat).await {
                Some(Ok(recorded)) => me.cast(SandboxMsg::Recorded(Box::new(recorded))),
                // Opened by a hello whose answer was lost, or at another node that could not say so.
                Some(Err(Superseded)) => me.cast(SandboxMsg::Superseded { epoch: epoch + 1 }),
                None => Ok(()),
            };
        });
    }

    /// Does again what was lost between the rows and the agent.
    pub(super) fn recorded(&mut self, recorded: Recorded) {
        let Recorded { epoch, named, drain, leased } = recorded;
        self.set_drain(drain);
        let Some(session) = self.session.as_mut().filter(|session| session.epoch == epoch) else { return };
        for leased in leased.iter().filter(|leased| !session.has_heard(leased)) {
            metrics::counter!("valet_words_repeated_total").increment(1);
            let (tasks, at) = (self.tasks.clone(), leased.task);
            tokio::spawn(async move {
                if let Err(error) = tasks.repeat_owed(at).await {
                    warn!(task.id = %at.id, %error, "task {} did not repeat what it owes; the next look asks again", at.id);
                }
            });
        }
        let over =
            |lease: &LeaseId| leased.iter().all(|leased| leased.lease != *lease) && !session.withheld.contains(lease);
        let leases: Vec<LeaseId> = named.into_iter().filter(over).collect();
        if !leases.is_empty() {
            leases.iter().for_each(|lease| session.forget(*lease));
            let _ = session.link.send(ControlDown::Release { leases });
        }
    }
}
