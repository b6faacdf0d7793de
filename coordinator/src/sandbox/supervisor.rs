//! Starts an actor per sandbox: at a hello, and for each that holds leases and has no session.
//!
//! Children: [`super::actor::SandboxActor`]. One that crashes is not restarted from memory: its session is closed, the
//! agent says hello again within a second, and the new actor reconciles with the rows.

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::SandboxId;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use ractor_cluster::RactorMessage;
use store::shards::shard_of_id;
use tracing::{error, warn};

use super::actor::{SandboxActor, SandboxArgs, SandboxMsg};
use crate::core::Core;

/// Spawning is in memory only.
const ACTIVATE_TIMEOUT: Duration = Duration::from_secs(2);
/// Between looks for leases that nobody looks after.
const RECOVER_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, RactorMessage)]
pub enum SandboxesMsg {
    Activate(SandboxId, RpcReplyPort<ActorRef<SandboxMsg>>),
    /// Sandboxes that hold leases and have no session anywhere get their actor, at the owner of the shard their id
    /// hashes to: if their agents do not come back, the leases end.
    Recover,
}

pub struct SandboxSupervisor;

impl Actor for SandboxSupervisor {
    type Msg = SandboxesMsg;
    type State = Arc<Core>;
    type Arguments = Arc<Core>;

    async fn pre_start(&self, me: ActorRef<SandboxesMsg>, core: Arc<Core>) -> Result<Arc<Core>, ActorProcessingErr> {
        // The children of an earlier supervisor ended with it.
        core.sandboxes.clear();
        me.cast(SandboxesMsg::Recover)?;
        Ok(core)
    }

    async fn handle(
        &self,
        me: ActorRef<SandboxesMsg>,
        message: SandboxesMsg,
        core: &mut Arc<Core>,
    ) -> Result<(), ActorProcessingErr> {
        let (sandbox, reply) = match message {
            SandboxesMsg::Activate(sandbox, reply) => (sandbox, reply),
            SandboxesMsg::Recover => {
                match left_alone(core).await {
                    Ok(known) => {
                        let ours = |sandbox: &SandboxId| core.epoch(shard_of_id(sandbox.0)).is_some();
                        for sandbox in known.into_iter().filter(ours) {
                            if !core.sandboxes.contains_key(&sandbox) {
                                start(&me, core, sandbox).await?;
                            }
                        }
                    }
                    Err(error) => warn!(%error, "leases could not be read; trying again"),
                }
                me.send_after(RECOVER_EVERY, || SandboxesMsg::Recover);
                return Ok(());
            }
        };
        let known = core.sandboxes.get(&sandbox).map(|actor| actor.clone());
        let actor = match known {
            Some(actor) => actor,
            None => start(&me, core, sandbox).await?,
        };
        let _ = reply.send(actor);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<SandboxesMsg>,
        event: SupervisionEvent,
        core: &mut Arc<Core>,
    ) -> Result<(), ActorProcessingErr> {
        let (gone, crashed) = match event {
            SupervisionEvent::ActorTerminated(child, ..) => (child.get_id(), false),
            SupervisionEvent::ActorFailed(child, error) => {
                metrics::counter!("valet_actor_restarts_total", "actor" => "sandbox").increment(1);
                error!(%error, "a sandbox's actor crashed; its agent will say hello again");
                (child.get_id(), true)
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => return Ok(()),
        };
        let sandbox = core.sandboxes.iter().find(|entry| entry.value().get_id() == gone).map(|entry| *entry.key());
        if let Some(sandbox) = sandbox {
            core.sandboxes.remove(&sandbox);
            // Its leases still count: without an actor nobody would notice that the agent stays away.
            if crashed {
                start(&me, core, sandbox).await?;
            }
        }
        Ok(())
    }
}

async fn left_alone(core: &Core) -> Result<Vec<SandboxId>, store::StoreError> {
    let mut tx = core.store.begin().await?;
    store::tasks::sandboxes_left_alone(&mut tx).await
}

async fn start(
    me: &ActorRef<SandboxesMsg>,
    core: &Arc<Core>,
    sandbox: SandboxId,
) -> Result<ActorRef<SandboxMsg>, ActorProcessingErr> {
    let args = SandboxArgs { core: Arc::clone(core), id: sandbox };
    let (actor, _) = SandboxActor::spawn_linked(None, SandboxActor, args, me.get_cell()).await?;
    core.sandboxes.insert(sandbox, actor.clone());
    Ok(actor)
}

/// The sandbox's actor, started when there is none. `None` when the supervisor does not answer.
pub async fn activate(supervisor: &ActorRef<SandboxesMsg>, sandbox: SandboxId) -> Option<ActorRef<SandboxMsg>> {
    match supervisor.call(|reply| SandboxesMsg::Activate(sandbox, reply), Some(ACTIVATE_TIMEOUT)).await {
        Ok(CallResult::Success(actor)) => Some(actor),
        _ => None,
    }
}
