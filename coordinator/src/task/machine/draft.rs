//! A step being decided: the next state and everything that goes with it.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use protocol::event::Event;
use protocol::ids::{ArtifactId, CommandId, SandboxId};
use protocol::task::{ErrorCode, Failure, FailureClass, InteractionKind, Outcome, Phase, Status};
use protocol::wire::message::Screenshot;
use serde_json::json;
use store::journal::{Object, Slot, Step, TaskEvent, Write};
use store::object;
use store::tasks::{Parked, Pending, PermitState, Picture, Review, ReviewStatus, Task};

use super::{
    At, CLEANUP_PATIENCE, COMMANDS_KEPT, Decision, Effect, HOLD, Live, PLAN_PATIENCE, SUBMIT_PATIENCE, WORK_PATIENCE,
    items,
};

/// Characters of a step's words, by the column.
const STEP_MAX: usize = 100;
/// Pictures kept per task: the newest. Each attempt makes about four.
const PICTURES_MAX: usize = 24;

pub(super) struct Draft<'a> {
    was: &'a Live,
    pub task: Task,
    pub review: Option<Review>,
    pub at: At,
    slot: Slot,
    events: Vec<TaskEvent>,
    told: Vec<Event>,
    writes: Vec<Write>,
    effects: Vec<Effect>,
}

impl<'a> Draft<'a> {
    pub fn new(was: &'a Live, at: At) -> Self {
        Self {
            was,
            task: Task::clone(&was.task),
            review: was.review.clone(),
            at,
            slot: Slot::Keep,
            events: Vec::new(),
            told: Vec::new(),
            writes: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// The input was a repetition.
    pub fn unchanged(self) -> Decision {
        Decision { live: self.was.clone(), step: None, effects: Vec::new() }
    }

    pub fn finish(mut self) -> Decision {
        if let Some(review) = &self.review
            && !self.was.review.as_ref().is_some_and(|was| was.is_same(review))
        {
            self.writes.insert(0, Write::Review(Box::new(review.clone())));
        }
        self.task.wake_at = self.wake_at();
        self.task.generation += 1;
        let task = Arc::new(self.task);
        let step = Step {
            task: Arc::clone(&task),
            slot: self.slot,
            events: self.events,
            told: self.told,
            writes: self.writes,
        };
        Decision { live: Live { task, review: self.review }, step: Some(step), effects: self.effects }
    }

    pub fn remember(&mut self, id: CommandId) {
        let commands = Arc::make_mut(&mut self.task.recent_commands);
        commands.push(id);
        let extra = commands.len().saturating_sub(COMMANDS_KEPT);
        commands.drain(..extra);
    }

    pub fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub fn event(&mut self, event_type: &'static str, data: Object) {
        self.events.push(TaskEvent { event_type, from_status: None, to_status: None, data });
    }

    pub fn tell(&mut self, event: Event) {
        self.told.push(event);
    }

    /// Moves to another status; the change is kept in the task's history.
    pub fn status(&mut self, to: Status) {
        let from = self.task.status;
        if from == to {
            return;
        }
        self.task.status = to;
        self.events.push(TaskEvent {
            event_type: "state_change",
            from_status: Some(from.as_str()),
            to_status: Some(to.as_str()),
            data: object!({ "phase": self.task.phase }),
        });
        if to == Status::InProgress && self.task.started_at.is_none() {
            self.task.started_at = Some(self.at.now);
        }
        if to.is_terminal() {
            if let Some(review) = &mut self.review {
                review.status = ReviewStatus::Closed;
            }
            self.task.completed_at = Some(self.at.now);
            self.task.held_until = None;
            self.task.queued_at = None;
            let began = self.task.started_at.unwrap_or(self.task.created_at);
            let seconds = (self.at.now - began).num_seconds().clamp(0, i64::from(i32::MAX));
            self.task.duration_seconds = i32::try_from(seconds).ok();
        }
        if to != Status::WaitingHuman {
            self.task.interaction_type = None;
            self.task.interaction_data = None;
        }
    }

    /// Enters a phase: progress and the words of the step follow from it.
    pub fn phase(&mut self, phase: Phase) {
        self.task.phase = Some(phase);
        self.task.progress = phase.progress();
        self.task.current_step = Some(phase.words().into());
        self.event("checkpoint", object!({ "step": phase, "message": phase.words() }));
    }

    /// Says what is going on. Of more than there is room for, the first sentence (or what stands before its colon).
    pub fn step_words(&mut self, words: impl Into<Cow<'static, str>>) {
        let words = words.into();
        let shown = shown(&words).len();
        self.task.current_step = Some(match words {
            Cow::Borrowed(words) => words[..shown].into(),
            Cow::Owned(mut words) => {
                words.truncate(shown);
                words.into()
            }
        });
    }

    /// Tells the person's screens where the task stands now.
    pub fn tell_update(&mut self) {
        let event = Event::TaskUpdate {
            task_id: self.task.id,
            status: self.task.status,
            progress: self.task.progress,
            current_step: self.task.current_step.clone().unwrap_or_default(),
            phase: self.task.phase,
        };
        self.tell(event);
    }

    pub fn picture(&mut self, screenshot: Option<Screenshot>, step: &str) {
        let Some(screenshot) = screenshot.filter(|screenshot| !self.has_picture(screenshot)) else { return };
        let items = &mut self.task.screenshots.items;
        items.push(Picture {
            id: screenshot.artifact,
            step: step.to_owned(),
            taken_at: self.at.now,
            width: screenshot.width,
            height: screenshot.height,
        });
        let extra = items.len().saturating_sub(PICTURES_MAX);
        let dropped = items.drain(..extra).map(|picture| picture.id).collect();
        self.drop_pictures(dropped);
        self.event("screenshot_taken", object!({ "step": step, "artifactId": screenshot.artifact }));
    }

    /// The filled form's picture replaces the earlier ones of it: each edit of a review makes one, and only the last
    /// shows what would be sent.
    pub fn filled_picture(&mut self, screenshot: Option<Screenshot>) {
        const STEP: &str = "filled";
        if screenshot.is_none_or(|screenshot| self.has_picture(&screenshot)) {
            return;
        }
        let (old, kept) = std::mem::take(&mut self.task.screenshots.items)
            .into_iter()
            .partition::<Vec<_>, _>(|picture| picture.step == STEP);
        self.task.screenshots.items = kept;
        self.drop_pictures(old.into_iter().map(|picture| picture.id).collect());
        self.picture(screenshot, STEP);
    }

    /// An answer that the agent repeats names the same picture again.
    fn has_picture(&self, screenshot: &Screenshot) -> bool {
        self.task.screenshots.items.iter().any(|picture| picture.id == screenshot.artifact)
    }

    fn drop_pictures(&mut self, pictures: Vec<ArtifactId>) {
        if !pictures.is_empty() {
            self.write(Write::PicturesDropped(pictures.clone()));
            self.effect(Effect::DropPictures(pictures));
        }
    }

    /// Notes that the browser held for the person is gone.
    pub fn parked(&mut self, why: Parked) {
        let message = "The browser was closed; answers are kept";
        self.event("checkpoint", object!({ "step": "parked", "reason": why, "message": message }));
    }

    /// Takes a slot together with the lease.
    pub fn take_slot(&mut self, sandbox: SandboxId, epoch: i64) {
        self.slot = Slot::Take { sandbox, epoch };
    }

    /// Lets the lease go and gives its slot back; the agent is told to forget it.
    pub fn drop_lease(&mut self) {
        if let (Some(sandbox), Some(lease)) = (self.task.sandbox_id, self.task.lease_id.take()) {
            self.slot = Slot::Give { sandbox };
            self.effect(Effect::Release { sandbox, lease });
            self.effect(Effect::Dispatch);
        }
        self.task.pending = None;
    }

    /// Asks the agent for something, and remembers that it was asked.
    pub fn ask(&mut self, pending: Pending) {
        if let (Some(sandbox), Some(lease)) = (self.task.sandbox_id, self.task.lease_id)
            && let Some(message) = items::message(&self.task, self.review.as_ref(), &pending)
        {
            self.effect(Effect::Send { sandbox, lease, message: Box::new(message) });
        }
        self.task.pending = Some(pending);
    }

    /// The task holds a page that is there to be worked with: one that is being closed is not.
    pub fn has_page(&self) -> bool {
        self.task.lease_id.is_some() && !matches!(self.task.pending, Some(Pending::End { .. }))
    }

    /// Queues a task that a person just answered: before those of the same person that are newer.
    pub fn requeue_answered(&mut self) {
        self.task.attempt = 0;
        self.requeue(Duration::zero());
        self.task.queued_at = Some(self.task.created_at.min(self.at.now));
    }

    /// Has the page closed; the slot comes back when it is.
    pub fn end_job(&mut self) {
        if self.task.lease_id.is_some() {
            let command = self.at.command;
            self.ask(Pending::End { command });
        } else {
            self.task.pending = None;
        }
    }

    /// Ends the task without an application. People read the code's sentence; what exactly was seen is in the history.
    pub fn fail(&mut self, failure: &Failure) {
        let sentence = failure.code.sentence();
        self.task.error_code = Some(failure.code);
        self.task.error_message = Some(sentence.to_owned());
        self.step_words(sentence);
        self.status(Status::Failed);
        self.event("error", object!({ "code": failure.code, "class": failure.class, "message": failure.message }));
        let recoverable = failure.class != FailureClass::Refused;
        self.tell(Event::Error {
            task_id: self.task.id,
            code: failure.code,
            message: sentence.to_owned(),
            recoverable,
        });
        self.tell_update();
        self.write(Write::Notification {
            kind: "task_failed",
            title: format!("Not sent: {}", self.title()),
            body: sentence,
            metadata: json!({ "taskId": self.task.id, "code": failure.code }),
        });
        if self.task.lease_id.is_some() {
            self.task.phase = Some(Phase::Cleanup);
        } else {
            self.task.phase = None;
        }
        self.end_job();
    }

    /// Puts the task back into the queue, to start not before `delay` from now.
    pub fn requeue(&mut self, delay: Duration) {
        self.drop_lease();
        self.task.phase = None;
        self.task.progress = 0;
        self.task.queued_at = Some(self.at.now + delay);
        self.step_words("Waiting for a browser");
        self.status(Status::Queued);
        self.task.held_until = None;
        self.tell_update();
        self.effect(Effect::Dispatch);
    }

    /// The person wants it tried once more, whatever it did to its actor.
    pub fn forget_crashes(&mut self) {
        if self.task.crashes > 0 {
            self.task.crashes = 0;
            self.write(Write::CrashesForgotten);
        }
    }

    pub fn close_permit(&mut self, state: PermitState) {
        if let Some(id) = self.task.permit_id {
            self.task.permit_state = Some(state);
            self.write(Write::PermitClosed { id, state });
        }
    }

    /// The application in a few words, for notifications.
    pub fn title(&self) -> String {
        match (&self.task.job_title, &self.task.company_name) {
            (Some(title), Some(company)) => format!("{title} at {company}"),
            (Some(title), None) => title.to_string(),
            (None, Some(company)) => format!("your application to {company}"),
            (None, None) => "your application".to_owned(),
        }
    }

    pub fn unfitting(&self, input: &'static str) -> super::Refused {
        super::Refused::Unfitting { input: input.into(), state: format!("{}/{:?}", self.task.status, self.task.phase) }
    }

    /// The end nobody saw: the person is asked, and nothing else may happen to the task meanwhile.
    pub fn outcome_unknown(&mut self, evidence: serde_json::Value) {
        self.close_permit(PermitState::Unknown);
        self.task.outcome = Outcome::Unknown;
        super::review::ask_person(self, InteractionKind::OutcomeUnknown, None, None, evidence);
        self.task.error_code = None::<ErrorCode>;
    }

    /// When the owner must look again whatever happens. No deadline lives only in an actor. A deadline moves only with
    /// what it waits for: neither a viewer who comes and goes nor an agent that only talks puts it off for ever.
    fn wake_at(&self) -> Option<DateTime<Utc>> {
        let (was, task, now) = (&self.was.task, &self.task, self.at.now);
        let waits_for_same = was.status == task.status && was.pending == task.pending && was.lease_id == task.lease_id;
        let unless_same =
            |same: bool, deadline| if same && was.wake_at.is_some() { was.wake_at } else { Some(deadline) };
        let closing = || unless_same(waits_for_same, now + CLEANUP_PATIENCE);
        match task.status {
            Status::Created => Some(now),
            // Queued tasks are found by the dispatcher's own index.
            Status::Queued => None,
            Status::InProgress => {
                let deadline = match task.pending {
                    _ if task.permit_open() => now + SUBMIT_PATIENCE,
                    Some(Pending::Plan { .. }) => now + PLAN_PATIENCE,
                    _ => round_up(now + WORK_PATIENCE),
                };
                unless_same(waits_for_same && was.last_report == task.last_report, deadline)
            }
            Status::WaitingHuman => match (&task.pending, task.lease_id) {
                (Some(Pending::End { .. }), Some(_)) => closing(),
                (_, Some(_)) => Some(task.held_until.unwrap_or(now + HOLD)),
                (_, None) => None,
            },
            Status::Completed | Status::Failed | Status::Cancelled => task.lease_id.and_then(|_| closing()),
        }
    }
}

/// At most the first `max` characters.
pub(super) fn first(text: &str, max: usize) -> &str {
    // A character is a byte or more.
    if text.len() <= max {
        return text;
    }
    text.char_indices().nth(max).map_or(text, |(end, _)| &text[..end])
}

/// What of a step's words there is room for.
fn shown(words: &str) -> &str {
    let fits = |words: &str| first(words, STEP_MAX).len() == words.len();
    let part = |end: &str| words.split_once(end).map(|(part, _)| part).filter(|part| fits(part));
    if fits(words) { words } else { first(part(". ").or_else(|| part(": ")).unwrap_or(words), STEP_MAX) }
}

/// To the next half minute: reports come every few seconds, and a deadline that stays the same costs no index.
fn round_up(deadline: DateTime<Utc>) -> DateTime<Utc> {
    const STEP: i64 = 30;
    let seconds = deadline.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(STEP) + STEP, 0).unwrap_or(deadline)
}
