//! Owns one task while it is live: decide, commit, act.
//!
//! Talks to: the journal (commits), its sandbox's actor (messages to the agent), the answer planner (in a task of its
//! own). Spoken to by: the router (persons), the sessions (agents' reports), sandbox actors (losses), the dispatcher
//! (claims), the timer (deadlines). Every input goes through [`machine::decide`]; nothing is done that is not
//! committed. A commit that is lost or in doubt ends this actor, and its successor reads the row afresh.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::cluster::{RejectCode, Rejected};
use protocol::event::Passing;
use protocol::ids::{CommandId, PermitId, SandboxId, UserId};
use protocol::planted::{Bug, planted};
use protocol::wire::message::Progress;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use store::StoreError;
use store::bus::Message;
use store::tasks::{self, Adopted, TaskAt};
use tracing::{debug, info, warn};

use super::machine::{self, At, Effect, Input, Live, Refused};
use super::messages::{Applied, TaskMsg};
use crate::cluster::peers::{self, Word};
use crate::core::Core;
use crate::inspect::tree;
use crate::journal::Lost;
use crate::supervise::{Letter, Mailbox, Shown};

/// Without a message for this long the actor leaves memory; its row brings it back.
const IDLE: Duration = Duration::from_secs(60);
/// Without a message for this long its review leaves memory: a form of forty fields is four times the rest of the actor.
/// An agent that fills a form says something several times in it, so that a review is seldom read again.
const REST: Duration = Duration::from_secs(5);

/// Before a plan is made again that could not be made.
const PLAN_AGAIN: Duration = Duration::from_secs(1);
/// Why an actor left that committed a step and may not perform it: whoever may does, its own successor among them.
pub(super) const NO_STANDING: &str = "its standing ran out";

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
    rest: Rest,
    handled: u64,
}

/// Where the task's review is.
enum Rest {
    /// In memory, if there is one; wanted the last time then.
    Awake { used: Instant, timer: bool },
    /// In its row only.
    Resting,
}

impl Actor for TaskActor {
    type Msg = TaskMsg;
    type State = TaskState;
    type Arguments = TaskArgs;

    async fn pre_start(&self, _: ActorRef<TaskMsg>, args: TaskArgs) -> Result<TaskState, ActorProcessingErr> {
        Ok(TaskState {
            core: args.core,
            at: args.at,
            epoch: None,
            mailbox: args.mailbox,
            live: None,
            rest: Rest::Awake { used: Instant::now(), timer: false },
            handled: 0,
        })
    }

    // What these do is boxed, so that an actor that waits for a message does not keep room for all that it could be doing:
    // a conversation with the database alone takes kilobytes.
    async fn post_start(&self, me: ActorRef<TaskMsg>, state: &mut TaskState) -> Result<(), ActorProcessingErr> {
        Box::pin(state.begin(me)).await
    }

    async fn handle(
        &self,
        me: ActorRef<TaskMsg>,
        message: TaskMsg,
        state: &mut TaskState,
    ) -> Result<(), ActorProcessingErr> {
        Box::pin(state.take(me, message)).await
    }
}

impl TaskState {
    /// First start and restart are one path: read the row (fencing off whoever owned it before) and repeat what is
    /// owed.
    async fn begin(&mut self, me: ActorRef<TaskMsg>) -> Result<(), ActorProcessingErr> {
        let held = Arc::clone(&self.core.held.borrow());
        self.epoch = held.iter().find(|held| held.shard == self.at.shard).map(|held| held.epoch);
        let adopted = store::db::in_time("taking over a task", async {
            let mut tx = self.core.store.begin().await?;
            let adopted = tasks::adopt(&mut tx, &held, self.at.id).await?;
            store::db::commit(tx, "taking over a task").await?;
            Ok::<_, StoreError>(adopted)
        })
        .await?;
        self.live = match adopted {
            Adopted::Task(task, review) => Some(Live { task: Arc::from(task), review: review.map(|review| *review) }),
            Adopted::Missing => None,
            Adopted::NotOurs => return Err(Lost::NotOwner.into()),
        };
        if let Some(live) = &self.live {
            self.show(live);
        }
        self.wake_review(&me).await?;
        if self.live.as_ref().is_some_and(|live| machine::is_poison(&live.task)) {
            warn!(task.id = %self.at.id, "task {} crashed its actor too often and is ended", self.at.id);
            metrics::counter!("valet_tasks_quarantined_total").increment(1);
            self.apply(&me, None, Input::Crashing).await?;
        } else {
            self.perform_owed(&me).await?;
        }
        me.send_after(IDLE, || TaskMsg::IdleSince(0));
        Ok(())
    }

    async fn take(&mut self, me: ActorRef<TaskMsg>, message: TaskMsg) -> Result<(), ActorProcessingErr> {
        let _in_hand = self.mailbox.handling(message.kind(), message.counted());
        match message {
            TaskMsg::Input { user, input, reply } => {
                self.handled += 1;
                let applied = self.apply(&me, user, input).await?;
                if let Applied::Refused(refused @ Refused::Unfitting { .. }) = &applied {
                    debug!(task.id = %self.at.id, %refused, "task {}: input refused", self.at.id);
                }
                if let Some(reply) = reply {
                    let _ = reply.send(applied);
                }
            }
            TaskMsg::Progress(progress) => {
                self.wake_review(&me).await?;
                self.tell_progress(progress);
            }
            TaskMsg::Owed | TaskMsg::PlanAgain => {
                self.wake_review(&me).await?;
                self.perform_owed(&me).await?;
            }
            TaskMsg::Rest => self.rest(&me),
            TaskMsg::Probe => self.mailbox.probed(),
            TaskMsg::IdleSince(handled) => {
                if handled == self.handled && !planted(Bug::ActorKept) {
                    me.stop(None);
                } else {
                    let handled = self.handled;
                    me.send_after(IDLE, move || TaskMsg::IdleSince(handled));
                }
            }
        }
        Ok(())
    }

    fn now(&self) -> At {
        At { now: self.core.clock.now(), command: CommandId::new(), permit: PermitId::new() }
    }

    /// Has the review in memory: what is decided may need it.
    async fn wake_review(&mut self, me: &ActorRef<TaskMsg>) -> Result<(), ActorProcessingErr> {
        let Some(live) = &mut self.live else { return Ok(()) };
        let timer = match self.rest {
            Rest::Awake { timer, .. } => timer,
            Rest::Resting => {
                live.review = store::db::in_time("reading a review", async {
                    let mut tx = self.core.store.begin().await?;
                    tasks::review(&mut tx, self.at.id).await
                })
                .await?;
                false
            }
        };
        if !timer {
            me.send_after(REST, || TaskMsg::Rest);
        }
        self.rest = Rest::Awake { used: Instant::now(), timer: true };
        Ok(())
    }

    /// Only this actor writes the review, so that its row holds what it had in memory.
    fn rest(&mut self, me: &ActorRef<TaskMsg>) {
        let (Rest::Awake { used, .. }, Some(live)) = (&self.rest, &mut self.live) else { return };
        let left = REST.saturating_sub(used.elapsed());
        if !left.is_zero() {
            me.send_after(left, || TaskMsg::Rest);
        } else if live.review.take().is_some() {
            self.rest = Rest::Resting;
        } else {
            self.rest = Rest::Awake { used: *used, timer: false };
        }
    }

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
        self.wake_review(me).await?;
        let Some(live) = &self.live else { return Ok(Applied::NotFound) };
        if user.is_some_and(|user| user != live.task.user_id) {
            return Ok(Applied::NotFound);
        }
        let claim = matches!(input, Input::Claimed { .. });
        let from_person = matches!(input, Input::Person { .. });
        let from_work = matches!(input, Input::Report { .. } | Input::Planned { .. });
        let mut decision = match machine::decide(live, input, self.now()) {
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
                let json = told.to_json().to_string().into();
                self.core.bus.publish(Message { user: step.task.user_id, seq: None, json });
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
                decision = match machine::decide(live, Input::Unwritable, self.now()) {
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
            me.stop(Some(NO_STANDING.to_owned()));
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
                            warn!(task.id = %live.task.id, %error, "planning failed; it is tried again");
                            me.send_after(PLAN_AGAIN, || TaskMsg::PlanAgain);
                        }
                    }
                });
            }
        }
        true
    }
}
