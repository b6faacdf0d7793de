//! What every actor of this coordinator shares: the journal, the registries of live actors and the settings.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;
use protocol::ids::{LeaseId, NodeId, SandboxId, TaskId};
use ractor::ActorRef;
use store::Store;
use store::bus::Bus;
use store::files::Files;
use store::shards::Held;
use store::tasks::TaskAt;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::cluster::owner::{OwnerMsg, other_dispatcher};
use crate::cluster::peers::{self, Note, Seal};
use crate::ec2;
use crate::inspect::Inspect;
use crate::journal::Journal;
use crate::sandbox::actor::SandboxMsg;
use crate::sandbox::rows::Rows;
use crate::sandbox::supervisor::SandboxesMsg;
use crate::supervise::Live;
use crate::task::messages::TaskMsg;
use crate::task::supervisor::TasksMsg;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port` or `host` entries that browsers may open although they are private addresses.
    pub allowed_private_hosts: Vec<String>,
    /// The program whose `resume-child` subcommand reads resumes, apart from this process.
    pub resume_child: PathBuf,
    /// Which EC2 instances enrol with their identity documents; none without.
    pub ec2: Option<ec2::Trust>,
}

/// A task's actor, with the shard it belongs to.
#[derive(Debug, Clone)]
pub struct LiveTask {
    pub live: Live<TaskMsg>,
    pub shard: i16,
}

impl std::ops::Deref for LiveTask {
    type Target = Live<TaskMsg>;

    fn deref(&self) -> &Live<TaskMsg> {
        &self.live
    }
}

pub type LiveSandbox = Live<SandboxMsg>;

/// Shared by all actors of the node.
#[derive(Debug)]
pub struct Core {
    pub node: NodeId,
    pub store: Store,
    pub files: Files,
    pub bus: Bus,
    pub journal: Journal,
    /// Writes what agents say of themselves.
    pub rows: Rows,
    pub settings: Settings,
    pub held: watch::Sender<Arc<Vec<Held>>>,
    pub cluster: Cluster,
    /// What time it is, for everything that is written down.
    pub clock: Clock,
    /// Marks what this coordinator says to others.
    pub seal: Seal,
    /// Tasks with an actor in memory.
    pub tasks: DashMap<TaskId, LiveTask>,
    /// Which task a lease of this node's sandboxes belongs to, for reports on the way in.
    pub leases: DashMap<LeaseId, Leaseholder>,
    pub sandboxes: DashMap<SandboxId, LiveSandbox>,
    /// Sandboxes that have their session with this node, and its epoch.
    pub sessions: DashMap<SandboxId, i64>,
    /// Rung when a task began to wait for a place or a place became free.
    pub dispatch: Notify,
    /// The tasks' supervisors, set once they run; a task belongs to the one its id hashes to.
    pub task_supervisors: DashMap<usize, Live<TasksMsg>>,
    /// The sandboxes' supervisor of the moment; replaced when it is restarted.
    pub sandbox_supervisor: RwLock<Option<Live<SandboxesMsg>>>,
    /// The live actor tree.
    pub inspect: Arc<Inspect>,
    /// The actor that holds this node's shards; replaced when it is restarted.
    pub owner: RwLock<Option<ActorRef<OwnerMsg>>>,
}

/// Whom a lease concerns: a report under it counts only from that sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaseholder {
    pub task: TaskAt,
    pub sandbox: SandboxId,
}

impl Core {
    /// A node that holds nothing yet.
    #[must_use]
    pub fn new(node: NodeId, store: Store, files: Files, bus: Bus, settings: Settings, seal: Seal) -> Arc<Self> {
        let (held, holds) = watch::channel(Arc::default());
        let inspect = Arc::new(Inspect::new(node));
        let committing = inspect.mailbox(crate::inspect::JOURNAL);
        let journal = Journal::start(&store, &bus, &holds, committing);
        let rows = Rows::start(&store, node);
        Arc::new(Self {
            node,
            store,
            files,
            bus,
            journal,
            rows,
            settings,
            held,
            cluster: Cluster::default(),
            clock: Clock::default(),
            seal,
            tasks: DashMap::new(),
            leases: DashMap::new(),
            sandboxes: DashMap::new(),
            sessions: DashMap::new(),
            dispatch: Notify::new(),
            task_supervisors: DashMap::new(),
            sandbox_supervisor: RwLock::new(None),
            owner: RwLock::new(None),
            inspect,
        })
    }

    /// The epoch under which this node holds a shard.
    #[must_use]
    pub fn epoch(&self, shard: i16) -> Option<i64> {
        self.held.borrow().iter().find(|held| held.shard == shard).map(|held| held.epoch)
    }

    /// A task waits for a place, or a place became free.
    pub fn ring(&self) {
        match other_dispatcher(self) {
            Some(node) => peers::tell(self, node, &Note::Dispatch),
            None => self.dispatch.notify_one(),
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

    /// Looked up on every use, for the same reason.
    #[must_use]
    pub fn owner(&self) -> Option<ActorRef<OwnerMsg>> {
        self.owner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_owner(&self, actor: ActorRef<OwnerMsg>) {
        *self.owner.write().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }

    pub fn set_sandbox_supervisor(&self, actor: Live<SandboxesMsg>) {
        *self.sandbox_supervisor.write().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }
}
