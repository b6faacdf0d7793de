//! What every actor of this coordinator shares: the journal, the registries of live actors and the settings.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;
use protocol::ids::{LeaseId, NodeId, SandboxId, TaskId};
use store::Store;
use store::bus::Bus;
use store::files::Files;
use store::shards::Held;
use store::tasks::Task;
use tokio::sync::{Notify, watch};

use crate::inspect::Inspect;
use crate::journal::Journal;
use crate::sandbox::actor::SandboxMsg;
use crate::sandbox::supervisor::SandboxesMsg;
use crate::supervise::Live;
use crate::task::actor::TaskMsg;
use crate::task::supervisor::TasksMsg;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port` or `host` entries that browsers may open although they are private addresses.
    pub allowed_private_hosts: Vec<String>,
    /// The program whose `resume-child` subcommand reads resumes, apart from this process.
    pub resume_child: PathBuf,
}

pub type LiveTask = Live<TaskMsg>;
pub type LiveSandbox = Live<SandboxMsg>;

/// Shared by all actors of the node.
#[derive(Debug)]
pub struct Core {
    pub node: NodeId,
    pub store: Store,
    pub files: Files,
    pub bus: Bus,
    pub journal: Journal,
    pub settings: Settings,
    pub held: watch::Sender<Arc<Vec<Held>>>,
    /// Tasks with an actor in memory.
    pub tasks: DashMap<TaskId, LiveTask>,
    /// Which task a lease belongs to, for reports on the way in.
    pub leases: DashMap<LeaseId, Leaseholder>,
    pub sandboxes: DashMap<SandboxId, LiveSandbox>,
    /// Rung when a task began to wait for a place or a place became free.
    pub dispatch: Notify,
    /// The tasks' supervisors, set once they run; a task belongs to the one its id hashes to.
    pub task_supervisors: DashMap<usize, Live<TasksMsg>>,
    /// The sandboxes' supervisor of the moment; replaced when it is restarted.
    pub sandbox_supervisor: RwLock<Option<Live<SandboxesMsg>>>,
    /// The live actor tree.
    pub inspect: Arc<Inspect>,
}

/// Whom a lease concerns: a report under it counts only from that sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaseholder {
    pub task: TaskId,
    pub sandbox: SandboxId,
}

impl Core {
    /// Notes the lease that the task holds, if any.
    pub fn follow_lease(&self, task: &Task) {
        if let (Some(lease), Some(sandbox)) = (task.lease_id, task.sandbox_id) {
            self.leases.insert(lease, Leaseholder { task: task.id, sandbox });
        }
    }

    /// Shards this node holds.
    #[must_use]
    pub fn shards(&self) -> Vec<i16> {
        self.held.borrow().iter().map(|held| held.shard).collect()
    }

    /// The sandboxes' supervisor, looked up on every use: a restarted one is a new actor.
    #[must_use]
    pub fn sandbox_supervisor(&self) -> Option<Live<SandboxesMsg>> {
        self.sandbox_supervisor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_sandbox_supervisor(&self, actor: Live<SandboxesMsg>) {
        *self.sandbox_supervisor.write().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }
}
