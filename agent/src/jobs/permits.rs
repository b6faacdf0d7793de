//! Permits of one job, in the ledger: what happened to them is answered from there, never from memory alone.

use std::sync::Arc;

use protocol::ids::{PermitId, TaskId};
use protocol::planted::{Bug, planted};
use protocol::wire::message::{Evidence, Report, ReturnReason, SubmitOutcome};
use tracing::error;

use super::job::Job;
use crate::ledger::{self, Ledger, PermitEntry, PermitState};

pub(super) struct Permits {
    ledger: Arc<Ledger>,
    job: Arc<Job>,
    task: TaskId,
}

impl Permits {
    pub fn new(ledger: Arc<Ledger>, job: Arc<Job>, task: TaskId) -> Self {
        Self { ledger, job, task }
    }

    /// What is to be said of a permit whose fate is sealed.
    pub fn settled(&self, permit: PermitId) -> Option<Report> {
        self.ledger.permit(permit).as_ref().and_then(settled)
    }

    pub async fn receive(&self, permit: PermitId) -> Result<(), ledger::Error> {
        let (lease, task) = (self.job.lease, self.task);
        self.blocking(move |ledger| ledger.permit_received(permit, lease, task)).await
    }

    /// Returns when it is durable that the permit is used.
    pub async fn use_up(&self, permit: PermitId) -> Result<(), ledger::Error> {
        if planted(Bug::ClickUnrecorded) {
            return Ok(());
        }
        let (lease, task) = (self.job.lease, self.task);
        self.blocking(move |ledger| ledger.permit_used(permit, lease, task)).await
    }

    /// Records that no click was made, and answers the report that says so.
    pub async fn give_back(&self, permit: PermitId, reason: ReturnReason) -> Report {
        metrics::counter!("valet_permits_returned_total", "reason" => reason.as_str()).increment(1);
        let (lease, task) = (self.job.lease, self.task);
        let written = self.blocking(move |ledger| ledger.permit_returned(permit, lease, task, reason)).await;
        if let Err(error) = written {
            // After a crash the permit would count as used and be asked about: safe.
            error!(%permit, %error, "a returned permit could not be recorded");
        }
        Report::PermitReturned { permit, reason }
    }

    pub async fn conclude(&self, permit: PermitId, outcome: SubmitOutcome) {
        let (lease, task) = (self.job.lease, self.task);
        let written = self.blocking(move |ledger| ledger.permit_outcome(permit, lease, task, outcome)).await;
        if let Err(error) = written {
            error!(%permit, %error, "an outcome could not be recorded");
        }
    }

    async fn blocking(
        &self,
        write: impl FnOnce(&Ledger) -> Result<(), ledger::Error> + Send + 'static,
    ) -> Result<(), ledger::Error> {
        let ledger = self.ledger.clone();
        // A panic in there counts as a failed write.
        tokio::task::spawn_blocking(move || write(&ledger)).await.unwrap_or(Err(ledger::Error::Broken))
    }
}

/// What the ledger knows of a permit, as a report; none while its fate is open.
pub(super) fn settled(entry: &PermitEntry) -> Option<Report> {
    let permit = entry.permit;
    match &entry.state {
        PermitState::Received => None,
        PermitState::Returned(reason) => Some(Report::PermitReturned { permit, reason: *reason }),
        PermitState::Outcome(outcome) => Some(Report::Outcome { permit, outcome: outcome.clone(), screenshot: None }),
        PermitState::Used => Some(Report::Outcome { permit, outcome: unknown(), screenshot: None }),
    }
}

pub(super) fn unknown() -> SubmitOutcome {
    SubmitOutcome::Unknown { evidence: Evidence::default() }
}
