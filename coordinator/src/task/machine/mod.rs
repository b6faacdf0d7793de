//! What follows from what, for one application.
//!
//! `decide(live, input, at)` returns the next state, the rows to write beside it and the effects to perform once all
//! of it is committed. Time and fresh ids arrive in [`At`]. A repeated input (a report number or a command id already
//! taken) decides nothing and is answered as before.
//!
//! Split by who speaks: [`reports`] the agent, [`person`] the person, [`lease`] placement, loss and deadlines, [`found`] an
//! agent's ledger. [`retry`] says which failed attempts are repeated, and when.

mod draft;
mod found;
mod items;
mod lease;
mod person;
mod reports;
mod retry;
mod review;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use protocol::cluster::{Action, Rejected};
use protocol::ids::{ArtifactId, CommandId, LeaseId, PermitId, SandboxId};
use protocol::plan::FillPlan;
use protocol::planted::{Bug, planted};
use protocol::task::Confirmation;
use protocol::wire::WORK_SECONDS;
use protocol::wire::message::{JobDown, Report};
use store::journal;
use store::tasks::{Parked, Pending, PermitState, Review, Task};

use draft::Draft;
pub use items::{changed, fill_items};

/// How long an attempt may go without any report before it is given up. Longer than the longest that a sound agent is
/// silent: a fill is two pieces of bounded work (filling, reading back), a wait for its files and a picture. A host
/// that is gone is noticed by its heartbeats, long before.
pub const WORK_PATIENCE: Duration = Duration::seconds(2 * WORK_SECONDS as i64 + 60);
/// How long values may take to be planned: our own work, of milliseconds, lost when the database fails meanwhile.
pub const PLAN_PATIENCE: Duration = Duration::seconds(90);
/// How long after a permit an outcome may stay away before the person is asked. The agent watches for 30 s.
pub const SUBMIT_PATIENCE: Duration = Duration::seconds(60);
/// How long the agent has to close a page before the slot is taken back without its word.
pub const CLEANUP_PATIENCE: Duration = Duration::seconds(15);
/// How long a filled form is kept open for the person.
pub const HOLD: Duration = Duration::minutes(10);
/// The longest a person can extend it to, from now.
pub const HOLD_MAX: Duration = Duration::minutes(30);
/// Times a form may grow new questions while it is being filled.
pub const ROUNDS_MAX: u8 = 4;
/// Permits that may run out unused for one approval.
pub const PERMIT_TRIES_MAX: u8 = 3;
/// How long an agent may take from reporting the form ready to the click.
pub const PERMIT_TTL_MS: u32 = 5_000;
/// Command ids remembered per task; a caller repeats a command for seconds, not for hours.
pub const COMMANDS_KEPT: usize = 16;

/// A task as its actor holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub task: Arc<Task>,
    pub review: Option<Review>,
}

/// What time it is, and ids nobody has used.
#[derive(Debug, Clone, Copy)]
pub struct At {
    pub now: DateTime<Utc>,
    pub command: CommandId,
    pub permit: PermitId,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The dispatcher found a place.
    Claimed { sandbox: SandboxId, epoch: i64, lease: LeaseId },
    /// The agent holding `lease` reported.
    Report { lease: LeaseId, number: u64, report: Box<Report> },
    /// Values were planned for the observed form.
    Planned { round: u8, plan: FillPlan },
    /// A person's command.
    Person { id: CommandId, action: Action },
    /// The page under this lease is gone. `permit_used` is what the agent's own ledger says about the permit that
    /// was out, when it could be asked.
    LeaseLost { lease: LeaseId, permit_used: Option<bool> },
    /// The agent's ledger holds the employer's confirmation of the click made with `permit`. It needs no lease: what was
    /// sent was sent, whatever was thought meanwhile.
    Confirmed { permit: PermitId, confirmation: Confirmation },
    /// An agent's ledger says that `permit` was used, or may have been, and the row does not know it.
    PermitFound { permit: PermitId, confirmation: Option<Confirmation> },
    /// The place of a browser that is held for the person is wanted by another task.
    Park,
    /// The host of a browser that is held for the person stops or is drained.
    Drained,
    /// The task's `wake_at` has come, or the task was taken up for the first time.
    Wake,
    /// What follows from a report or a plan is refused by the database each time: the task cannot go on.
    Unwritable,
    /// The task's actor crashed again and again: the task cannot go on.
    Crashing,
}

impl Input {
    /// Its kind, for the actor tree and the log: never what is in it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::Report { .. } => "report",
            Self::Planned { .. } => "planned",
            Self::Person { .. } => "person",
            Self::LeaseLost { .. } => "lease_lost",
            Self::Confirmed { .. } => "confirmed",
            Self::PermitFound { .. } => "permit_found",
            Self::Park => "park",
            Self::Drained => "drained",
            Self::Wake => "wake",
            Self::Unwritable => "unwritable",
            Self::Crashing => "crashing",
        }
    }
}

/// What to do once the step is committed. Each may be performed again after a crash.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the job on the sandbox.
    OpenJob { sandbox: SandboxId, lease: LeaseId },
    /// Tell the agent on the job's stream.
    Send { sandbox: SandboxId, lease: LeaseId, message: Box<JobDown> },
    /// The lease is over: the agent is to let go of it, if it still holds it.
    Release { sandbox: SandboxId, lease: LeaseId },
    /// Plan values for the review's form.
    Plan { round: u8 },
    /// Delete the files of pictures whose rows are gone.
    DropPictures(Vec<ArtifactId>),
    /// A task waits for a place, or a place became free.
    Dispatch,
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Decision {
    pub live: Live,
    /// `None` when nothing changes (a repetition).
    pub step: Option<journal::Step>,
    pub effects: Vec<Effect>,
}

/// Why nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// To be told to the person.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A report under a lease that is not the task's: dropped and counted.
    #[error("the lease is not the task's")]
    StaleLease,
    /// A report whose number leaves a gap: the agent is to send from the last acknowledged one.
    #[error("a report is missing before this one")]
    Gap,
    /// The input does not fit the state: two parties raced, and the other was first.
    #[error("{input} does not fit the state {state}")]
    Unfitting { input: Cow<'static, str>, state: String },
}

/// The task's actor crashed too often for the task to go on: it is to be ended before anything else. An outcome that
/// is asked about already is left to its person.
#[must_use]
pub fn is_poison(task: &Task) -> bool {
    task.crashes >= store::quarantine::CRASHES_MAX
        && !task.status.is_terminal()
        && task.permit_state != Some(PermitState::Unknown)
}

/// Decides.
///
/// # Errors
/// When the input is refused; nothing changes then.
pub fn decide(live: &Live, input: Input, at: At) -> Result<Decision, Refused> {
    // A report out of its turn costs no copy.
    if let Input::Report { lease, number, .. } = &input {
        if live.task.lease_id != Some(*lease) && !planted(Bug::OldLease) {
            return Err(Refused::StaleLease);
        }
        if *number > live.task.last_report.unsigned_abs() + 1 {
            return Err(Refused::Gap);
        }
    }
    let mut draft = Draft::new(live, at);
    match input {
        Input::Claimed { sandbox, epoch, lease } => lease::claimed(&mut draft, sandbox, epoch, lease)?,
        Input::Report { number, report, .. } => {
            if number <= draft.task.last_report.unsigned_abs() {
                return Ok(draft.unchanged());
            }
            draft.task.last_report += 1;
            reports::take(&mut draft, *report);
        }
        Input::Planned { round, plan } => review::planned(&mut draft, round, plan)?,
        Input::Person { id, action } => {
            if draft.task.recent_commands.contains(&id) {
                return Ok(draft.unchanged());
            }
            person::command(&mut draft, action)?;
            draft.remember(id);
        }
        Input::LeaseLost { lease, permit_used } => {
            if draft.task.lease_id != Some(lease) {
                return Ok(draft.unchanged());
            }
            lease::lost(&mut draft, permit_used);
        }
        Input::Confirmed { permit, confirmation } => {
            if draft.task.permit_id != Some(permit) {
                return Err(draft.unfitting("a confirmation"));
            }
            if draft.task.permit_state == Some(PermitState::Sent) {
                return Ok(draft.unchanged());
            }
            reports::confirmed_late(&mut draft, &confirmation);
        }
        Input::PermitFound { permit, confirmation } => {
            if !found::permit(&mut draft, permit, confirmation.as_ref())? {
                return Ok(draft.unchanged());
            }
        }
        Input::Park => lease::parked(&mut draft, Parked::PlaceNeeded)?,
        Input::Drained => lease::parked(&mut draft, Parked::HostDraining)?,
        Input::Wake => lease::woken(&mut draft)?,
        Input::Unwritable => lease::quarantined(&mut draft, "the database refused the next step")?,
        Input::Crashing => lease::quarantined(&mut draft, "its actor crashed each time it was started")?,
    }
    Ok(draft.finish())
}

/// What is still owed to the world in this state: performed on activation and on every reconnection of the agent, so
/// that a crash between commit and effect loses nothing.
#[must_use]
pub fn owed(live: &Live) -> Vec<Effect> {
    let task = &live.task;
    if task.status == protocol::task::Status::Queued {
        return vec![Effect::Dispatch];
    }
    let (Some(sandbox), Some(lease), Some(pending)) = (task.sandbox_id, task.lease_id, &task.pending) else {
        return Vec::new();
    };
    match pending {
        Pending::Start => vec![Effect::OpenJob { sandbox, lease }],
        Pending::Plan { round } => vec![Effect::Plan { round: *round }],
        _ => match items::message(task, live.review.as_ref(), pending) {
            Some(message) => vec![Effect::Send { sandbox, lease, message: Box::new(message) }],
            None => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::support as testing;
