//! Placement, loss and deadlines.

use chrono::Duration;
use protocol::ids::{LeaseId, SandboxId};
use protocol::planted::{Bug, planted};
use protocol::task::{ErrorCode, Failure, FailureClass, Outcome, Phase, Status};
use serde_json::json;
use store::object;
use store::tasks::{Parked, Pending, PermitState};

use super::draft::Draft;
use super::{Effect, Refused, retry, review};

/// A place was found: the slot, the lease and the owner are committed together.
pub(super) fn claimed(draft: &mut Draft<'_>, sandbox: SandboxId, epoch: i64, lease: LeaseId) -> Result<(), Refused> {
    if draft.task.status != Status::Queued || draft.task.lease_id.is_some() {
        return Err(draft.unfitting("a claim"));
    }
    draft.task.sandbox_id = Some(sandbox);
    draft.task.lease_id = Some(lease);
    draft.task.last_report = 0;
    draft.task.attempt += 1;
    draft.task.queued_at = None;
    draft.task.placed_at = Some(draft.at.now);
    draft.task.error_code = None;
    draft.task.error_message = None;
    draft.task.pending = Some(Pending::Start);
    draft.take_slot(sandbox, epoch);
    draft.status(Status::InProgress);
    draft.phase(Phase::StartingBrowser);
    draft.tell_update();
    draft.effect(Effect::OpenJob { sandbox, lease });
    Ok(())
}

/// The page is gone, with its host, its browser or its agent.
pub(super) fn lost(draft: &mut Draft<'_>, permit_used: Option<bool>) {
    if draft.task.permit_state == Some(PermitState::Granted) {
        if permit_used == Some(false) || planted(Bug::PermitUnrevoked) {
            // The agent's own ledger says that the click was never begun.
            draft.close_permit(PermitState::Returned);
        } else {
            draft.drop_lease();
            draft.outcome_unknown(json!({ "agentSaw": permit_used.map(|_| "a click that may have been made") }));
            return;
        }
    }
    match draft.task.status {
        Status::Completed | Status::Failed | Status::Cancelled => {
            draft.drop_lease();
            draft.task.phase = None;
        }
        // The review stays open without its browser: it costs a row, and an answer queues the task again.
        Status::WaitingHuman => {
            if draft.has_page() {
                draft.parked(Parked::HostLost);
            }
            draft.drop_lease();
            draft.task.held_until = None;
            draft.tell_update();
        }
        Status::InProgress | Status::Queued | Status::Created => {
            let failure = Failure::new(FailureClass::HostLost, ErrorCode::HostLost, "the lease ended with its page");
            retry::retry_or_fail(draft, &failure);
        }
    }
}

/// A held browser is let go before its time. One that is entering an edit, or after whose click the site wants the
/// person, is not: the first ends by itself, the second would be lost.
pub(super) fn parked(draft: &mut Draft<'_>, why: Parked) -> Result<(), Refused> {
    let held = draft.task.status == Status::WaitingHuman && draft.task.lease_id.is_some();
    if !held || draft.task.pending.is_some() || draft.task.permit_open() {
        return Err(draft.unfitting("parking"));
    }
    review::park(draft, why);
    Ok(())
}

/// A deadline came.
pub(super) fn woken(draft: &mut Draft<'_>) -> Result<(), Refused> {
    match draft.task.status {
        Status::Created => {
            draft.task.attempt = 0;
            draft.requeue(Duration::zero());
            Ok(())
        }
        Status::InProgress if draft.task.wake_at.is_some_and(|due| due <= draft.at.now) => {
            draft.event("error", object!({ "message": "no report in time" }));
            lost(draft, None);
            Ok(())
        }
        Status::WaitingHuman if draft.task.wake_at.is_some_and(|due| due <= draft.at.now) => {
            match draft.task.pending {
                Some(Pending::End { .. }) => lost(draft, None),
                // Held for as long as it may be: the page is closed, the question stays.
                _ => review::park(draft, Parked::Time),
            }
            Ok(())
        }
        Status::Completed | Status::Failed | Status::Cancelled
            if draft.task.lease_id.is_some() && draft.task.wake_at.is_some_and(|due| due <= draft.at.now) =>
        {
            lost(draft, None);
            Ok(())
        }
        Status::Queued
        | Status::InProgress
        | Status::WaitingHuman
        | Status::Completed
        | Status::Failed
        | Status::Cancelled => Err(draft.unfitting("a timer")),
    }
}

/// The task cannot go on, and could not on another attempt either.
pub(super) fn quarantined(draft: &mut Draft<'_>, seen: &str) -> Result<(), Refused> {
    if draft.task.status.is_terminal() {
        return Err(draft.unfitting("a quarantine"));
    }
    if draft.task.permit_open() {
        draft.outcome_unknown(json!({}));
        draft.end_job();
        return Ok(());
    }
    draft.fail(&Failure::new(FailureClass::Internal, ErrorCode::Quarantined, seen));
    Ok(())
}

/// True when the person must first say how the last click ended.
pub(super) fn outcome_open(draft: &Draft<'_>) -> bool {
    draft.task.outcome == Outcome::Unknown || draft.task.permit_open()
}
