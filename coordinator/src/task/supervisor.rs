//! Starts task actors when somebody needs them, and again when they crash.
//!
//! Children: one [`super::actor::TaskActor`] per live task. A child that finishes (it was idle) is forgotten. One that
//! crashes is started again after a back-off, from its row; one that keeps crashing is left alone until the next
//! message or its next deadline, and reported. The family is spread over [`FAMILIES`] supervisors, because one with
//! tens of thousands of children is slow to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use protocol::ids::TaskId;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use ractor_cluster::RactorMessage;
use store::tasks::TaskAt;
use tracing::{error, warn};

use super::actor::{TaskActor, TaskArgs};
use super::handle::TaskError;
use crate::core::{Core, LiveTask};
use crate::supervise::Restarts;

/// Supervisors the tasks are spread over.
pub const FAMILIES: usize = 16;
/// Spawning is in memory only; this covers a busy supervisor.
const ACTIVATE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, RactorMessage)]
pub enum TasksMsg {
    /// Start the task's actor unless it runs; replies with it.
    Activate(TaskAt, Option<RpcReplyPort<LiveTask>>),
}

pub struct TaskSupervisor;

pub struct TasksArgs {
    pub core: Arc<Core>,
    pub family: usize,
}

pub struct TasksState {
    core: Arc<Core>,
    children: HashMap<ActorId, TaskAt>,
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
        args.core.task_supervisors.insert(args.family, me);
        Ok(TasksState { core: args.core, children: HashMap::new(), crashes: HashMap::new() })
    }

    async fn handle(
        &self,
        me: ActorRef<TasksMsg>,
        TasksMsg::Activate(at, reply): TasksMsg,
        state: &mut TasksState,
    ) -> Result<(), ActorProcessingErr> {
        let live = match state.core.tasks.get(&at.id).map(|live| live.clone()) {
            Some(live) => live,
            None => {
                let depth = Arc::new(AtomicUsize::new(0));
                let args = TaskArgs { core: Arc::clone(&state.core), at, depth: Arc::clone(&depth) };
                // Starting waits for nothing: the row is read once the actor runs.
                let (actor, _) = TaskActor::spawn_linked(None, TaskActor, args, me.get_cell()).await?;
                let live = LiveTask { actor, shard: at.shard, depth };
                state.children.insert(live.actor.get_id(), at);
                state.core.tasks.insert(at.id, live.clone());
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
                let Some(at) = state.forget(child.get_id()) else { return Ok(()) };
                let task = at.id;
                // Whoever owns it now starts it there.
                if state.core.epoch(at.shard).is_none() {
                    return Ok(());
                }
                metrics::counter!("valet_actor_restarts_total", "actor" => "task").increment(1);
                let now = Instant::now();
                state.crashes.retain(|_, restarts| restarts.recent(now) > 0);
                match state.crashes.entry(task).or_default().crashed(now) {
                    Some(delay) => {
                        warn!(task.id = %task, %error, ?delay, "task {task} crashed, restarting");
                        me.send_after(delay, move || TasksMsg::Activate(at, None));
                    }
                    None => error!(task.id = %task, %error, "task {task} keeps crashing, left alone for a minute"),
                }
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => {}
        }
        Ok(())
    }
}

impl TasksState {
    fn forget(&mut self, child: ActorId) -> Option<TaskAt> {
        let at = self.children.remove(&child)?;
        self.core.tasks.remove_if(&at.id, |_, live| live.actor.get_id() == child);
        Some(at)
    }
}
