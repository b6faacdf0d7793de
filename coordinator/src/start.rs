//! Puts a coordinator together and takes it down.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

use dashmap::DashMap;
use protocol::ids::NodeId;
use ractor::{Actor, ActorRef};
use store::Store;
use store::bus::Bus;
use store::files::Files;
use tokio::sync::{Notify, watch};
use tracing::info;

use crate::core::{Core, Settings};
use crate::dispatch::actor::Dispatcher;
use crate::inspect::Inspect;
use crate::inspect::watchdog::Watchdog;
use crate::journal::Journal;
use crate::listener::{self, Listener};
use crate::pki::{Authority, EndpointSecrets};
use crate::resume_work::{ResumeWork, Resumes, ResumesArgs};
use crate::router::{Router, RouterArgs};
use crate::sandbox::supervisor::SandboxSupervisor;
use crate::sessions::CoreSessions;
use crate::supervise::{ChildSpec, Root, RootArgs, RootMsg};
use crate::task::supervisor::{FAMILIES, TaskSupervisor, TasksArgs};
use crate::wakes::Wakes;

/// What a coordinator is started with.
pub struct Config {
    pub store: Store,
    pub files: Files,
    pub bus: Bus,
    pub settings: Settings,
    /// Where agents connect.
    pub quic: SocketAddr,
    pub authority: Arc<Authority>,
    pub secrets: EndpointSecrets,
    /// Names agents may know this coordinator by, beside the built-in one.
    pub server_names: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error("the listener for agents could not be opened")]
    Listener(#[from] listener::Error),
    #[error("an actor could not be started")]
    Actor(#[from] ractor::SpawnErr),
}

/// A running coordinator.
pub struct Coordinator {
    listener: Listener,
    root: ActorRef<RootMsg>,
    ended: tokio::task::JoinHandle<()>,
}

/// Starts everything, in the order in which one part needs the other.
///
/// # Errors
/// When the database does not answer, the address is taken, or an actor does not start.
pub async fn start(config: Config) -> Result<Coordinator, StartError> {
    let node = NodeId::new();
    let mut tx = config.store.begin().await?;
    let held = store::shards::take_all(&mut tx, node, &config.quic.to_string()).await?;
    store::agents::close_all_sessions(&mut tx).await?;
    store::db::commit(tx, "taking the shards").await?;
    info!(node.id = %node, shards = held.len(), "coordinator {node} holds {} shards", held.len());

    let (held, holds) = watch::channel(Arc::new(held));
    let inspect = Arc::new(Inspect::new(node));
    let committing = inspect.mailbox(crate::inspect::JOURNAL);
    let (journal, _) = Journal::start(config.store.clone(), config.bus.clone(), holds, committing);
    let core = Arc::new(Core {
        node,
        store: config.store,
        files: config.files,
        bus: config.bus,
        journal,
        settings: config.settings,
        held,
        tasks: DashMap::new(),
        leases: DashMap::new(),
        sandboxes: DashMap::new(),
        dispatch: Notify::new(),
        task_supervisors: DashMap::new(),
        sandbox_supervisor: RwLock::new(None),
        inspect: Arc::clone(&inspect),
    });
    let (root, ended) = Actor::spawn(None, Root, RootArgs { children: children(&core), inspect }).await?;
    // The listener comes last: an agent that says hello finds everything in place.
    let sessions = Arc::new(CoreSessions::new(Arc::clone(&core)));
    let listener = Listener::start(
        listener::Config {
            addresses: vec![config.quic],
            authority: config.authority,
            names: config.server_names,
            secrets: config.secrets,
            limits: listener::Limits::default(),
        },
        sessions,
    )?;
    Ok(Coordinator { listener, root, ended })
}

fn children(core: &Arc<Core>) -> Vec<ChildSpec> {
    let mut children = Vec::new();
    for family in 0..FAMILIES {
        let core = Arc::clone(core);
        children.push(ChildSpec {
            name: "tasks",
            start: Box::new(move |root| {
                let core = Arc::clone(&core);
                Box::pin(async move {
                    let (actor, _) =
                        TaskSupervisor::spawn_linked(None, TaskSupervisor, TasksArgs { core, family }, root).await?;
                    Ok(actor.get_cell())
                })
            }),
        });
    }
    let at = Arc::clone(core);
    children.push(ChildSpec {
        name: "sandboxes",
        start: Box::new(move |root| {
            let core = Arc::clone(&at);
            Box::pin(async move {
                let (actor, _) = SandboxSupervisor::spawn_linked(None, SandboxSupervisor, core, root).await?;
                Ok(actor.get_cell())
            })
        }),
    });
    let (work, queue) = ResumeWork::new();
    let (at, resume_work) = (Arc::clone(core), work.clone());
    children.push(ChildSpec {
        name: "resumes",
        start: Box::new(move |root| {
            let args = ResumesArgs { core: Arc::clone(&at), work: resume_work.clone(), queue: queue.clone() };
            Box::pin(async move { Ok(Resumes::spawn_linked(None, Resumes, args, root).await?.0.get_cell()) })
        }),
    });
    let at = Arc::clone(core);
    children.push(ChildSpec {
        name: "dispatcher",
        start: Box::new(move |root| {
            let core = Arc::clone(&at);
            Box::pin(async move { Ok(Dispatcher::spawn_linked(None, Dispatcher, core, root).await?.0.get_cell()) })
        }),
    });
    let at = Arc::clone(core);
    children.push(ChildSpec {
        name: "wakes",
        start: Box::new(move |root| {
            let core = Arc::clone(&at);
            Box::pin(async move { Ok(Wakes::spawn_linked(None, Wakes, core, root).await?.0.get_cell()) })
        }),
    });
    let at = Arc::clone(core);
    children.push(ChildSpec {
        name: "router",
        start: Box::new(move |root| {
            let args = RouterArgs { core: Arc::clone(&at), resumes: work.clone() };
            Box::pin(async move { Ok(Router::spawn_linked(None, Router, args, root).await?.0.get_cell()) })
        }),
    });
    let at = Arc::clone(core);
    children.push(ChildSpec {
        name: "watchdog",
        start: Box::new(move |root| {
            let core = Arc::clone(&at);
            Box::pin(async move { Ok(Watchdog::spawn_linked(None, Watchdog, core, root).await?.0.get_cell()) })
        }),
    });
    children
}

impl Coordinator {
    /// The address agents connect to.
    #[must_use]
    pub fn quic(&self) -> SocketAddr {
        self.listener.addresses()[0]
    }

    /// Resolves when the coordinator gave up: its infrastructure kept failing.
    pub async fn ended(&mut self) {
        let _ = (&mut self.ended).await;
    }

    /// Stops: agents are told, actors end. What is not done is in the rows.
    pub async fn stop(self) {
        self.listener.close().await;
        self.root.stop(Some("the coordinator stops".to_owned()));
        let _ = self.ended.await;
    }
}
