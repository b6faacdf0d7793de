//! What the agent reports. The lease and the number have been checked: this one counts, exactly once.

use std::sync::Arc;

use protocol::event::Event;
use protocol::form::{FormModel, Value};
use protocol::ids::{CommandId, FieldId};
use protocol::plan::{FillPlan, FillResult, FillStatus, Source};
use protocol::planted::{Bug, planted};
use protocol::task::{Confirmation, ErrorCode, Failure, FailureClass, InteractionKind, Outcome, Phase, Status};
use protocol::wire::message::{Report, ReturnReason, Screenshot, SubmitOutcome};
use serde_json::json;
use store::journal::Write;
use store::object;
use store::tasks::{Pending, PermitState, Review, ReviewStatus};

use super::draft::{Draft, first};
use super::{Effect, PERMIT_TRIES_MAX, ROUNDS_MAX, lease, retry, review};

pub(super) fn take(draft: &mut Draft<'_>, report: Report) {
    match report {
        Report::Phase(phase) => phase_began(draft, phase),
        Report::Observed { form, screenshot } => observed(draft, form, screenshot),
        Report::Filled { command, results, form, screenshot } => filled(draft, command, results, form, screenshot),
        Report::Ready { command, results, form } => ready(draft, command, &results, form),
        Report::PermitReturned { permit, reason } => {
            if draft.task.permit_id == Some(permit) && draft.task.permit_state == Some(PermitState::Granted) {
                permit_returned(draft, reason);
            }
        }
        Report::Outcome { permit, outcome, screenshot } => {
            draft.picture(screenshot, "submitted");
            if draft.task.permit_id == Some(permit) {
                submitted(draft, outcome, screenshot);
            }
        }
        Report::Blocked { blocker, page_url, screenshot } => {
            draft.picture(screenshot, "blocked");
            // After a click, only the answer to another look counts: the site still wants the person.
            let looked = !draft.task.permit_open() || matches!(draft.task.pending, Some(Pending::Recheck { .. }));
            if draft.task.status == Status::InProgress && looked && !retry::rate_limited(draft, blocker.kind) {
                draft.task.pending = None;
                let data = json!({ "page_url": page_url });
                review::ask_person(draft, blocker.kind, Some(&blocker.message), screenshot, data);
            }
        }
        Report::Failed { failure, screenshot } => failed(draft, &failure, screenshot),
        Report::Ended => ended(draft),
        // The work goes on without the picture; the history says why it is missing.
        Report::Unstored { step, failure } => {
            draft.event("error", object!({ "step": step, "code": failure.code, "message": failure.message }));
        }
        Report::Pictured { screenshot } => {
            draft.filled_picture(Some(screenshot));
            if let Some(current) = &mut draft.review {
                current.screenshot = Some(screenshot.artifact);
            }
            draft.tell_update();
        }
    }
}

fn phase_began(draft: &mut Draft<'_>, phase: Phase) {
    // An edit made while the person reviews fills fields, too; the person still reviews.
    if draft.task.status == Status::InProgress && draft.task.phase != Some(phase) {
        draft.phase(phase);
        draft.tell_update();
    }
}

fn observed(draft: &mut Draft<'_>, form: FormModel, screenshot: Option<Screenshot>) {
    draft.picture(screenshot, "observed");
    if !matches!(draft.task.pending, Some(Pending::Start | Pending::Recheck { .. })) {
        return;
    }
    if draft.task.permit_open() {
        return seen_after_click(draft, &form);
    }
    let page = &form.page;
    let known = |seen: &Option<String>, max: usize| -> Option<Arc<str>> {
        seen.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(|text| first(text, max).into())
    };
    draft.task.job_title = known(&page.job_title, 500).or(draft.task.job_title.take());
    draft.task.company_name = known(&page.company, 255).or(draft.task.company_name.take());
    draft.task.job_location = known(&page.job_location, 255).or(draft.task.job_location.take());
    if page.ats != protocol::task::Ats::Unknown {
        draft.task.ats = page.ats;
        draft.task.platform = page.ats.platform();
    }

    let over = |code, seen: &str| Failure::new(FailureClass::Page, code, seen);
    if page.closed {
        return draft.fail(&over(ErrorCode::JobClosed, "the page says that it is closed"));
    }
    if page.already_applied {
        return draft.fail(&over(ErrorCode::AlreadyApplied, "the page says so"));
    }
    if let Some(blocker) = page.blocker.clone() {
        if retry::rate_limited(draft, blocker.kind) {
            return;
        }
        draft.task.pending = None;
        let data = json!({ "page_url": page.url });
        return review::ask_person(draft, blocker.kind, Some(&blocker.message), screenshot, data);
    }
    if form.fields.is_empty() && page.confirmation.is_some() {
        return draft.fail(&over(ErrorCode::AlreadyApplied, "the page shows a confirmation already"));
    }
    if form.fields.is_empty() || !(page.can_submit || page.can_advance) {
        return draft.fail(&over(ErrorCode::NotAForm, "the page has no form that could be sent"));
    }

    // An approval given before the browser was lost still stands, if the form turns out to hold what was approved.
    let earlier = draft.review.take();
    let approved = earlier.as_ref().and_then(|review| review.approved);
    let plan = earlier.map(|review| review.plan).unwrap_or_default();
    draft.review = Some(Review {
        revision: draft.task.review_revision,
        status: if approved.is_some() { ReviewStatus::Approved } else { ReviewStatus::Closed },
        form: Arc::new(form),
        plan,
        results: Arc::default(),
        screenshot: screenshot.map(|shot| shot.artifact),
        approved,
    });
    draft.task.pending = Some(Pending::Plan { round: 0 });
    draft.effect(Effect::Plan { round: 0 });
}

/// The page after a click that the site held up, and after the person dealt with that. Only a confirmation proves
/// anything; a form that is still there may have been sent all the same.
fn seen_after_click(draft: &mut Draft<'_>, form: &FormModel) {
    match &form.page.confirmation {
        Some(confirmation) => confirmed(draft, confirmation),
        None => {
            draft.outcome_unknown(json!({ "page_url": form.page.url }));
            draft.end_job();
        }
    }
}

fn filled(
    draft: &mut Draft<'_>,
    command: CommandId,
    results: Vec<FillResult>,
    form: FormModel,
    screenshot: Option<Screenshot>,
) {
    draft.filled_picture(screenshot);
    let Some(Pending::Fill { command: asked, round }) = draft.task.pending.clone() else { return };
    if asked != command {
        return;
    }
    let Some(mut current) = draft.review.take() else { return };
    if draft.task.status != Status::WaitingHuman && round < ROUNDS_MAX {
        // What was locked until another question was answered is planned now that it can be.
        let (before, plan) = (&current.form, Arc::make_mut(&mut current.plan));
        let locked = |form: &FormModel, id: &FieldId| form.field(id).is_some_and(|field| !field.editable);
        plan.fields.retain(|planned| {
            let opened = locked(before, &planned.field) && !locked(&form, &planned.field);
            planned.source == Some(Source::User) || !opened
        });
    }
    let grew = form.fields.iter().any(|field| current.plan.get(&field.id).is_none());
    let as_planned = results.iter().all(|result| result.status == FillStatus::Verified)
        && review::with_plan(&current.form, &current.plan).digests_as(&form);
    note_results(&mut current.plan, &form, &results);
    merge_results(Arc::make_mut(&mut current.results), results);
    current.form = Arc::new(form);
    current.screenshot = screenshot.map(|shot| shot.artifact).or(current.screenshot);
    draft.task.fields_filled = count_filled(&current.form);
    draft.task.confidence_score = current.plan.confidence();
    draft.review = Some(current);
    draft.event("field_filled", object!({ "filled": draft.task.fields_filled }));
    if blocked(draft) {
        return;
    }
    review::after_fill(draft, round, grew, as_planned);
}

/// A check for a person that the page shows only now, beside the filled form. The answers are kept: once the person has
/// passed it, the page is looked at again and what is missing is entered.
fn blocked(draft: &mut Draft<'_>) -> bool {
    let Some(current) = draft.review.as_ref().filter(|_| draft.task.status == Status::InProgress) else { return false };
    let Some(blocker) = current.form.page.blocker.clone() else { return false };
    let (page_url, artifact) = (current.form.page.url.clone(), current.screenshot);
    draft.task.pending = None;
    let data = json!({ "page_url": page_url, "screenshot_id": artifact });
    review::ask_person(draft, blocker.kind, Some(&blocker.message), None, data);
    true
}

/// What the page did not keep as entered is shown as it is, with a word about it.
pub(super) fn note_results(plan: &mut Arc<FillPlan>, form: &FormModel, results: &[FillResult]) {
    let fits = results.iter().all(|result| result.status == FillStatus::Verified);
    if fits && form.fields.iter().all(|field| field.invalid.is_none()) {
        return;
    }
    let plan = Arc::make_mut(plan);
    for result in results.iter().filter(|result| result.status != FillStatus::Verified) {
        let Some(planned) = plan.fields.iter_mut().find(|planned| planned.field == result.field) else { continue };
        let held = form.field(&result.field).map_or(&Value::Empty, |field| &field.value);
        if matches!(planned.value, Some(Value::File(_))) && held.is_empty() {
            // A person cannot type a file: it stays planned, and is given to the page again with their approval.
            planned.confidence = planned.confidence.min(0.3);
            "The page did not take the file. It is given again when you approve.".clone_into(&mut planned.note);
            continue;
        }
        planned.value = Some(held.clone()).filter(|value| !value.is_empty());
        planned.source = planned.value.as_ref().map(|_| Source::Page);
        planned.confidence = planned.confidence.min(0.3);
        planned.note = match result.status {
            FillStatus::Mismatch => "The page did not keep the value that was entered.".to_owned(),
            FillStatus::Missing => "The field was not in the page any more.".to_owned(),
            FillStatus::Failed | FillStatus::Verified => "The field could not be filled.".to_owned(),
        };
    }
    for field in &form.fields {
        if let (Some(complaint), Some(planned)) =
            (&field.invalid, plan.fields.iter_mut().find(|planned| planned.field == field.id))
        {
            planned.note.clone_from(complaint);
            planned.confidence = planned.confidence.min(0.3);
        }
    }
}

fn merge_results(kept: &mut Vec<FillResult>, new: Vec<FillResult>) {
    kept.retain(|old| !new.iter().any(|result| result.field == old.field));
    kept.extend(new);
}

fn count_filled(form: &FormModel) -> i32 {
    i32::try_from(form.fields.iter().filter(|field| !field.value.is_empty()).count()).unwrap_or(i32::MAX)
}

/// The form as it would be sent. A permit is granted only for what the person approved.
fn ready(draft: &mut Draft<'_>, command: CommandId, results: &[FillResult], form: FormModel) {
    let Some(Pending::Prepare { command: asked, tries }) = draft.task.pending.clone() else { return };
    let (Some(mut current), Some(lease)) = (draft.review.clone(), draft.task.lease_id) else { return };
    if asked != command || draft.task.permit_open() {
        return;
    }
    if let Some(why) = review::differs(&current, &form, results) {
        note_results(&mut current.plan, &form, results);
        current.form = Arc::new(form);
        draft.review = Some(current);
        return review::open(draft, why);
    }
    current.form = Arc::new(form);
    let (form, values) = (current.form_digest(), current.values_digest());
    draft.review = Some(current);
    // It was passed and has run out since, or has come with the approval: no click would get by it.
    if blocked(draft) {
        return;
    }
    let permit = draft.at.permit;
    draft.task.permit_id = Some(permit);
    draft.task.permit_state = Some(PermitState::Granted);
    if !planted(Bug::PermitUncommitted) {
        draft.write(Write::PermitGranted { id: permit, lease, grant: draft.task.grants, form, values });
    }
    draft.event("checkpoint", object!({ "step": "permit", "message": "Permission to submit once" }));
    let command = draft.at.command;
    draft.ask(Pending::Submit { command, tries });
}

fn permit_returned(draft: &mut Draft<'_>, reason: ReturnReason) {
    draft.close_permit(PermitState::Returned);
    draft.event("checkpoint", object!({ "step": "permit_returned", "reason": reason }));
    let tries = match draft.task.pending {
        Some(Pending::Submit { tries, .. }) => tries + 1,
        _ => PERMIT_TRIES_MAX,
    };
    match reason {
        ReturnReason::Expired if tries < PERMIT_TRIES_MAX => {
            let command = draft.at.command;
            draft.ask(Pending::Prepare { command, tries });
        }
        ReturnReason::Expired => review::open(draft, "The page was too slow to submit in time. Nothing was sent."),
        ReturnReason::FormChanged => {
            review::open(draft, "The form changed before it could be submitted. Nothing was sent.")
        }
        ReturnReason::ValuesChanged => {
            review::open(draft, "A value changed in the page before it could be submitted. Nothing was sent.");
        }
        ReturnReason::NoSubmit => review::open(draft, "No button to submit the form was found. Nothing was sent."),
        ReturnReason::Revoked => review::open(draft, "The submission was called off. Nothing was sent."),
        ReturnReason::Ledger => {
            let seen = "the browser host cannot write its records";
            retry::retry_or_fail(draft, &Failure::new(FailureClass::HostLost, ErrorCode::HostLost, seen));
        }
    }
}

fn submitted(draft: &mut Draft<'_>, outcome: SubmitOutcome, screenshot: Option<Screenshot>) {
    let out = draft.task.permit_state == Some(PermitState::Granted);
    match outcome {
        SubmitOutcome::Confirmed(_) if draft.task.permit_state == Some(PermitState::Sent) => {}
        SubmitOutcome::Confirmed(confirmation) => confirmed(draft, &confirmation),
        // A word that comes after the permit was settled otherwise proves nothing new.
        _ if !out => {}
        SubmitOutcome::Rejected { form } => {
            draft.close_permit(PermitState::Rejected);
            if let Some(current) = &mut draft.review {
                note_results(&mut current.plan, &form, &[]);
                current.form = Arc::new(form);
                current.screenshot = screenshot.map(|shot| shot.artifact).or(current.screenshot);
            }
            review::open(
                draft,
                "The employer's site did not accept the form. Nothing was sent; see the marked answers.",
            );
        }
        SubmitOutcome::Blocked { blocker } => {
            // The permit stays out: the click was made, and the site waits for the person to let it through.
            draft.task.pending = None;
            review::ask_person(draft, blocker.kind, Some(&blocker.message), screenshot, json!({}));
        }
        SubmitOutcome::Unknown { evidence } => {
            let evidence = json!({
                "submitEventSeen": evidence.submit_event_seen, "requestSent": evidence.request_sent,
                "responseStatus": evidence.response_status, "page_url": evidence.page_url,
            });
            draft.outcome_unknown(evidence);
            draft.end_job();
        }
    }
}

/// The agent's word for a confirmation comes after its lease was over.
pub(super) fn confirmed_late(draft: &mut Draft<'_>, confirmation: &Confirmation) {
    let message = "The browser host had kept the employer's confirmation";
    draft.event("checkpoint", object!({ "step": "confirmed_late", "message": message }));
    confirmed(draft, confirmation);
}

/// The employer has it.
fn confirmed(draft: &mut Draft<'_>, confirmation: &Confirmation) {
    if draft.task.status.is_terminal() && !planted(Bug::TerminalOverwritten) {
        // After all, whatever was said meanwhile: the status stays, the outcome says so.
        sent(draft, confirmation);
        draft.tell_update();
        return;
    }
    sent(draft, confirmation);
    complete(draft, "The employer's site confirmed your application.");
    let number = confirmation.number.clone();
    draft.tell(Event::Completed { task_id: draft.task.id, success: true, confirmation_id: number });
}

fn sent(draft: &mut Draft<'_>, confirmation: &Confirmation) {
    draft.close_permit(PermitState::Sent);
    draft.task.outcome = Outcome::Sent;
    draft.task.submitted_at = Some(draft.at.now);
    draft.task.confirmation = Some(Arc::new(json!({
        "text": confirmation.text, "number": confirmation.number, "url": confirmation.url, "at": draft.at.now,
        "by": "site",
    })));
}

/// Completed: the record of what was sent is written with it. `words` say to the person who confirmed it.
pub(super) fn complete(draft: &mut Draft<'_>, words: &'static str) {
    review::record(draft, true);
    draft.phase(Phase::Cleanup);
    draft.task.progress = 100;
    draft.step_words("Application submitted");
    draft.task.error_code = None;
    draft.task.error_message = None;
    draft.status(Status::Completed);
    draft.tell_update();
    let title = format!("Submitted: {}", draft.title());
    draft.write(Write::Notification {
        kind: "task_completed",
        title,
        body: words,
        metadata: json!({ "taskId": draft.task.id }),
    });
    draft.end_job();
    if draft.task.lease_id.is_none() {
        draft.task.phase = None;
    }
}

fn failed(draft: &mut Draft<'_>, failure: &Failure, screenshot: Option<Screenshot>) {
    draft.picture(screenshot, "failed");
    if draft.task.status.is_terminal() {
        return;
    }
    if draft.task.permit_state == Some(PermitState::Granted) {
        let clicked = draft.task.phase == Some(Phase::Verifying);
        if clicked || !matches!(draft.task.pending, Some(Pending::Submit { .. })) {
            // The click was made before; what happened to the page since does not tell how it ended.
            draft.drop_lease();
            return draft.outcome_unknown(json!({}));
        }
        // A failure says that nothing was sent by this attempt. Its page is gone, so the permit that crossed it on the
        // way will be used by nobody.
        draft.close_permit(PermitState::Returned);
    }
    if draft.task.status == Status::WaitingHuman {
        return lease::lost(draft, None);
    }
    retry::retry_or_fail(draft, failure);
}

fn ended(draft: &mut Draft<'_>) {
    if draft.task.permit_state == Some(PermitState::Granted) {
        draft.drop_lease();
        return draft.outcome_unknown(json!({}));
    }
    match draft.task.status {
        Status::Completed | Status::Failed | Status::Cancelled | Status::WaitingHuman => {
            draft.drop_lease();
            draft.task.held_until = None;
            if draft.task.status.is_terminal() {
                draft.task.phase = None;
            }
            draft.tell_update();
        }
        Status::Created | Status::Queued | Status::InProgress => lease::lost(draft, None),
    }
}

/// Blockers that a contract client can show; used to say what kind of help is wanted.
pub(super) const fn is_blocker(kind: InteractionKind) -> bool {
    !matches!(kind, InteractionKind::Review | InteractionKind::OutcomeUnknown)
}
