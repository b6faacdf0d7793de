//! Owns one task while it is live: decide, commit, act.
//!
//! Talks to: the journal (commits), its sandbox's actor (messages to the agent), the answer planner (in a task of its
//! own). Spoken to by: the router (persons), the sessions (agents' reports), sandbox actors (losses), the dispatcher
//! (claims), the timer (deadlines). Every input goes through [`machine::decide`]; nothing is done that is not
//! committed. A commit that is lost or in doubt ends this actor, and its successor reads the row afresh.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::cluster::{RejectCode, Rejected};
use protocol::event::Passing;
use protocol::ids::{CommandId, PermitId, SandboxId, UserId};
use protocol::planted::{Bug, planted};
use protocol::wire::message::Progress;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::RactorMessage;
use store::bus::Message;
use store::tasks::{self, Adopted, TaskAt};
use tracing::{debug, info, warn};

use super::machine::{self, At, Effect, Input, Live, Refused};
use crate::cluster::peers::{self, Word};
use crate::core::Core;
use crate::inspect::tree;
use crate::journal::Lost;
use crate::supervise::{Letter, Mailbox, Shown};

/// Without a message for this long the actor leaves memory; its row brings it back.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Debug, RactorMessage)]
pub enum TaskMsg {
    Input {
        user: Option<UserId>,
        input: Input,
        reply: Option<RpcReplyPort<Applied>>,
    },
    /// A passing figure from the agent.
    Progress(Progress),
    /// Do again what is owed to the world: the actor was activated, or the agent is back.
    Owed,
    /// Leave memory if nothing came since the given count of messages.
    IdleSince(u64),
    /// Asks nothing; see [`crate::inspect::watchdog`].
    Probe,
}

impl Letter for TaskMsg {
    /// A person, an agent and a timer each send one at a time; far more than this means that the actor is stuck.
    const WAITING_MAX: usize = 64;

    fn kind(&self) -> &'static str {
        match self {
            Self::Input { input, .. } => input.kind(),
            Self::Progress(_) => "progress",
            Self::Owed => "owed",
            Self::IdleSince(_) => "idle",
            Self::Probe => "probe",
        }
    }

    fn counted(&self) -> bool {
        match self {
            // Its own planner's answer has nobody who waits.
            Self::Input { reply, .. } => reply.is_some(),
            Self::IdleSince(_) => false,
            Self::Progress(_) | Self::Owed | Self::Probe => true,
        }
    }
}

/// The answer to an input.
#[derive(Debug)]
pub enum Applied {
    /// Durable (or it already was).
    Done {
        held_until: Option<DateTime<Utc>>,
    },
    Refused(Refused),
    NotFound,
    NoPlace,
}

pub struct TaskActor;

pub struct TaskArgs {
    pub core: Arc<Core>,
    pub at: TaskAt,
    pub mailbox: Arc<Mailbox>,
}

pub struct TaskState {
    core: Arc<Core>,
    at: TaskAt,
    /// Under which the task was taken over; another one means another owner in between.
    epoch: Option<i64>,
    mailbox: Arc<Mailbox>,
    /// `None` when there is no such task.
    live: Option<Live>,
    handled: u64,
}

impl Actor for TaskActor {
    type Msg = TaskMsg;
    type State = TaskState;
    type Arguments = TaskArgs;

    async fn pre_start(&self, _: ActorRef<TaskMsg>, args: TaskArgs) -> Result<TaskState, ActorProcessingErr> {
        Ok(TaskState { core: args.core, at: args.at, epoch: None, mailbox: args.mailbox, live: None, handled: 0 })
    }

    /// First start and restart are one path: read the row (fencing off whoever owned it before) and repeat what is
    /// owed.
    async fn post_start(&self, me: ActorRef<TaskMsg>, state: &mut TaskState) -> Result<(), ActorProcessingErr> {
        let mut tx = state.core.store.begin().await?;
        let held = Arc::clone(&state.core.held.borrow());
        state.epoch = held.iter().find(|held| held.shard == state.at.shard).map(|held| held.epoch);
        let adopted = tasks::adopt(&mut tx, &held, state.at.id).await?;
        store::db::commit(tx, "taking over a task").await?;
        state.live = match adopted {
            Adopted::Task(task, review) => Some(Live { task: *task, review: review.map(|review| *review) }),
            Adopted::Missing => None,
            Adopted::NotOurs => return Err(Lost::NotOwner.into()),
        };
        if let Some(live) = &state.live {
            state.show(live);
        }
        if state.live.as_ref().is_some_and(|live| machine::is_poison(&live.task)) {
            warn!(task.id = %state.at.id, "task {} crashed its actor too often and is ended", state.at.id);
            metrics::counter!("valet_tasks_quarantined_total").increment(1);
            state.apply(&me, None, Input::Crashing).await?;
        } else {
            state.perform_owed(&me).await?;
        }
        me.send_after(IDLE, || TaskMsg::IdleSince(0));
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<TaskMsg>,
        message: TaskMsg,
        state: &mut TaskState,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.mailbox.handling(message.kind(), message.counted());
        match message {
            TaskMsg::Input { user, input, reply } => {
                state.handled += 1;
                let applied = state.apply(&me, user, input).await?;
                if let Applied::Refused(refused @ Refused::Unfitting { .. }) = &applied {
                    debug!(task.id = %state.at.id, %refused, "task {}: input refused", state.at.id);
                }
                if let Some(reply) = reply {
                    let _ = reply.send(applied);
                }
            }
            TaskMsg::Progress(progress) => state.tell_progress(progress),
            TaskMsg::Owed => state.perform_owed(&me).await?,
            TaskMsg::Probe => state.mailbox.probed(),
            TaskMsg::IdleSince(handled) => {
                if handled == state.handled && !planted(Bug::ActorKept) {
                    me.stop(None);
                } else {
                    let handled = state.handled;
                    me.send_after(IDLE, move || TaskMsg::IdleSince(handled));
                }
            }
        }
        Ok(())
    }
}

fn at() -> At {
    At { now: Utc::now(), command: CommandId::new(), permit: PermitId::new() }
}

impl TaskState {
    /// Says which field was filled, in the form's words.
    fn tell_progress(&self, progress: Progress) {
        let Some(live) = &self.live else { return };
        let field = live.review.as_ref().and_then(|review| review.form.field(&progress.field));
        let passing = Passing::FieldFilled {
            task_id: self.at.id,
            label: field.map(|field| field.label.clone()).unwrap_or_default(),
            field_id: progress.field,
            done: progress.done,
            total: progress.total,
        };
        if let Ok(json) = serde_json::to_string(&passing) {
            self.core.bus.publish(Message { user: live.task.user_id, seq: None, json: json.into() });
        }
    }

    /// Decide, commit, act. The outer error means that the row is in doubt or somebody else's, so this actor dies.
    async fn apply(
        &mut self,
        me: &ActorRef<TaskMsg>,
        user: Option<UserId>,
        input: Input,
    ) -> Result<Applied, ActorProcessingErr> {
        let Some(live) = &self.live else { return Ok(Applied::NotFound) };
        if user.is_some_and(|user| user != live.task.user_id) {
            return Ok(Applied::NotFound);
        }
        let claim = matches!(input, Input::Claimed { .. });
        let from_person = matches!(input, Input::Person { .. });
        let from_work = matches!(input, Input::Report { .. } | Input::Planned { .. });
        let mut decision = match machine::decide(live, input, at()) {
            Ok(decision) => decision,
            // Without a commit nothing has checked that what this was decided from still stands: an actor that slept
            // through a take-over must not refuse what its successor would take.
            Err(_) if !self.may_act().await => return Err(Lost::NotOwner.into()),
            Err(refused) => return Ok(Applied::Refused(refused)),
        };
        let Some(step) = decision.step.take() else {
            if !self.may_act().await {
                return Err(Lost::NotOwner.into());
            }
            return Ok(Applied::Done { held_until: decision.live.task.held_until });
        };
        if planted(Bug::ToldFirst) {
            for told in &step.told {
                self.core.bus.publish(Message { user: step.task.user_id, seq: None, json: told.to_string().into() });
            }
        }
        match self.core.journal.commit(step).await {
            Ok(()) => {}
            Err(Lost::NoSlot | Lost::UserCap) if claim => return Ok(Applied::NoPlace),
            Err(Lost::Poison) if from_person => {
                let message = "This cannot be stored. Please check what you entered.";
                return Ok(Applied::Refused(Rejected::new(RejectCode::InvalidEdit, message).into()));
            }
            // It would be refused each time the agent repeats it: the task ends here, and its repetition is then
            // answered like any other report of an ended task.
            Err(Lost::Poison) if from_work => {
                decision = match machine::decide(live, Input::Unwritable, at()) {
                    Ok(decision) => decision,
                    Err(refused) => return Err(refused.into()),
                };
                let Some(step) = decision.step.take() else { return Err(Lost::Poison.into()) };
                self.core.journal.commit(step).await?;
                metrics::counter!("valet_tasks_quarantined_total").increment(1);
            }
            Err(lost) => return Err(lost.into()),
        }
        let held_until = decision.live.task.held_until;
        self.log_change(&decision.live);
        if planted(Bug::AnswerLogged) {
            info!(review = ?decision.live.review, "task {} has a review", self.at.id);
        }
        self.show(&decision.live);
        self.live = Some(decision.live);
        // Committed, whoever performs it: an actor that may not act any more answers, and its successor does the rest.
        if !self.perform(me, decision.effects).await {
            me.stop(Some("its standing ran out".to_owned()));
        }
        Ok(Applied::Done { held_until })
    }

    /// One line per state change: a task's life reads as ten lines.
    fn log_change(&self, next: &Live) {
        let Some(live) = &self.live else { return };
        let (was, is) = (&live.task, &next.task);
        if was.status != is.status || was.phase != is.phase {
            info!(
                task.id = %self.at.id, sandbox.id = ?is.sandbox_id, attempt = is.attempt,
                "task {} went from {}/{} to {}/{}",
                self.at.id, was.status, was.phase.map_or("-", |phase| phase.as_str()),
                is.status, is.phase.map_or("-", |phase| phase.as_str()),
            );
        }
    }

    /// What the actor tree shows of the task.
    fn show(&self, live: &Live) {
        let task = &live.task;
        let state = match (task.status, task.phase) {
            (protocol::task::Status::InProgress, Some(phase)) => phase.as_str(),
            (status, _) => status.as_str(),
        };
        let held = task.held_until.map(|until| ("parked", until));
        let deadline = held.or_else(|| task.wake_at.map(|at| ("woken", at)));
        if self.mailbox.show(Shown { state, lease: task.lease_id, deadline }) {
            self.core.inspect.note(&tree::task(self.at.id), protocol::inspect::What::State, state);
        }
    }

    /// Whether this node still owns the task, as it did when it was taken over. Asked before each effect.
    async fn may_act(&self) -> bool {
        self.core.cluster.in_good_standing().await && self.core.epoch(self.at.shard) == self.epoch
    }

    async fn perform_owed(&self, me: &ActorRef<TaskMsg>) -> Result<(), ActorProcessingErr> {
        let owed = self.live.as_ref().map(machine::owed).unwrap_or_default();
        if self.perform(me, owed).await { Ok(()) } else { Err(Lost::NotOwner.into()) }
    }

    /// Performs effects; false when one was left undone because this node may not act any more.
    async fn perform(&self, me: &ActorRef<TaskMsg>, effects: Vec<Effect>) -> bool {
        for effect in effects {
            if !self.may_act().await || !self.perform_one(me, effect).await {
                return false;
            }
        }
        true
    }

    /// Tells the task's sandbox. False when this node may not act any more: finding the sandbox may have taken long.
    async fn say(&self, sandbox: SandboxId, word: Word) -> bool {
        let node = peers::node_of(&self.core, sandbox).await;
        let may = self.may_act().await;
        if may {
            peers::say(&self.core, node, sandbox, word);
        }
        may
    }

    /// Effects hardly wait here (to learn which node has the sandbox): what takes time runs on its own and comes back as
    /// an input.
    async fn perform_one(&self, me: &ActorRef<TaskMsg>, effect: Effect) -> bool {
        let Some(live) = &self.live else { return true };
        match effect {
            Effect::Dispatch => self.core.ring(),
            Effect::Send { sandbox, lease, message } => {
                return self.say(sandbox, Word::Send { at: self.at, lease, message }).await;
            }
            Effect::Release { sandbox, lease } => return self.say(sandbox, Word::Release { lease }).await,
            Effect::OpenJob { sandbox, lease } => {
                return self.say(sandbox, Word::OpenJob { at: self.at, lease }).await;
            }
            Effect::DropPictures(pictures) => {
                let (core, task) = (Arc::clone(&self.core), self.at.id);
                tokio::spawn(async move {
                    for picture in pictures {
                        // The row is what makes it exist; a file left behind is seen in the log and belongs to nobody.
                        if let Err(error) = core.files.delete(&store::artifacts::storage_key(task, picture)).await {
                            warn!(task.id = %task, %error, "a picture's file could not be removed");
                        }
                    }
                });
            }
            Effect::Plan { round } => {
                let (core, me, live) = (Arc::clone(&self.core), me.clone(), live.clone());
                tokio::spawn(async move {
                    match crate::planning::plan(&core, &live).await {
                        Ok(plan) => {
                            let input = Input::Planned { round, plan };
                            let _ = me.cast(TaskMsg::Input { user: None, input, reply: None });
                        }
                        Err(error) => {
                            warn!(task.id = %live.task.id, %error, "planning failed; its deadline will repeat it")
                        }
                    }
                });
            }
        }
        true
    }
}
