//! A permit that an agent's ledger says was used, and that the task's row knows nothing of: the database lost its last
//! commits. Nobody knows what else was lost with it, so the attempt of the row ends here.

use protocol::ids::PermitId;
use protocol::task::{Confirmation, Outcome};
use serde_json::json;
use store::object;
use store::tasks::PermitState;

use super::draft::Draft;
use super::{Refused, reports};

/// Ends in the employer's confirmation, if there is one, else in the question to the person. False when that is known or
/// asked already. An ended task stays as it ended; the permit's row keeps it from being sent by another attempt.
pub(super) fn permit(
    draft: &mut Draft<'_>,
    permit: PermitId,
    confirmation: Option<&Confirmation>,
) -> Result<bool, Refused> {
    if draft.task.permit_id == Some(permit) || draft.task.outcome != Outcome::None {
        return Ok(false);
    }
    let ended = draft.task.status.is_terminal();
    let another_out = draft.task.permit_state == Some(PermitState::Granted);
    if ended && confirmation.is_none() {
        return Err(draft.unfitting("a permit that was not recorded"));
    }
    draft.event("error", object!({ "message": "a click was made that the database knew nothing of" }));
    draft.drop_lease();
    draft.task.queued_at = None;
    if ended {
        draft.task.phase = None;
    }
    if !another_out {
        draft.task.permit_id = Some(permit);
        draft.task.permit_state = Some(PermitState::Unknown);
    }
    match confirmation {
        // With two clicks made, only the person can say what there is at the employer's.
        Some(confirmation) if !another_out => reports::confirmed_late(draft, confirmation),
        _ => draft.outcome_unknown(json!({ "agentSaw": "a click that may have been made" })),
    }
    Ok(true)
}
