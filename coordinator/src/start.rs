//! Puts a coordinator together and takes it down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::clock::WallClock;
use protocol::ids::NodeId;
use ractor::{Actor, ActorRef};
use store::bus::Bus;
use store::files::Files;
use store::{Store, StoreError};
use tokio::sync::watch;
use tracing::info;

use crate::cluster::View;
use crate::cluster::owner::{self, Owner, OwnerArgs, OwnerMsg};
use crate::core::{Core, Settings};
use crate::dispatch::actor::Dispatcher;
use crate::inspect::watchdog::Watchdog;
use crate::listener::{self, Listener};
use crate::pki::{Authority, EndpointSecrets};
use crate::resume_work::{ResumeWork, Resumes, ResumesArgs};
use crate::retention::Retention;
use crate::revocations::Revocations;
use crate::router::{Router, RouterArgs};
use crate::sandbox::supervisor::SandboxSupervisor;
use crate::sessions::CoreSessions;
use crate::supervise::{ChildSpec, Root, RootArgs, RootMsg};
use crate::task::handle::Tasks;
use crate::task::supervisor::{FAMILIES, TaskSupervisor, TasksArgs};
use crate::wakes::Wakes;

/// What a coordinator is started with.
pub struct Config {
    /// Who this coordinator is, in this life and later ones. No two that run at a time may be the same.
    pub node: NodeId,
    /// Where other coordinators and gateways reach it.
    pub address: String,
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

/// For handing over; the others take what is left once this node's row is old.
const LEAVE_PATIENCE: Duration = Duration::from_secs(3);

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
    core: Arc<Core>,
    listener: Listener,
    root: ActorRef<RootMsg>,
    ended: tokio::task::JoinHandle<()>,
}

/// Starts everything, in the order in which one part needs the other.
///
/// # Errors
/// When the database does not answer, the address is taken, or an actor does not start.
pub async fn start(config: Config) -> Result<Coordinator, StartError> {
    let core = Core::new(config.node, config.store, config.files, config.bus, config.settings, config.secrets.seal());
    owner::begin(&core, &config.address).await?;
    let (node, shards) = (core.node, core.held.borrow().len());
    info!(node.id = %node, shards, "coordinator {node} holds {shards} shards");
    publish_authority(&core.store, &config.authority).await?;
    let args = RootArgs { children: children(&core, config.address), inspect: Arc::clone(&core.inspect) };
    let (root, ended) = Actor::spawn(None, Root, args).await?;
    // The listener comes last: an agent that says hello finds everything in place.
    let sessions = Arc::new(CoreSessions::new(Arc::clone(&core)));
    let listener = Listener::start(
        listener::Config {
            addresses: vec![config.quic],
            authority: config.authority,
            names: config.server_names,
            secrets: config.secrets,
            limits: listener::Limits::default(),
            clock: WallClock::default(),
        },
        sessions,
    )?;
    Ok(Coordinator { core, listener, root, ended })
}

/// Gateways put it into the tokens they make.
async fn publish_authority(store: &Store, authority: &Authority) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    store::fleet::publish_authority(&mut tx, &authority.fingerprint()).await?;
    store::db::commit(tx, "publishing the authority").await
}

/// A child that needs nothing but the core.
fn of_core<A: Actor<Arguments = Arc<Core>>>(name: &'static str, core: &Arc<Core>, actor: fn() -> A) -> ChildSpec {
    let at = Arc::clone(core);
    ChildSpec {
        name,
        start: Box::new(move |root| {
            let core = Arc::clone(&at);
            Box::pin(async move { Ok(A::spawn_linked(None, actor(), core, root).await?.0.get_cell()) })
        }),
    }
}

fn children(core: &Arc<Core>, address: String) -> Vec<ChildSpec> {
    let mut children = Vec::new();
    let at = Arc::clone(core);
    children.push(ChildSpec {
        name: "owner",
        start: Box::new(move |root| {
            let args = OwnerArgs { core: Arc::clone(&at), address: address.clone() };
            Box::pin(async move { Ok(Owner::spawn_linked(None, Owner, args, root).await?.0.get_cell()) })
        }),
    });
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
    children.push(of_core("sandboxes", core, || SandboxSupervisor));
    let (work, queue) = ResumeWork::new();
    let (at, resume_work) = (Arc::clone(core), work.clone());
    children.push(ChildSpec {
        name: "resumes",
        start: Box::new(move |root| {
            let args = ResumesArgs { core: Arc::clone(&at), work: resume_work.clone(), queue: queue.clone() };
            Box::pin(async move { Ok(Resumes::spawn_linked(None, Resumes, args, root).await?.0.get_cell()) })
        }),
    });
    children.push(of_core("dispatcher", core, || Dispatcher));
    children.push(of_core("wakes", core, || Wakes));
    children.push(of_core("revocations", core, || Revocations));
    children.push(of_core("retention", core, || Retention));
    let at = Arc::clone(core);
    children.push(ChildSpec {
        name: "router",
        start: Box::new(move |root| {
            let args = RouterArgs { core: Arc::clone(&at), resumes: work.clone() };
            Box::pin(async move { Ok(Router::spawn_linked(None, Router, args, root).await?.0.get_cell()) })
        }),
    });
    children.push(of_core("watchdog", core, || Watchdog));
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

    /// Speaks to tasks as the parts of this coordinator do; for benchmarks.
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        Tasks::new(Arc::clone(&self.core))
    }

    /// The living coordinators, this one among them; told whenever they were looked at.
    #[must_use]
    pub fn nodes(&self) -> watch::Receiver<Arc<View>> {
        self.core.cluster.watch()
    }

    /// Stops: agents are told, what is owned is handed over, actors end. What is not done is in the rows.
    pub async fn stop(self) {
        self.listener.close().await;
        if let Some(owner) = self.core.owner() {
            let _ = owner.call(OwnerMsg::Leave, Some(LEAVE_PATIENCE)).await;
        }
        self.root.stop(Some("the coordinator stops".to_owned()));
        let _ = self.ended.await;
    }
}
