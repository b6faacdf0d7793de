//! From an observed form to a review, and from an approval to what may be sent.

use std::borrow::Cow;
use std::sync::Arc;

use protocol::event::{Event, Interaction};
use protocol::form::FormModel;
use protocol::ids::FieldId;
use protocol::plan::{Band, FillPlan, FillResult, FillStatus, PlannedField, Source};
use protocol::planted::{Bug, planted};
use protocol::task::{InteractionKind, Mode, Phase, Status};
use protocol::wire::message::Screenshot;
use serde_json::json;
use store::journal::{ResultRow, Write};
use store::object;
use store::tasks::{Approved, Parked, Pending, ReviewStatus};

use super::draft::{Draft, first};
use super::{Effect, HOLD, ROUNDS_MAX, Refused, items, reports};
use crate::answers;

/// The words of a review that is opened for no other reason than that the form is filled.
const READY: &str = "Ready for your review";
/// Reasons of autopilot's stop that are told in a sentence; the answers themselves are marked.
const REASONS_MAX: usize = 3;

/// Values were planned: what the person entered before stays, the rest is as planned now.
pub(super) fn planned(draft: &mut Draft<'_>, round: u8, plan: FillPlan) -> Result<(), Refused> {
    if draft.task.pending != Some(Pending::Plan { round }) {
        return Err(draft.unfitting("a plan"));
    }
    let Some(mut current) = draft.review.take() else { return Err(draft.unfitting("a plan")) };
    // After the first round, what was planned (and perhaps found not to hold) is not planned again.
    let kept = |planned: &&PlannedField| planned.source == Some(Source::User) || round > 0;
    let fields = plan
        .fields
        .into_iter()
        .map(|planned| {
            let earlier = current.plan.get(&planned.field).filter(kept);
            earlier.cloned().unwrap_or(planned)
        })
        .collect();
    current.plan = Arc::new(FillPlan { fields });
    draft.review = Some(current);
    let command = draft.at.command;
    draft.ask(Pending::Fill { command, round });
    Ok(())
}

/// A fill is over: plan the questions that came with it, go on with an approval that still stands, pass the gates of
/// autopilot, or show the person.
///
/// `as_planned`: the form holds what was planned and asks what it asked before.
pub(super) fn after_fill(draft: &mut Draft<'_>, round: u8, grew: bool, as_planned: bool) {
    if draft.task.status == Status::WaitingHuman {
        // An edit during review. What the page made of it is another review only when it is not what was entered:
        // else an approval sent meanwhile would be stale for nothing.
        draft.task.pending = None;
        if !as_planned {
            bump(draft);
        }
        draft.tell_update();
        return;
    }
    if grew && round < ROUNDS_MAX {
        let round = round + 1;
        draft.task.pending = Some(Pending::Plan { round });
        draft.effect(Effect::Plan { round });
        return;
    }
    record(draft, false);
    let Some(current) = &draft.review else { return };
    if let Some(approved) = &current.approved {
        let same = approved.form == current.form_digest() && approved.values == current.values_digest();
        if same || planted(Bug::RefillUncompared) {
            return prepare(draft);
        }
        return open(draft, "The form had to be filled again and is not quite as you approved it. Please look again.");
    }
    if draft.task.mode == Mode::Autopilot {
        match answers::autopilot_gate(&current.form, &current.plan, &current.results) {
            Ok(()) => return approve(draft),
            Err(reasons) => {
                let mut words: Vec<String> = reasons.iter().take(REASONS_MAX).map(ToString::to_string).collect();
                if let Some(more) = reasons.len().checked_sub(REASONS_MAX).filter(|more| *more > 0) {
                    words.push(format!("and {more} more"));
                }
                return open(draft, format!("Autopilot stopped for you: {}", words.join("; ")));
            }
        }
    }
    open(draft, READY);
}

/// Shows the review; the browser is held for the person.
pub(super) fn open(draft: &mut Draft<'_>, words: impl Into<Cow<'static, str>>) {
    let words = words.into();
    if let Some(current) = &mut draft.review {
        current.status = ReviewStatus::Open;
        current.approved = None;
    }
    bump(draft);
    draft.task.pending = None;
    draft.task.held_until = draft.task.lease_id.map(|_| draft.at.now + HOLD);
    draft.phase(Phase::Reviewing);
    draft.step_words(words.clone());
    draft.status(Status::WaitingHuman);
    draft.task.interaction_type = None;
    // Why it is shown, when there is something to say about it; no kind of interaction, so it is a review for everybody.
    draft.task.interaction_data = (words != READY).then(|| json!({ "message": words }));
    let needs_you = draft.review.as_ref().map_or(0, |review| needs_you(&review.form, &review.plan).len());
    draft.event("human_takeover", object!({ "step": "review", "needsYou": needs_you, "message": words }));
    draft.tell(Event::ReviewPending { task_id: draft.task.id, message: words.into_owned() });
    draft.tell_update();
}

/// The person's word was given (or the gates were passed): have the agent read everything back.
pub(super) fn approve(draft: &mut Draft<'_>) {
    draft.task.grants += 1;
    if let Some(current) = &mut draft.review {
        current.status = ReviewStatus::Approved;
        let wanted = with_plan(&current.form, &current.plan);
        current.approved = Some(Approved { form: wanted.form_digest(), values: wanted.values_digest() });
    }
    draft.event("checkpoint", object!({ "step": "approved", "grant": draft.task.grants }));
    if draft.has_page() {
        prepare(draft);
    } else {
        draft.requeue_answered();
    }
}

fn prepare(draft: &mut Draft<'_>) {
    let command = draft.at.command;
    draft.task.held_until = None;
    draft.phase(Phase::Submitting);
    draft.status(Status::InProgress);
    draft.tell_update();
    draft.ask(Pending::Prepare { command, tries: 0 });
}

/// The form with the plan's values in it: what is to be sent.
pub(super) fn with_plan<'a>(form: &'a FormModel, plan: &FillPlan) -> Cow<'a, FormModel> {
    let mut wanted = Cow::Borrowed(form);
    for item in items::fill_items(form, plan) {
        if let Some(field) = wanted.to_mut().fields.iter_mut().find(|field| field.id == item.field) {
            field.value = item.value;
        }
    }
    wanted
}

/// Why the form as read back is not what was approved; `None` when it is. Fields corrected just now count by their
/// own verified read-back (a mask may have reformatted them), all others by the value that was reviewed.
pub(super) fn differs(
    approved: &store::tasks::Review,
    form: &FormModel,
    results: &[FillResult],
) -> Option<&'static str> {
    let same_question = |(old, new): (&protocol::form::Field, &protocol::form::Field)| {
        old.id == new.id && old.kind == new.kind && old.label == new.label && old.required == new.required
    };
    if approved.form.fields.len() != form.fields.len()
        || !approved.form.fields.iter().zip(&form.fields).all(same_question)
    {
        return Some("The form asks something else now. Nothing was sent; please look again.");
    }
    for (old, new) in approved.form.fields.iter().zip(&form.fields) {
        let corrected = results.iter().find(|result| result.field == new.id);
        let holds = match corrected {
            Some(result) => result.status == FillStatus::Verified && !items::changed(&result.value, &new.value),
            None => !items::changed(&old.value, &new.value),
        };
        if !holds {
            return Some("The page does not hold the approved values. Nothing was sent; please look again.");
        }
        if new.required && new.editable && new.value.is_empty() {
            return Some("A required answer is missing in the page. Nothing was sent; please look again.");
        }
    }
    // Corrections that were due must be among the results: one that was left out was not made.
    let missing = items::fill_items(&approved.form, &approved.plan)
        .iter()
        .any(|item| !results.iter().any(|result| result.field == item.field));
    missing.then_some("A correction could not be entered. Nothing was sent; please look again.")
}

/// Required questions without a value, and those the person must see.
pub(super) fn needs_you(form: &FormModel, plan: &FillPlan) -> Vec<FieldId> {
    form.fields
        .iter()
        .filter(|field| field.editable)
        .filter(|field| match plan.get(&field.id) {
            Some(planned) => {
                let blank = match &planned.value {
                    Some(_) => planned.answer().is_none(),
                    None => field.value.is_empty(),
                };
                blank && planned.band(field.required) == Band::NeedsYou
            }
            None => field.required && field.value.is_empty(),
        })
        .map(|field| field.id.clone())
        .collect()
}

/// A person is wanted for something that is not the review. `seen` is the page's own reason, for the history; what the
/// person reads is the kind's sentence.
pub(super) fn ask_person(
    draft: &mut Draft<'_>,
    kind: InteractionKind,
    seen: Option<&str>,
    screenshot: Option<Screenshot>,
    mut data: serde_json::Value,
) {
    let message = kind.sentence();
    let until = draft.at.now + HOLD;
    if let Some(members) = data.as_object_mut() {
        members.insert("type".into(), json!(kind));
        members.insert("message".into(), json!(message));
        members.insert("paused_at".into(), json!(draft.at.now));
        members.insert("timeout_seconds".into(), json!(HOLD.num_seconds()));
        if let Some(shot) = screenshot {
            members.insert("screenshot_id".into(), json!(shot.artifact));
        }
    }
    draft.task.held_until = draft.task.lease_id.map(|_| until);
    draft.step_words(message);
    draft.status(Status::WaitingHuman);
    draft.task.interaction_type = Some(kind.as_str().to_owned());
    let page_url = data.get("page_url").and_then(|url| url.as_str()).map(str::to_owned);
    draft.task.interaction_data = Some(data);
    let event = if kind == InteractionKind::Captcha { "captcha_detected" } else { "human_takeover" };
    draft.event(event, object!({ "interaction": kind, "message": seen.unwrap_or(message) }));
    draft.tell(Event::TaskNeedsHuman {
        task_id: draft.task.id,
        status: Status::WaitingHuman,
        interaction: Interaction {
            kind,
            screenshot_url: None,
            page_url,
            timeout_seconds: reports::is_blocker(kind).then(|| HOLD.num_seconds()),
            message: Some(message.to_owned()),
            permit: draft.task.permit_id.filter(|_| kind == InteractionKind::OutcomeUnknown),
        },
    });
    draft.tell_update();
}

/// Held long enough: the page is closed, the question and its answers stay.
pub(super) fn park(draft: &mut Draft<'_>, why: Parked) {
    draft.task.held_until = None;
    draft.parked(why);
    draft.tell_update();
    draft.end_job();
}

fn bump(draft: &mut Draft<'_>) {
    draft.task.review_revision += 1;
    if let Some(current) = &mut draft.review {
        current.revision = draft.task.review_revision;
    }
}

/// The per-field record; with `sent`, the bank entries that were used are counted, once.
pub(super) fn record(draft: &mut Draft<'_>, sent: bool) {
    let Some(current) = &draft.review else { return };
    let rows: Vec<ResultRow> = current
        .form
        .fields
        .iter()
        .filter_map(|field| {
            let planned = current.plan.get(&field.id);
            let value = field.value.display()?;
            let source = planned.and_then(|planned| planned.source).unwrap_or(Source::Page);
            Some(ResultRow {
                field_name: first(&field.label, 255).to_owned(),
                field_type: field.kind.as_str(),
                value: Some(value),
                source: source.as_str(),
                confidence: planned.map_or(1.0, |planned| planned.confidence),
                qa_bank_entry_id: planned.and_then(|planned| planned.qa_entry),
                user_overridden: source == Source::User,
                field: field.id.clone(),
                section: field.section.clone(),
                sent,
            })
        })
        .collect();
    let used: Vec<_> = current
        .form
        .fields
        .iter()
        .filter(|field| !field.value.is_empty())
        .filter_map(|field| current.plan.get(&field.id)?.qa_entry)
        .collect();
    draft.write(Write::Results(rows));
    if sent && !used.is_empty() {
        draft.write(Write::AnswersUsed(used));
    }
}
