//! Leases from before a restart of this agent (or a crash of their job): their pages are gone, and only the ledger
//! knows how they stood.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::task::{ErrorCode, Failure, FailureClass};
use protocol::wire::message::{JobDown, Report, ReturnReason};
use tokio::sync::mpsc;
use tracing::warn;

use super::job::Job;
use super::permits::settled;
use crate::ledger::Ledger;

/// Says what became of the lease, then answers commands until the coordinator ends or releases it.
pub(super) async fn run(job: Arc<Job>, ledger: Arc<Ledger>, mut inbox: mpsc::Receiver<JobDown>) {
    job.alive.store(false, Ordering::Release);
    let settled: Vec<_> = ledger.permits_of(job.lease).iter().filter_map(settled).collect();
    let clicked = settled.iter().any(|report| matches!(report, Report::Outcome { .. }));
    for report in settled {
        tell(&job, &report);
    }
    // A failure says that nothing was sent, so it is said only when that is certain.
    if !clicked {
        tell(&job, &lost());
    }
    loop {
        let command = tokio::select! {
            () = job.released.cancelled() => return,
            command = inbox.recv() => command,
        };
        match command {
            None => return,
            Some(JobDown::End { .. }) => {
                tell(&job, &Report::Ended);
                tokio::select! {
                    () = job.spool.drained() => {}
                    () = job.released.cancelled() => {}
                }
                return;
            }
            Some(JobDown::Revoke { permit, .. }) => give_back(&job, &ledger, permit, ReturnReason::Revoked),
            Some(JobDown::Submit { permit, .. }) => give_back(&job, &ledger, permit.id, ReturnReason::NoSubmit),
            Some(_) if !clicked => tell(&job, &lost()),
            Some(_) => {}
        }
    }
}

fn give_back(job: &Job, ledger: &Ledger, permit: protocol::ids::PermitId, reason: ReturnReason) {
    let known = ledger.permit(permit).as_ref().and_then(settled);
    // This process will not click for a page it does not have: true without a record.
    tell(job, &known.unwrap_or(Report::PermitReturned { permit, reason }));
}

fn tell(job: &Job, report: &Report) {
    if job.spool.push(report, |_, _| {}).is_err() {
        warn!(lease = %job.lease, "a report from the ledger does not fit a frame");
    }
}

fn lost() -> Report {
    let failure = Failure::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, "The browser host lost the page.");
    Report::Failed { failure, screenshot: None }
}
