//! Starts task actors when somebody needs them, and again when they crash.
//!
//! Children: one [`super::actor::TaskActor`] per live task. A child that finishes (it was idle) is forgotten. One that
//! crashes is started again after a back-off, from its row; one that keeps crashing is left alone until the next
//! message or its next deadline, and reported. Crashes that the database did not cause are counted in the row
//! (`store::quarantine`): after a few, the task is ended by its next actor, and without one when that crashes, too. The family is spread over [`FAMILIES`] supervisors, because one with
//! tens of thousands of children is slow to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use protocol::ids::TaskId;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use ractor_cluster::RactorMessage;
use store::{StoreError, quarantine};
use tracing::{error, warn};

use super::actor::{TaskActor, TaskArgs};
use super::handle::TaskError;
use crate::core::{Core, LiveTask};
use crate::journal::Lost;
use crate::sandbox::actor::SandboxMsg;
use crate::supervise::Restarts;

/// Supervisors the tasks are spread over.
pub const FAMILIES: usize = 16;
/// Spawning is in memory only; this covers a busy supervisor.
const ACTIVATE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, RactorMessage)]
pub enum TasksMsg {
    /// Start the task's actor unless it runs; replies with it.
    Activate(TaskId, Option<RpcReplyPort<LiveTask>>),
}

pub struct TaskSupervisor;

pub struct TasksArgs {
    pub core: Arc<Core>,
    pub family: usize,
}

pub struct TasksState {
    core: Arc<Core>,
    children: HashMap<ActorId, TaskId>,
    crashes: HashMap<TaskId, Restarts>,
}

/// The supervisor a task belongs to.
fn family(task: TaskId) -> usize {
    task.0.as_bytes()[15] as usize % FAMILIES
}

/// The task's actor, started when there is none.
///
/// # Errors
/// When its supervisor does not answer (it is being restarted itself).
pub async fn activate(core: &Arc<Core>, task: TaskId) -> Result<LiveTask, TaskError> {
    let supervisor =
        core.task_supervisors.get(&family(task)).map(|entry| entry.clone()).ok_or(TaskError::Unanswered)?;
    match supervisor.call(|reply| TasksMsg::Activate(task, Some(reply)), Some(ACTIVATE_TIMEOUT)).await {
        Ok(CallResult::Success(live)) => Ok(live),
        _ => Err(TaskError::Unanswered),
    }
}

impl Actor for TaskSupervisor {
    type Msg = TasksMsg;
    type State = TasksState;
    type Arguments = TasksArgs;

    async fn pre_start(&self, me: ActorRef<TasksMsg>, args: TasksArgs) -> Result<TasksState, ActorProcessingErr> {
        args.core.task_supervisors.insert(args.family, me);
        Ok(TasksState { core: args.core, children: HashMap::new(), crashes: HashMap::new() })
    }

    async fn handle(
        &self,
        me: ActorRef<TasksMsg>,
        TasksMsg::Activate(task, reply): TasksMsg,
        state: &mut TasksState,
    ) -> Result<(), ActorProcessingErr> {
        let live = match state.core.tasks.get(&task).map(|live| live.clone()) {
            Some(live) => live,
            None => {
                let depth = Arc::new(AtomicUsize::new(0));
                let args = TaskArgs { core: Arc::clone(&state.core), id: task, depth: Arc::clone(&depth) };
                // Starting waits for nothing: the row is read once the actor runs.
                let (actor, _) = TaskActor::spawn_linked(None, TaskActor, args, me.get_cell()).await?;
                let live = LiveTask { actor, depth };
                state.children.insert(live.actor.get_id(), task);
                state.core.tasks.insert(task, live.clone());
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
            SupervisionEvent::ActorTerminated(child, ..) => {
                state.forget(child.get_id());
            }
            SupervisionEvent::ActorFailed(child, error) => {
                let Some(task) = state.forget(child.get_id()) else { return Ok(()) };
                metrics::counter!("valet_actor_restarts_total", "actor" => "task").increment(1);
                let now = Instant::now();
                state.crashes.retain(|_, restarts| restarts.recent(now) > 0);
                match state.crashes.entry(task).or_default().crashed(now) {
                    Some(delay) => {
                        warn!(task.id = %task, %error, ?delay, "task {task} crashed, restarting");
                        me.send_after(delay, move || TasksMsg::Activate(task, None));
                    }
                    None => error!(task.id = %task, %error, "task {task} keeps crashing, left alone for a minute"),
                }
                if is_own_fault(error.as_ref()) {
                    let core = Arc::clone(&state.core);
                    tokio::spawn(async move {
                        if let Err(error) = count_crash(&core, task).await {
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

/// Whether a crash says something about the task: not when the database was away, and not when somebody else owns the
/// task now.
fn is_own_fault(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    if let Some(lost) = error.downcast_ref::<Lost>() {
        return *lost == Lost::Poison;
    }
    !error.downcast_ref::<StoreError>().is_some_and(StoreError::is_outage)
}

/// Counts the crash, and ends the task without its actor when that cannot.
async fn count_crash(core: &Core, task: TaskId) -> Result<(), StoreError> {
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
        core.leases.remove(&lease);
        if let Some(actor) = core.sandboxes.get(&sandbox) {
            let _ = actor.cast(SandboxMsg::Release { lease });
        }
        core.dispatch.notify_one();
    }
    Ok(())
}

impl TasksState {
    fn forget(&mut self, child: ActorId) -> Option<TaskId> {
        let task = self.children.remove(&child)?;
        self.core.tasks.remove_if(&task, |_, live| live.actor.get_id() == child);
        Some(task)
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
        assert!(!own(StoreError::Unreachable { doing: "a test", source: sqlx::Error::PoolTimedOut }.into()));
        assert!(own(Lost::Poison.into()));
        assert!(own(StoreError::Corrupt { doing: "a test" }.into()));
        assert!(own("a panic".into()));
    }
}
