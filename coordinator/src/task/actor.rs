//! Owns one task while it is live: decide, commit, act.
//!
//! Talks to: the journal (commits), its sandbox's actor (messages to the agent), the answer planner (in a task of its
//! own). Spoken to by: the router (persons), the sessions (agents' reports), sandbox actors (losses), the dispatcher
//! (claims), the timer (deadlines). Every input goes through [`machine::decide`]; nothing is done that is not
//! committed. A commit that is lost or in doubt ends this actor, and its successor reads the row afresh.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::cluster::{RejectCode, Rejected};
use protocol::event::Passing;
use protocol::ids::{CommandId, PermitId, TaskId, UserId};
use protocol::wire::message::Progress;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::RactorMessage;
use store::bus::Message;
use store::tasks::{self, Adopted};
use tracing::{debug, info, warn};

use super::machine::{self, At, Effect, Input, Live, Refused};
use crate::core::Core;
use crate::journal::Lost;
use crate::sandbox::actor::SandboxMsg;

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
    pub id: TaskId,
    pub depth: Arc<AtomicUsize>,
}

pub struct TaskState {
    core: Arc<Core>,
    id: TaskId,
    depth: Arc<AtomicUsize>,
    /// `None` when there is no such task.
    live: Option<Live>,
    handled: u64,
}

impl Actor for TaskActor {
    type Msg = TaskMsg;
    type State = TaskState;
    type Arguments = TaskArgs;

    async fn pre_start(&self, _: ActorRef<TaskMsg>, args: TaskArgs) -> Result<TaskState, ActorProcessingErr> {
        Ok(TaskState { core: args.core, id: args.id, depth: args.depth, live: None, handled: 0 })
    }

    /// First start and restart are one path: read the row (fencing off whoever owned it before) and repeat what is
    /// owed.
    async fn post_start(&self, me: ActorRef<TaskMsg>, state: &mut TaskState) -> Result<(), ActorProcessingErr> {
        let mut tx = state.core.store.begin().await?;
        let held = Arc::clone(&state.core.held.borrow());
        let adopted = tasks::adopt(&mut tx, &held, state.id).await?;
        store::db::commit(tx, "taking over a task").await?;
        state.live = match adopted {
            Adopted::Task(task, review) => Some(Live { task: *task, review: review.map(|review| *review) }),
            Adopted::Missing => None,
            Adopted::NotOurs => return Err(Lost::NotOwner.into()),
        };
        if let Some(live) = &state.live {
            state.core.follow_lease(&live.task);
        }
        if state.live.as_ref().is_some_and(|live| machine::is_poison(&live.task)) {
            warn!(task.id = %state.id, "task {} crashed its actor too often and is ended", state.id);
            metrics::counter!("valet_tasks_quarantined_total").increment(1);
            state.apply(&me, None, Input::Crashing).await?;
        } else {
            state.perform_owed(&me);
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
        match message {
            TaskMsg::Input { user, input, reply } => {
                state.handled += 1;
                if reply.is_some() {
                    state.depth.fetch_sub(1, Ordering::Relaxed);
                }
                let applied = state.apply(&me, user, input).await?;
                if let Applied::Refused(refused @ Refused::Unfitting { .. }) = &applied {
                    debug!(task.id = %state.id, %refused, "task {}: input refused", state.id);
                }
                if let Some(reply) = reply {
                    let _ = reply.send(applied);
                }
            }
            TaskMsg::Progress(progress) => {
                state.depth.fetch_sub(1, Ordering::Relaxed);
                state.tell_progress(progress);
            }
            TaskMsg::Owed => state.perform_owed(&me),
            TaskMsg::IdleSince(handled) => {
                if handled == state.handled {
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
            task_id: self.id,
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
            Err(refused) => return Ok(Applied::Refused(refused)),
        };
        let Some(step) = decision.step.take() else {
            return Ok(Applied::Done { held_until: decision.live.task.held_until });
        };
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
        self.follow_lease(&decision.live);
        self.live = Some(decision.live);
        for effect in decision.effects {
            self.perform(me, effect);
        }
        Ok(Applied::Done { held_until })
    }

    /// One line per state change: a task's life reads as ten lines.
    fn log_change(&self, next: &Live) {
        let Some(live) = &self.live else { return };
        let (was, is) = (&live.task, &next.task);
        if was.status != is.status || was.phase != is.phase {
            info!(
                task.id = %self.id, sandbox.id = ?is.sandbox_id, attempt = is.attempt,
                "task {} went from {}/{} to {}/{}",
                self.id, was.status, was.phase.map_or("-", |phase| phase.as_str()),
                is.status, is.phase.map_or("-", |phase| phase.as_str()),
            );
        }
    }

    fn follow_lease(&self, next: &Live) {
        if let Some(lease) = self.live.as_ref().and_then(|live| live.task.lease_id)
            && next.task.lease_id != Some(lease)
        {
            self.core.leases.remove(&lease);
        }
        self.core.follow_lease(&next.task);
    }

    fn perform_owed(&self, me: &ActorRef<TaskMsg>) {
        let Some(live) = &self.live else { return };
        for effect in machine::owed(live) {
            self.perform(me, effect);
        }
    }

    /// Effects never wait here: what takes time runs on its own and comes back as an input.
    fn perform(&self, me: &ActorRef<TaskMsg>, effect: Effect) {
        let Some(live) = &self.live else { return };
        match effect {
            Effect::Dispatch => self.core.dispatch.notify_one(),
            Effect::Send { sandbox, lease, message } => {
                self.to_sandbox(sandbox, SandboxMsg::Send { lease, message });
            }
            Effect::Release { sandbox, lease } => self.to_sandbox(sandbox, SandboxMsg::Release { lease }),
            Effect::OpenJob { sandbox, lease } => {
                let (core, task) = (Arc::clone(&self.core), live.task.clone());
                tokio::spawn(async move {
                    if let Err(error) = crate::jobs::open(&core, &task, sandbox, lease).await {
                        warn!(task.id = %task.id, %error, "a job could not be opened; its deadline will repeat it");
                    }
                });
            }
            Effect::DropPictures(pictures) => {
                let (core, task) = (Arc::clone(&self.core), self.id);
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
    }

    /// A sandbox without an actor is not connected: what is owed is repeated when its agent is back.
    fn to_sandbox(&self, sandbox: protocol::ids::SandboxId, message: SandboxMsg) {
        if let Some(actor) = self.core.sandboxes.get(&sandbox) {
            let _ = actor.cast(message);
        }
    }
}
