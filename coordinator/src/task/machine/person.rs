//! A person's commands. The command id is new: this one counts, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use protocol::cluster::{Action, Edit, RejectCode, Rejected};
use protocol::event::Event;
use protocol::ids::{FieldId, PermitId};
use protocol::task::{ErrorCode, Failure, FailureClass, InteractionKind, Outcome, Phase, Status};
use protocol::wire::message::JobDown;
use serde_json::json;
use store::journal::Write;
use store::object;
use store::tasks::{Pending, PermitState};

use super::draft::Draft;
use super::{Effect, HOLD_MAX, Refused, lease, reports, review};
use crate::answers;

/// Learned answers of one approval: a form has tens of questions, not thousands.
const REMEMBERED_MAX: usize = 200;

pub(super) fn command(draft: &mut Draft<'_>, action: Action) -> Result<(), Refused> {
    match action {
        Action::TaskCreated { .. } => taken_up(draft),
        Action::Cancel { .. } => cancel(draft),
        Action::Retry { .. } => retry(draft),
        Action::Edit { revision, edits, .. } => edit(draft, revision, &edits),
        Action::Approve { revision, overrides, remember, .. } => approve(draft, revision, &overrides, &remember),
        Action::ResolveBlocker { by, note, .. } => resolve(draft, &by, note.as_deref()),
        Action::AnswerOutcome { sent, note, .. } => answer_outcome(draft, None, sent, note.as_deref()),
        Action::AnswerOutcomeOf { permit, sent, note, .. } => {
            answer_outcome(draft, Some(permit), sent, note.as_deref())
        }
        Action::ExtendHold { minutes, .. } => extend(draft, minutes),
        Action::Watch { on, .. } => watch(draft, on),
        Action::ParseResume { .. } => Err(draft.unfitting("a resume")),
    }
}

fn reject(code: RejectCode, message: &str) -> Refused {
    Refused::Rejected(Rejected::new(code, message))
}

fn taken_up(draft: &mut Draft<'_>) -> Result<(), Refused> {
    if draft.task.status == Status::Created {
        draft.task.attempt = 0;
        draft.requeue(Duration::zero());
    }
    Ok(())
}

fn outcome_open() -> Refused {
    let message = "It is not known whether this application was sent. Say first whether it arrived.";
    reject(RejectCode::OutcomeUnknown, message)
}

fn cancel(draft: &mut Draft<'_>) -> Result<(), Refused> {
    if draft.task.status.is_terminal() {
        return Err(reject(RejectCode::NotCancellable, "This application has already ended."));
    }
    if lease::outcome_open(draft) {
        return Err(outcome_open());
    }
    draft.task.phase = draft.task.lease_id.map(|_| Phase::Cleanup);
    draft.step_words("Cancelled");
    draft.status(Status::Cancelled);
    draft.tell_update();
    draft.end_job();
    Ok(())
}

fn retry(draft: &mut Draft<'_>) -> Result<(), Refused> {
    if draft.task.status != Status::Failed {
        return Err(reject(RejectCode::NotRetryable, "Only an application that failed can be tried again."));
    }
    if lease::outcome_open(draft) || draft.task.outcome == Outcome::Sent {
        return Err(outcome_open());
    }
    draft.task.retry_count += 1;
    draft.forget_crashes();
    draft.task.attempt = 0;
    draft.task.error_code = None;
    draft.task.error_message = None;
    draft.task.completed_at = None;
    draft.task.duration_seconds = None;
    draft.task.started_at = None;
    if let Some(current) = &mut draft.review {
        // What was approved was approved for an attempt that is over.
        current.approved = None;
        current.status = store::tasks::ReviewStatus::Closed;
    }
    draft.requeue(Duration::zero());
    Ok(())
}

/// The task shows a review that can be changed.
fn reviewable(draft: &Draft<'_>, revision: Option<i64>) -> Result<(), Refused> {
    if draft.task.interaction_type.as_deref() == Some(InteractionKind::OutcomeUnknown.as_str()) {
        return Err(outcome_open());
    }
    let open = draft.task.status == Status::WaitingHuman && draft.task.interaction_type.is_none();
    if !open || draft.review.is_none() {
        return Err(reject(RejectCode::NotReviewable, "There is nothing to review at the moment."));
    }
    if revision.is_some_and(|seen| seen != draft.task.review_revision) {
        return Err(reject(RejectCode::StaleReview, "The review changed since you saw it. Please look again."));
    }
    Ok(())
}

/// Puts the person's values into the plan. All or none.
fn enter(draft: &mut Draft<'_>, edits: &[Edit]) -> Result<(), Refused> {
    let Some(mut current) = draft.review.clone() else { return Err(draft.unfitting("an edit")) };
    for edit in edits {
        let text = edit.value.as_deref().unwrap_or_default();
        let planned = answers::apply_edit(&current.form, &current.plan, &edit.field, text).map_err(|error| {
            let mut rejected = Rejected::new(RejectCode::InvalidEdit, error.to_string());
            rejected.fields = vec![edit.field.clone()];
            Refused::Rejected(rejected)
        })?;
        if edit.remember
            && let Some(field) = current.form.field(&edit.field)
            && let Some(value) = &planned.value
            && let Some(entry) = answers::remember(field, &current.form, value)
        {
            draft.write(Write::AnswerLearned {
                category: entry.category,
                question: entry.question,
                answer: entry.answer,
            });
        }
        let plan = &mut Arc::make_mut(&mut current.plan).fields;
        match plan.iter_mut().find(|old| old.field == edit.field) {
            Some(old) => *old = planned,
            None => plan.push(planned),
        }
    }
    draft.review = Some(current);
    Ok(())
}

fn edit(draft: &mut Draft<'_>, revision: i64, edits: &[Edit]) -> Result<(), Refused> {
    reviewable(draft, Some(revision))?;
    enter(draft, edits)?;
    draft.task.review_revision += 1;
    if let Some(current) = &mut draft.review {
        current.revision = draft.task.review_revision;
    }
    if draft.has_page() {
        let command = draft.at.command;
        draft.ask(Pending::Fill { command, round: 0 });
    }
    draft.tell_update();
    Ok(())
}

fn approve(
    draft: &mut Draft<'_>,
    revision: Option<i64>,
    overrides: &BTreeMap<String, String>,
    remember: &[FieldId],
) -> Result<(), Refused> {
    reviewable(draft, revision)?;
    if draft.task.outcome == Outcome::Sent || draft.task.permit_open() {
        return Err(outcome_open());
    }
    let edits = named_edits(draft, overrides, remember)?;
    enter(draft, &edits)?;
    remember_planned(draft, &edits, remember);
    let Some(current) = &mut draft.review else { return Err(draft.unfitting("an approval")) };
    let missing = review::needs_you(&current.form, &current.plan);
    if !missing.is_empty() {
        let mut rejected = Rejected::new(RejectCode::NeedsYou, "Some answers are still missing.");
        rejected.fields = missing;
        return Err(rejected.into());
    }
    review::approve(draft);
    Ok(())
}

/// Overrides name a field by its id or, as contract clients do, by its label or name.
fn named_edits(
    draft: &Draft<'_>,
    overrides: &BTreeMap<String, String>,
    remember: &[FieldId],
) -> Result<Vec<Edit>, Refused> {
    let Some(current) = &draft.review else { return Ok(Vec::new()) };
    overrides
        .iter()
        .map(|(key, value)| {
            let by_id = current.form.fields.iter().find(|field| field.id.0 == *key);
            let mut by_name = current.form.fields.iter().filter(|field| field.label == *key || field.name == *key);
            let field = match (by_id, by_name.next(), by_name.next()) {
                (Some(field), ..) | (None, Some(field), None) => field,
                _ => {
                    let message = "An answer names no question of this form, or more than one.";
                    return Err(reject(RejectCode::InvalidEdit, message));
                }
            };
            let remember = remember.contains(&field.id);
            Ok(Edit { field: field.id.clone(), value: Some(value.clone()), remember })
        })
        .collect()
}

/// Values that stand in the plan already and are to be kept for the next form.
fn remember_planned(draft: &mut Draft<'_>, edits: &[Edit], remember: &[FieldId]) {
    let Some(current) = draft.review.clone() else { return };
    for id in remember.iter().take(REMEMBERED_MAX).filter(|id| !edits.iter().any(|edit| edit.field == **id)) {
        let entry = current
            .form
            .field(id)
            .zip(current.plan.get(id))
            .and_then(|(field, planned)| answers::remember(field, &current.form, planned.value.as_ref()?));
        if let Some(entry) = entry {
            draft.write(Write::AnswerLearned {
                category: entry.category,
                question: entry.question,
                answer: entry.answer,
            });
        }
    }
}

fn resolve(draft: &mut Draft<'_>, by: &str, note: Option<&str>) -> Result<(), Refused> {
    let kind: Option<InteractionKind> = draft.task.interaction_type.as_deref().and_then(|kind| kind.parse().ok());
    if kind == Some(InteractionKind::OutcomeUnknown) {
        return Err(outcome_open());
    }
    let blocked = draft.task.status == Status::WaitingHuman && kind.is_some_and(reports::is_blocker);
    if !blocked {
        return Err(reject(RejectCode::NotResolvable, "Nothing waits for you here at the moment."));
    }
    let clicked = draft.task.permit_state == Some(PermitState::Granted);
    if clicked && !draft.has_page() {
        let message = "The page is being closed. Say then whether the application arrived.";
        return Err(reject(RejectCode::NotResolvable, message));
    }
    let resolved = object!({ "step": "blocker_resolved", "interaction": kind, "resolvedBy": by, "note": said(note) });
    draft.event("human_takeover", resolved);
    if clicked {
        // The click was made; the same page is looked at again, and nothing is entered.
        draft.phase(Phase::Verifying);
        draft.status(Status::InProgress);
        let command = draft.at.command;
        draft.ask(Pending::Recheck { command });
    } else if draft.has_page() {
        draft.phase(Phase::Analyzing);
        draft.status(Status::InProgress);
        let command = draft.at.command;
        draft.ask(Pending::Recheck { command });
    } else {
        draft.requeue_answered();
    }
    let status = draft.task.status;
    draft.tell(Event::TaskResumed { task_id: draft.task.id, status });
    draft.tell_update();
    Ok(())
}

/// What a person wrote, when they wrote anything.
fn said(note: Option<&str>) -> Option<&str> {
    note.map(str::trim).filter(|note| !note.is_empty())
}

/// An answer is about one click, and may come late: one that was meant for an earlier try says nothing about this one.
/// Who does not name the permit (clients of before it was shown) can only mean the first.
fn answer_outcome(
    draft: &mut Draft<'_>,
    permit: Option<PermitId>,
    sent: bool,
    note: Option<&str>,
) -> Result<(), Refused> {
    if draft.task.outcome != Outcome::Unknown {
        return Err(reject(RejectCode::NotResolvable, "It is known how this application ended."));
    }
    if permit.map_or(draft.task.grants > 1, |permit| draft.task.permit_id != Some(permit)) {
        let message = match permit {
            Some(_) => {
                "This answer is about an earlier try. Open the application again and say how the last one ended."
            }
            None => {
                "It was approved more than once. Open the application again, so that the answer is about the last try."
            }
        };
        return Err(reject(RejectCode::StaleOutcome, message));
    }
    draft.event("human_takeover", object!({ "step": "outcome_answered", "sent": sent, "note": said(note) }));
    if sent {
        draft.close_permit(PermitState::Sent);
        draft.task.outcome = Outcome::Sent;
        draft.task.submitted_at = Some(draft.at.now);
        draft.task.confirmation = Some(Arc::new(json!({
            "text": "You confirmed that the application arrived.", "number": null, "url": draft.task.job_url,
            "at": draft.at.now, "by": "person",
        })));
        reports::complete(draft, "You said that the application arrived.");
        draft.tell(Event::Completed { task_id: draft.task.id, success: true, confirmation_id: None });
    } else {
        draft.close_permit(PermitState::Returned);
        draft.task.outcome = Outcome::None;
        draft.fail(&Failure::new(FailureClass::Form, ErrorCode::NotSent, "the person said so"));
    }
    Ok(())
}

fn extend(draft: &mut Draft<'_>, minutes: u32) -> Result<(), Refused> {
    if draft.task.status != Status::WaitingHuman || !draft.has_page() {
        return Err(reject(RejectCode::NotReviewable, "No browser is being held for this application."));
    }
    let more = Duration::minutes(i64::from(minutes)).min(HOLD_MAX);
    let until = draft.at.now + more;
    draft.task.held_until = Some(draft.task.held_until.map_or(until, |held| held.max(until)));
    Ok(())
}

fn watch(draft: &mut Draft<'_>, on: bool) -> Result<(), Refused> {
    let (Some(sandbox), Some(lease)) = (draft.task.sandbox_id, draft.task.lease_id) else {
        return Err(reject(RejectCode::NotReviewable, "No browser works on this application at the moment."));
    };
    draft.effect(Effect::Send { sandbox, lease, message: Box::new(JobDown::Watch { on }) });
    Ok(())
}
