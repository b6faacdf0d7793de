//! A host that is to have no more work: it stops, an admin drains it, or it was revoked.

use std::time::Duration;

use protocol::ids::TaskId;
use protocol::wire::message::{ControlDown, Refusal};
use store::drains::{self, Drain};
use tracing::{info, warn};

use super::{End, SandboxState};
use crate::listener::Refused;
use crate::task::handle::TaskError;
use crate::task::machine::Input;

/// How long a revoked agent has to read why before its connection is closed.
const CUT_WITHIN: Duration = Duration::from_millis(500);

impl SandboxState {
    /// Has every task on this sandbox that only waits for its person let go of its page; the others refuse.
    pub(super) fn park_held(&self) {
        let Some(session) = &self.session else { return };
        // One that is seen at work here would only refuse.
        let waits =
            |task: &TaskId| self.core.tasks.get(task).is_none_or(|live| live.mailbox.shown().state == "waiting_human");
        for at in session.jobs.values().map(|job| job.task).filter(|at| waits(&at.id)) {
            let (tasks, task) = (self.tasks.clone(), at.id);
            tokio::spawn(async move {
                match tasks.input(at, None, Input::Drained).await {
                    Ok(_) | Err(TaskError::Refused(_) | TaskError::NotFound) => {}
                    Err(error) => warn!(task.id = %task, %error, "task {task} could not be parked"),
                }
            });
        }
    }

    /// Ends the session of a revoked agent. Nothing more is said to it; what it says within the moment it has to read
    /// why is still taken, because it may be how a click ended. Its leases end when it was silent long enough, as
    /// always.
    pub(super) async fn revoked(&mut self) {
        let Some(session) = self.session.take() else {
            if let Err(error) = crate::revocations::close_row(&self.core, self.id).await {
                warn!(sandbox.id = %self.id, %error, "a revoked sandbox's row was not closed; the next look does");
            }
            return;
        };
        info!(sandbox.id = %self.id, jobs = session.jobs.len(), "sandbox {} was revoked: its agent is cut off", self.id);
        metrics::counter!("valet_sandboxes_cut_total").increment(1);
        session.link.refuse(Refused::new(Refusal::Revoked, "this sandbox was revoked by an admin"));
        let epoch = session.epoch;
        tokio::spawn(async move {
            let _ = tokio::time::timeout(CUT_WITHIN, session.link.closed()).await;
            drop(session);
        });
        self.note_end(End::Over(epoch)).await;
    }

    pub(super) async fn read_drain(&self) -> Result<Option<Drain>, store::StoreError> {
        store::db::in_time("reading a drain", async {
            let mut tx = self.core.store.begin().await?;
            drains::read(&mut tx, self.id).await
        })
        .await
    }

    /// Follows the row: a drain that began is told to the agent, and what is held for people is parked.
    pub(super) fn set_drain(&mut self, drain: Option<Drain>) {
        if self.drain == drain {
            return;
        }
        if let (Some(drain), Some(session)) = (&drain, &self.session) {
            info!(sandbox.id = %self.id, jobs = session.jobs.len(), "sandbox {} is drained", self.id);
            if let Err(error) = session.link.send(ControlDown::Drain { reason: drain.reason.clone() }) {
                warn!(sandbox.id = %self.id, %error, "an agent was not told of its drain; nothing is placed there all the same");
            }
        }
        self.drain = drain;
        if self.drain.is_some() {
            self.park_held();
        }
    }
}
