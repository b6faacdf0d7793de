//! What is committed: rows of tasks, and the rules that every step must keep.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use coordinator::task::machine::{Effect, Live};
use protocol::ids::{PermitId, TaskId, UserId};
use protocol::task::{Ats, Mode, Outcome, Platform, Status};
use protocol::wire::message::JobDown;
use store::journal::{Slot, Step, Write};
use store::tasks::{PermitState, Pictures, Task};

pub struct Row {
    pub life: u32,
    /// Whose it is, by number.
    pub user: usize,
    pub live: Arc<Live>,
    /// As the permits table has it.
    pub open: Option<PermitId>,
    /// Applications the employer got from this life.
    pub submissions: u32,
    /// The person was asked, and has not answered yet.
    pub asked: bool,
    /// Its life has ended, and no other has begun.
    pub over: bool,
}

impl Row {
    /// Checks the step and applies what it writes beside the task.
    pub fn apply(&mut self, next: &Live, step: &Step, effects: &[Effect], retry: bool) {
        let (was, task) = (&self.live.task, &next.task);
        assert_eq!(task.generation, was.generation + 1);
        for write in &step.writes {
            match write {
                Write::PermitGranted { id, .. } => {
                    assert_eq!(self.open, None, "a second permit while one is out");
                    assert!(!was.status.is_terminal(), "a permit for an ended task");
                    self.open = Some(*id);
                }
                Write::PermitClosed { id, state } if *state != PermitState::Unknown && self.open == Some(*id) => {
                    self.open = None;
                }
                _ => {}
            }
        }
        assert_eq!(self.open.is_some(), task.permit_open(), "the row and the permits tell the same");
        for effect in effects {
            self.check_effect(effect);
        }
        assert!(!was.status.is_terminal() || retry || task.status == was.status, "terminal states are sticky");
        match step.slot {
            Slot::Take { .. } => assert!(was.lease_id.is_none() && task.lease_id.is_some()),
            Slot::Give { sandbox } => {
                assert!(was.lease_id.is_some() && task.lease_id.is_none() && was.sandbox_id == Some(sandbox));
            }
            Slot::Keep => assert_eq!(task.lease_id, was.lease_id, "a lease does not change without its slot"),
        }
        assert!(!(task.status.is_terminal() && task.permit_open()), "nothing ends while a click may be under way");
        assert_eq!(task.outcome == Outcome::Unknown, task.permit_state == Some(PermitState::Unknown));
    }

    /// Whatever tells an agent to submit, for the first time or again, names the permit that is out.
    pub fn check_effect(&self, effect: &Effect) {
        if let Effect::Send { message, .. } = effect
            && let JobDown::Submit { permit, .. } = message.as_ref()
        {
            assert_eq!(self.open, Some(permit.id), "a submit without a committed permit");
        }
    }

    /// Whether it counts against its user's cap.
    pub fn runs(task: &Task) -> bool {
        task.lease_id.is_some() && task.status == Status::InProgress
    }

    /// At the end of a life.
    pub fn check_end(&self) {
        let task = &self.live.task;
        let expected = u32::from(task.status == Status::Completed || task.outcome == Outcome::Sent);
        assert_eq!(self.submissions, expected, "{} submissions of a task that {}", self.submissions, task.status);
    }
}

pub fn new_task(id: TaskId, user_id: UserId, shard: i16, mode: Mode, now: DateTime<Utc>) -> Task {
    Task {
        id,
        user_id,
        shard,
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
        wake_at: Some(now),
        queued_at: None,
        site: None,
        placed_at: None,
        crashes: 0,
        created_at: now,
        started_at: None,
        completed_at: None,
    }
}
