//! Starts task actors when somebody needs them, and again when they crash.
//!
//! Children: one [`super::actor::TaskActor`] per live task. A child that finishes (it was idle) is forgotten. One that
//! crashes is started again after a back-off, from its row; one that keeps crashing is left alone until the next
//! message or its next deadline, and reported. Crashes that the database did not cause are counted in the row
//! (`store::quarantine`): after a few, the task is ended by its next actor, and without one when that crashes, too. The family is spread over [`FAMILIES`] supervisors, because one with
//! tens of thousands of children is slow to stop.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::ids::TaskId;
use protocol::inspect::What;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use ractor_cluster::RactorMessage;
use store::tasks::TaskAt;
use store::{StoreError, quarantine};
use tracing::{error, warn};

use super::actor::{NO_STANDING, TaskActor, TaskArgs};
use super::handle::TaskError;
use crate::cluster::peers::{self, Word};
use crate::core::{Core, LiveTask};
use crate::inspect::{family_id, steer, tree};
use crate::journal::Lost;
use crate::supervise::{Letter, Live, Mailbox, Past, Restarts, redacted};

/// Before a task is taken up again whose actor ended with an outage of the database, or could not perform what it had
/// committed because this node's standing had run out with one.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// Supervisors the tasks are spread over.
pub const FAMILIES: usize = 16;
/// Spawning is in memory only; this covers a busy supervisor.
const ACTIVATE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, RactorMessage)]
pub enum TasksMsg {
    /// Start the task's actor unless it runs; replies with it.
    Activate(TaskAt, Option<RpcReplyPort<LiveTask>>),
    /// An admin wants the task's actor restarted; answered once it runs again.
    Restart(TaskId, RpcReplyPort<()>),
    /// Asks nothing; see [`crate::inspect::watchdog`].
    Probe,
}

impl Letter for TasksMsg {
    /// Activations are in memory only, so that even a burst of wakes and agents' reports passes at once.
    const WAITING_MAX: usize = 4_096;

    fn kind(&self) -> &'static str {
        match self {
            Self::Activate(..) => "activate",
            Self::Restart(..) => "restart",
            Self::Probe => "probe",
        }
    }

    fn counted(&self) -> bool {
        // A restart after a crash is its own message.
        !matches!(self, Self::Activate(_, None))
    }
}

pub struct TaskSupervisor;

pub struct TasksArgs {
    pub core: Arc<Core>,
    pub family: usize,
}

pub struct TasksState {
    core: Arc<Core>,
    mailbox: Arc<Mailbox>,
    children: HashMap<ActorId, TaskAt>,
    crashes: HashMap<TaskId, Restarts>,
    /// Of tasks that were restarted lately or are live.
    pasts: HashMap<TaskId, Past>,
    /// Who waits for a restart that was asked for.
    asked: HashMap<TaskId, Vec<RpcReplyPort<()>>>,
    /// Tasks that are taken up again after a pause: one at a time for each, however often it is tried in between.
    resting: HashSet<TaskId>,
}

/// The supervisor a task belongs to.
pub fn family(task: TaskId) -> usize {
    task.0.as_bytes()[15] as usize % FAMILIES
}

/// The task's actor, started when there is none.
///
/// # Errors
/// When its supervisor does not answer (it is being restarted itself).
pub async fn activate(core: &Arc<Core>, at: TaskAt) -> Result<LiveTask, TaskError> {
    let supervisor =
        core.task_supervisors.get(&family(at.id)).map(|entry| entry.clone()).ok_or(TaskError::Unanswered)?;
    match supervisor.call(|reply| TasksMsg::Activate(at, Some(reply)), Some(ACTIVATE_TIMEOUT)).await {
        Ok(CallResult::Success(live)) => Ok(live),
        _ => Err(TaskError::Unanswered),
    }
}

impl Actor for TaskSupervisor {
    type Msg = TasksMsg;
    type State = TasksState;
    type Arguments = TasksArgs;

    async fn pre_start(&self, me: ActorRef<TasksMsg>, args: TasksArgs) -> Result<TasksState, ActorProcessingErr> {
        // The children of an earlier supervisor ended with it.
        args.core.tasks.retain(|task, _| family(*task) != args.family);
        let mailbox = args.core.inspect.mailbox(&family_id(args.family));
        args.core.task_supervisors.insert(args.family, Live { actor: me, mailbox: Arc::clone(&mailbox) });
        Ok(TasksState {
            core: args.core,
            mailbox,
            children: HashMap::new(),
            crashes: HashMap::new(),
            pasts: HashMap::new(),
            asked: HashMap::new(),
            resting: HashSet::new(),
        })
    }

    async fn handle(
        &self,
        me: ActorRef<TasksMsg>,
        message: TasksMsg,
        state: &mut TasksState,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.mailbox.handling(message.kind(), message.counted());
        let (at, reply) = match message {
            TasksMsg::Activate(at, reply) => {
                if reply.is_none() {
                    state.resting.remove(&at.id);
                }
                (at, reply)
            }
            TasksMsg::Restart(task, reply) => {
                if let Some(live) = state.core.tasks.get(&task) {
                    state.asked.entry(task).or_default().push(reply);
                    tokio::spawn(steer::end(live.actor.get_cell()));
                }
                return Ok(());
            }
            TasksMsg::Probe => {
                state.mailbox.probed();
                return Ok(());
            }
        };
        let task = at.id;
        let live = match state.core.tasks.get(&task).map(|live| live.clone()) {
            Some(live) => live,
            None => {
                let past = state.pasts.get(&task).cloned().unwrap_or_default();
                let what = if past.restarts > 0 { What::Restarted } else { What::Started };
                let mailbox = Arc::new(Mailbox::new(past));
                let args = TaskArgs { core: Arc::clone(&state.core), at, mailbox: Arc::clone(&mailbox) };
                // Starting waits for nothing: the row is read once the actor runs.
                let (actor, _) = TaskActor::spawn_linked(None, TaskActor, args, me.get_cell()).await?;
                let live = LiveTask { live: Live { actor, mailbox }, shard: at.shard };
                state.core.inspect.note(&tree::task(task), what, "starting");
                state.children.insert(live.actor.get_id(), at);
                state.core.tasks.insert(task, live.clone());
                for asked in state.asked.remove(&task).into_iter().flatten() {
                    let _ = asked.send(());
                }
                live
            }
        };
        if let Some(reply) = reply {
            let _ = reply.send(live);
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<TasksMsg>,
        event: SupervisionEvent,
        state: &mut TasksState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(child, _, reason) => {
                let Some(at) = state.forget(child.get_id()) else { return Ok(()) };
                let task = at.id;
                if reason.as_deref() == Some(NO_STANDING) {
                    state.rest(&me, at);
                }
                if state.asked.contains_key(&task) {
                    state.pasts.entry(task).or_default().again(None);
                    me.cast(TasksMsg::Activate(at, None))?;
                } else if !state.crashes.contains_key(&task) {
                    state.pasts.remove(&task);
                }
            }
            SupervisionEvent::ActorFailed(child, error) => {
                let Some(at) = state.forget(child.get_id()) else { return Ok(()) };
                let task = at.id;
                // Whoever owns it now starts it there.
                if state.core.epoch(at.shard).is_none() {
                    return Ok(());
                }
                metrics::counter!("valet_actor_restarts_total", "actor" => "task").increment(1);
                if is_outage(error.as_ref()) {
                    // No fault of the task's, and no end of its patience: it is taken up when the database is back.
                    warn!(task.id = %task, %error, "task {task} ended with an outage, restarting");
                    state.pasts.entry(task).or_default().again(Some(&redacted(&error)));
                    state.rest(&me, at);
                    return Ok(());
                }
                let now = Instant::now();
                state.crashes.retain(|_, restarts| restarts.recent(now) > 0);
                let (crashes, live) = (&state.crashes, &state.core.tasks);
                state.pasts.retain(|task, _| crashes.contains_key(task) || live.contains_key(task));
                state.pasts.entry(task).or_default().again(Some(&redacted(&error)));
                match state.crashes.entry(task).or_default().crashed(now) {
                    Some(delay) => {
                        warn!(task.id = %task, %error, ?delay, "task {task} crashed, restarting");
                        me.send_after(delay, move || TasksMsg::Activate(at, None));
                    }
                    None => error!(task.id = %task, %error, "task {task} keeps crashing, left alone for a minute"),
                }
                if is_own_fault(error.as_ref()) {
                    let core = Arc::clone(&state.core);
                    tokio::spawn(async move {
                        if let Err(error) = store::db::in_time("counting a crash", count_crash(&core, task)).await {
                            warn!(task.id = %task, %error, "a crash of task {task} was not counted");
                        }
                    });
                }
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => {}
        }
        Ok(())
    }
}

/// Whether the database was away, or its answer was lost.
fn is_outage(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    match error.downcast_ref::<Lost>() {
        Some(lost) => matches!(lost, Lost::Unavailable | Lost::InDoubt),
        None => error.downcast_ref::<StoreError>().is_some_and(StoreError::is_outage),
    }
}

/// Whether a crash says something about the task: not when the database was away, and not when somebody else owns the
/// task now.
fn is_own_fault(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let other = error.downcast_ref::<Lost>().is_some_and(|lost| *lost != Lost::Poison);
    !other && !is_outage(error)
}

/// Counts the crash, and ends the task without its actor when that cannot.
async fn count_crash(core: &Arc<Core>, task: TaskId) -> Result<(), StoreError> {
    let mut tx = core.store.begin().await?;
    let crashes = quarantine::count_crash(&mut tx, task).await?;
    store::db::commit(tx, "counting a crash").await?;
    if crashes < quarantine::SHELVED_AT {
        return Ok(());
    }
    let mut tx = core.store.begin().await?;
    let held = Arc::clone(&core.held.borrow());
    let Some(shelved) = quarantine::shelve(&mut tx, &held, task).await? else { return Ok(()) };
    store::db::commit(tx, "shelving a task").await?;
    error!(task.id = %task, crashes, "task {task} was ended without its actor");
    metrics::counter!("valet_tasks_quarantined_total").increment(1);
    shelved.told.into_iter().for_each(|message| core.bus.publish(message));
    if let Some((sandbox, lease)) = shelved.released {
        peers::say(core, peers::node_of(core, sandbox).await, sandbox, Word::Release { lease });
        core.ring();
    }
    Ok(())
}

impl TasksState {
    /// Has the task taken up again in a while, unless it is somebody else's by now.
    fn rest(&mut self, me: &ActorRef<TasksMsg>, at: TaskAt) {
        if self.core.epoch(at.shard).is_some() && self.resting.insert(at.id) {
            me.send_after(OUTAGE_PAUSE, move || TasksMsg::Activate(at, None));
        }
    }

    fn forget(&mut self, child: ActorId) -> Option<TaskAt> {
        let at = self.children.remove(&child)?;
        self.core.tasks.remove_if(&at.id, |_, live| live.actor.get_id() == child);
        self.core.inspect.note(&tree::task(at.id), What::Stopped, "ended");
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_counts_unless_the_database_or_another_owner_caused_it() {
        let own = |error: ActorProcessingErr| is_own_fault(error.as_ref());
        for lost in [Lost::NotOwner, Lost::Unavailable, Lost::InDoubt, Lost::NoSlot] {
            assert!(!own(lost.into()), "{lost}");
        }
        let outage = |error: ActorProcessingErr| is_outage(error.as_ref());
        assert!(outage(Lost::InDoubt.into()) && outage(Lost::Unavailable.into()));
        assert!(!outage(Lost::NotOwner.into()) && !outage(Lost::Poison.into()) && !outage("a panic".into()));
        assert!(!own(StoreError::Unreachable { doing: "a test", source: sqlx::Error::PoolTimedOut }.into()));
        assert!(own(Lost::Poison.into()));
        assert!(own(StoreError::Corrupt { doing: "a test" }.into()));
        assert!(own("a panic".into()));
    }
}
