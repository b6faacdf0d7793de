//! The machine, driven as the actor drives it, with the invariants checked at every step.

mod phases;
mod random;
mod reviews;
mod sending;

use std::collections::BTreeMap;

use chrono::TimeZone as _;
use protocol::cluster::{Action, RejectCode};
use protocol::form::{Blocker, Field, FieldKind, FormModel, PageState, Value};
use protocol::ids::{FieldId, TaskId, UserId};
use protocol::plan::{FillResult, FillStatus, PlannedField, Source};
use protocol::task::{
    Ats, Confirmation, ErrorCode, Failure, FailureClass, InteractionKind, Mode, Outcome, Phase, Platform, Status,
};
use protocol::wire::message::{ReturnReason, SubmitOutcome};
use store::journal::{Slot, Step, Write};
use store::tasks::{PermitState, Pictures, ReviewStatus};

use super::*;

/// For tests of the actors.
pub(crate) mod support {
    pub(crate) use super::{confirmation, form, verified};
}

pub(super) fn start_of_time() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
}

pub(super) fn new_task(mode: Mode) -> Task {
    Task {
        id: TaskId::new(),
        user_id: UserId::new(),
        shard: 0,
        generation: 0,
        job_url: "https://jobs.example/1".into(),
        mode,
        resume_id: None,
        platform: Platform::Unknown,
        ats: Ats::Unknown,
        job_title: None,
        company_name: None,
        job_location: None,
        status: Status::Created,
        phase: None,
        progress: 0,
        current_step: None,
        confidence_score: None,
        fields_filled: 0,
        duration_seconds: None,
        error_code: None,
        error_message: None,
        retry_count: 0,
        screenshots: Pictures::default(),
        sandbox_id: None,
        interaction_type: None,
        interaction_data: None,
        outcome: Outcome::None,
        confirmation: None,
        submitted_at: None,
        lease_id: None,
        last_report: 0,
        attempt: 0,
        permit_id: None,
        permit_state: None,
        grants: 0,
        review_revision: 0,
        pending: None,
        recent_commands: Arc::default(),
        held_until: None,
        wake_at: Some(start_of_time()),
        queued_at: None,
        site: None,
        placed_at: None,
        crashes: 0,
        created_at: start_of_time(),
        started_at: None,
        completed_at: None,
    }
}

pub(super) fn field(id: &str, label: &str, value: &str) -> Field {
    let value = if value.is_empty() { Value::Empty } else { Value::Text(value.into()) };
    Field { required: true, options_complete: false, value, ..Field::new(id, FieldKind::Text, label) }
}

pub(super) fn page(fields: Vec<Field>) -> FormModel {
    FormModel {
        page: PageState {
            ats: Ats::Lever,
            job_title: Some("Baker".into()),
            company: Some("Crumb".into()),
            ..PageState::new("https://jobs.example/1/apply", "Apply")
        },
        fields,
    }
}

/// The form of most tests, holding these two values.
pub(crate) fn form(name: &str, town: &str) -> FormModel {
    page(vec![field("name", "Full name", name), field("town", "Favourite town", town)])
}

pub(super) fn planned(id: &str, value: Option<&str>, confidence: f32) -> PlannedField {
    PlannedField {
        field: id.into(),
        value: value.map(|text| Value::Text(text.into())),
        source: value.map(|_| Source::Profile),
        source_detail: String::new(),
        confidence,
        note: String::new(),
        qa_entry: None,
        sensitive: false,
        ask: false,
    }
}

pub(super) fn plan(name: Option<&str>, town: Option<&str>) -> FillPlan {
    FillPlan { fields: vec![planned("name", name, 0.95), planned("town", town, 0.95)] }
}

pub(crate) fn verified(id: &str, value: &str) -> FillResult {
    FillResult {
        field: id.into(),
        status: FillStatus::Verified,
        value: Value::Text(value.into()),
        message: String::new(),
    }
}

pub(super) fn failure(class: FailureClass) -> Failure {
    Failure::new(class, ErrorCode::Internal, "It did not work.")
}

pub(crate) fn confirmation() -> Confirmation {
    Confirmation { text: "Thank you".into(), number: Some("A-1".into()), url: "https://jobs.example/ok".into() }
}

/// One task in a world that keeps count of what may never happen.
#[derive(Clone)]
pub(super) struct World {
    pub live: Live,
    pub now: DateTime<Utc>,
    pub sandbox: SandboxId,
    /// As the permits table would have it.
    open: Option<PermitId>,
    sent: u32,
    slots: i32,
    pub last: Option<Step>,
}

impl World {
    pub fn new(mode: Mode) -> Self {
        Self {
            live: Live { task: Arc::new(new_task(mode)), review: None },
            now: start_of_time(),
            sandbox: SandboxId::new(),
            open: None,
            sent: 0,
            slots: 0,
            last: None,
        }
    }

    pub fn task(&self) -> &Task {
        &self.live.task
    }

    /// Decides and "commits", after checking everything that must hold of every step.
    pub fn take(&mut self, input: Input) -> Result<Vec<Effect>, Refused> {
        let at = At { now: self.now, command: CommandId::new(), permit: PermitId::new() };
        let again = decide(&self.live, input.clone(), at);
        let retry = matches!(&input, Input::Person { action: Action::Retry { .. }, .. });
        let decision = match (decide(&self.live, input, at), again) {
            (Ok(one), Ok(other)) => {
                assert_eq!(one.live, other.live, "decisions are deterministic");
                assert_eq!(one.effects, other.effects, "effects are deterministic");
                one
            }
            (Err(one), Err(other)) => {
                assert_eq!(one, other);
                return Err(one);
            }
            _ => panic!("decided once and refused once"),
        };
        let Some(step) = decision.step else {
            assert_eq!(decision.live, self.live, "without a step nothing changes");
            assert!(decision.effects.is_empty(), "what is not committed is not performed");
            return Ok(Vec::new());
        };
        self.check(&decision.live, &step, &decision.effects, retry);
        self.live = decision.live;
        self.last = Some(step);
        Ok(decision.effects)
    }

    fn check(&mut self, next: &Live, step: &Step, effects: &[Effect], retry: bool) {
        let (was, task) = (self.live.task.clone(), &next.task);
        assert_eq!(
            step.task.generation,
            was.generation + 1,
            "a step names the generation after the one it was decided from"
        );
        assert_eq!(step.task, *task);

        let mut granted = None;
        for write in &step.writes {
            match write {
                Write::PermitGranted { id, .. } => {
                    assert_eq!(self.open, None, "a second permit while one is out");
                    assert_eq!(self.sent, 0, "a permit after it was sent");
                    assert!(!was.status.is_terminal(), "a permit for an ended task");
                    self.open = Some(*id);
                    granted = Some(*id);
                }
                Write::PermitClosed { id, state } => {
                    if *state == PermitState::Sent {
                        self.sent += 1;
                    }
                    match state {
                        // One that was found has its row already.
                        PermitState::Unknown => drop(self.open.get_or_insert(*id)),
                        _ if self.open == Some(*id) => self.open = None,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        assert!(self.sent <= 1, "sent twice");
        assert_eq!(self.open.is_some(), task.permit_open(), "the row and the permits tell the same");
        for effect in effects {
            if let Effect::Send { message, .. } = effect
                && let JobDown::Submit { permit, .. } = message.as_ref()
            {
                assert_eq!(granted, Some(permit.id), "submit only with a permit committed in the same step");
            }
        }
        for effect in owed(next) {
            if let Effect::Send { message, .. } = effect
                && let JobDown::Submit { permit, .. } = *message
            {
                assert_eq!(self.open, Some(permit.id), "submit is repeated only while its permit is out");
                assert_eq!(task.permit_state, Some(PermitState::Granted));
            }
        }

        if was.status.is_terminal() && !retry {
            assert_eq!(task.status, was.status, "terminal states are sticky");
        }
        match step.slot {
            Slot::Take { .. } => {
                assert!(was.lease_id.is_none() && task.lease_id.is_some(), "a slot is taken with a lease");
                self.slots += 1;
            }
            Slot::Give { sandbox } => {
                assert!(was.lease_id.is_some() && task.lease_id.is_none(), "a slot is given back with its lease");
                assert_eq!(Some(sandbox), was.sandbox_id);
                self.slots -= 1;
            }
            Slot::Keep => assert_eq!(task.lease_id, was.lease_id, "a lease does not change without its slot"),
        }
        assert_eq!(self.slots, i32::from(task.lease_id.is_some()), "slots are conserved");
        assert!(!(task.status.is_terminal() && task.permit_open()), "nothing ends while a click may be under way");
        self.check_wakes(next);
    }

    /// Whatever is not over is looked at again by somebody.
    fn check_wakes(&self, live: &Live) {
        let task = &live.task;
        let lease = task.lease_id.is_some();
        match task.status {
            Status::Created => assert!(task.wake_at.is_some()),
            Status::Queued => assert!(!lease && task.queued_at.is_some(), "the dispatcher finds it"),
            Status::InProgress => {
                assert!(lease && task.pending.is_some(), "in progress means that somebody works on it: {task:?}");
                assert!(task.wake_at.is_some());
            }
            Status::WaitingHuman => {
                assert!(!lease || task.wake_at.is_some(), "a held page has an end");
                let review = live.review.as_ref().is_some_and(|review| review.status == ReviewStatus::Open);
                assert!(task.interaction_type.is_some() || review, "the person has something to answer");
            }
            Status::Completed | Status::Failed | Status::Cancelled => assert!(!lease || task.wake_at.is_some()),
        }
        if let Some(wake) = task.wake_at {
            assert!(wake <= self.now + HOLD_MAX, "no deadline is far away");
        }
        assert_eq!(task.outcome == Outcome::Unknown, task.permit_state == Some(PermitState::Unknown));
    }

    // === the parties ===

    pub fn claim(&mut self) -> Result<Vec<Effect>, Refused> {
        self.take(Input::Claimed { sandbox: self.sandbox, epoch: 1, lease: LeaseId::new() })
    }

    pub fn report(&mut self, report: Report) -> Vec<Effect> {
        let (lease, number) = (self.task().lease_id.expect("a lease"), self.task().last_report.unsigned_abs() + 1);
        self.take(Input::Report { lease, number, report: Box::new(report) }).expect("a report in order is taken")
    }

    pub fn lose(&mut self, permit_used: Option<bool>) {
        let lease = self.task().lease_id.expect("a lease");
        self.take(Input::LeaseLost { lease, permit_used }).unwrap();
    }

    pub fn person(&mut self, action: Action) -> Result<Vec<Effect>, Refused> {
        self.take(Input::Person { id: CommandId::new(), action })
    }

    pub fn cancel(&mut self) -> Result<Vec<Effect>, Refused> {
        self.person(Action::Cancel { task: self.task().id })
    }

    pub fn approve(&mut self) -> Result<Vec<Effect>, Refused> {
        self.approve_with(&[])
    }

    pub fn approve_with(&mut self, overrides: &[(&str, &str)]) -> Result<Vec<Effect>, Refused> {
        let overrides: BTreeMap<_, _> =
            overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.person(Action::Approve { task: self.task().id, revision: None, overrides, remember: Vec::new() })
    }

    pub fn answer(&mut self, sent: bool) -> Result<Vec<Effect>, Refused> {
        self.answer_about(self.task().permit_id, sent)
    }

    /// `None`: as clients do that do not say which click they mean.
    pub fn answer_about(&mut self, permit: Option<PermitId>, sent: bool) -> Result<Vec<Effect>, Refused> {
        let (task, note) = (self.task().id, Some(" I looked in my mail ".into()));
        self.person(match permit {
            Some(permit) => Action::AnswerOutcomeOf { task, permit, sent, note },
            None => Action::AnswerOutcome { task, sent, note },
        })
    }

    pub fn resolve(&mut self) -> Result<Vec<Effect>, Refused> {
        let note = Some("It is a puzzle about boats".into());
        self.person(Action::ResolveBlocker { task: self.task().id, by: "human".into(), note })
    }

    /// What the last step wrote into the task's history under this step's name.
    pub fn noted(&self, step: &str) -> serde_json::Value {
        let events = &self.last.as_ref().expect("a step").events;
        let found = events.iter().find(|event| event.data.read().unwrap()["step"] == step);
        found.unwrap_or_else(|| panic!("no {step} among {events:?}")).data.read().unwrap()
    }

    /// What the last step tells the person in a notification.
    pub fn notified(&self) -> &str {
        let writes = &self.last.as_ref().expect("a step").writes;
        let mut bodies = writes.iter().filter_map(|write| match write {
            Write::Notification { body, .. } => Some(*body),
            _ => None,
        });
        bodies.next_back().expect("a notification")
    }

    /// The deadline comes.
    pub fn wake(&mut self) {
        self.now = self.task().wake_at.expect("a deadline").max(self.now);
        self.take(Input::Wake).unwrap();
    }

    pub fn command(&self) -> CommandId {
        match self.task().pending.as_ref().expect("something pending") {
            Pending::Recheck { command }
            | Pending::Fill { command, .. }
            | Pending::Prepare { command, .. }
            | Pending::Submit { command, .. }
            | Pending::End { command } => *command,
            pending => panic!("{pending:?} has no command"),
        }
    }

    // === the way through ===

    pub fn queued(mode: Mode) -> Self {
        let mut world = Self::new(mode);
        world.person(Action::TaskCreated { task: world.task().id }).unwrap();
        world
    }

    pub fn observed(&mut self, form: FormModel) -> Vec<Effect> {
        self.report(Report::Observed { form, screenshot: None })
    }

    pub fn plan(&mut self, plan: FillPlan) -> Vec<Effect> {
        let Some(Pending::Plan { round }) = self.task().pending else { panic!("no plan is due") };
        self.take(Input::Planned { round, plan }).unwrap()
    }

    /// The agent enters the values; the page then holds `form`.
    pub fn filled(&mut self, results: Vec<FillResult>, form: FormModel) -> Vec<Effect> {
        let command = self.command();
        self.report(Report::Filled { command, results, form, screenshot: None })
    }

    pub fn ready(&mut self, results: Vec<FillResult>, form: FormModel) -> Vec<Effect> {
        let command = self.command();
        self.report(Report::Ready { command, results, form })
    }

    pub fn outcome(&mut self, outcome: SubmitOutcome) -> Vec<Effect> {
        let permit = self.task().permit_id.expect("a permit");
        self.report(Report::Outcome { permit, outcome, screenshot: None })
    }

    /// From the queue to a filled form.
    pub fn fill(&mut self) {
        self.claim().unwrap();
        self.observed(form("", ""));
        self.plan(plan(Some("Ada"), Some("Rome")));
        self.filled(vec![verified("name", "Ada"), verified("town", "Rome")], form("Ada", "Rome"));
    }

    /// A copilot task at its review.
    pub fn reviewing() -> Self {
        let mut world = Self::queued(Mode::Copilot);
        world.fill();
        assert_eq!(world.task().status, Status::WaitingHuman);
        world
    }

    /// Approved, and the agent has a permit.
    pub fn permitted() -> Self {
        let mut world = Self::reviewing();
        world.approve().unwrap();
        world.ready(Vec::new(), form("Ada", "Rome"));
        assert_eq!(world.task().permit_state, Some(PermitState::Granted));
        world
    }

    /// A click nobody saw the end of, its page gone.
    pub fn unknown() -> Self {
        let mut world = Self::permitted();
        world.lose(None);
        assert_eq!(world.task().outcome, Outcome::Unknown);
        world
    }
}

pub(super) fn code(refused: Result<Vec<Effect>, Refused>) -> RejectCode {
    match refused.expect_err("it is refused") {
        Refused::Rejected(rejected) => rejected.code,
        other => panic!("refused otherwise: {other}"),
    }
}

pub(super) fn sends(effects: &[Effect]) -> Vec<&JobDown> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { message, .. } => Some(message.as_ref()),
            _ => None,
        })
        .collect()
}

pub(super) fn captcha() -> Blocker {
    Blocker { kind: InteractionKind::Captcha, message: "Are you human?".into() }
}

pub(super) fn id(text: &str) -> FieldId {
    text.into()
}
