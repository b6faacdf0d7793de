//! Starts an actor per sandbox: at a hello, for each that holds leases and has no session, and for each whose row shows a
//! session here that nobody holds.
//!
//! Children: [`super::actor::SandboxActor`]. One that crashes is not restarted from memory: its session is closed, the
//! agent says hello again within a second, and the new actor reconciles with the rows. If it does not, the actor takes
//! the session out of its row.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::SandboxId;
use protocol::inspect::What;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use ractor_cluster::RactorMessage;
use store::shards::shard_of_id;
use tracing::{error, warn};

use super::actor::{SandboxActor, SandboxArgs};
use crate::core::{Core, LiveSandbox};
use crate::inspect::{SANDBOXES, steer, tree};
use crate::supervise::{Letter, Live, Mailbox, Past, redacted};

/// Spawning is in memory only.
const ACTIVATE_TIMEOUT: Duration = Duration::from_secs(2);
/// Between looks for leases that nobody looks after.
const RECOVER_EVERY: Duration = Duration::from_secs(2);
/// Looks between those at this node's own rows: thousands of them, and one without a session comes of a crash only.
const LOOKS_PER_OWN: u32 = 5;

#[derive(Debug, RactorMessage)]
pub enum SandboxesMsg {
    Activate(SandboxId, RpcReplyPort<LiveSandbox>),
    /// Sandboxes that hold leases and have no session anywhere get their actor, at the owner of the shard their id
    /// hashes to: if their agents do not come back, the leases end. So do those whose rows wrongly show a session here.
    Recover,
    /// An admin wants the sandbox's actor restarted; answered once it runs again.
    Restart(SandboxId, RpcReplyPort<()>),
    /// Asks nothing; see [`crate::inspect::watchdog`].
    Probe,
}

impl Letter for SandboxesMsg {
    /// Hellos of a whole fleet that reconnects; each is answered from memory.
    const WAITING_MAX: usize = 20_000;

    fn kind(&self) -> &'static str {
        match self {
            Self::Activate(..) => "activate",
            Self::Recover => "recover",
            Self::Restart(..) => "restart",
            Self::Probe => "probe",
        }
    }

    fn counted(&self) -> bool {
        !matches!(self, Self::Recover)
    }
}

pub struct SandboxesState {
    core: Arc<Core>,
    mailbox: Arc<Mailbox>,
    pasts: HashMap<SandboxId, Past>,
    /// Who waits for a restart that was asked for.
    asked: HashMap<SandboxId, Vec<RpcReplyPort<()>>>,
    /// Looks since the last one at this node's own rows.
    looks: u32,
}

pub struct SandboxSupervisor;

impl Actor for SandboxSupervisor {
    type Msg = SandboxesMsg;
    type State = SandboxesState;
    type Arguments = Arc<Core>;

    async fn pre_start(
        &self,
        me: ActorRef<SandboxesMsg>,
        core: Arc<Core>,
    ) -> Result<SandboxesState, ActorProcessingErr> {
        // The children of an earlier supervisor ended with it.
        core.sandboxes.clear();
        me.cast(SandboxesMsg::Recover)?;
        let mailbox = core.inspect.mailbox(SANDBOXES);
        core.set_sandbox_supervisor(Live { actor: me, mailbox: Arc::clone(&mailbox) });
        Ok(SandboxesState { core, mailbox, pasts: HashMap::new(), asked: HashMap::new(), looks: 0 })
    }

    async fn handle(
        &self,
        me: ActorRef<SandboxesMsg>,
        message: SandboxesMsg,
        state: &mut SandboxesState,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.mailbox.handling(message.kind(), message.counted());
        let core = Arc::clone(&state.core);
        let (sandbox, reply) = match message {
            SandboxesMsg::Activate(sandbox, reply) => (sandbox, reply),
            SandboxesMsg::Recover => {
                state.looks = (state.looks + 1) % LOOKS_PER_OWN;
                match store::db::in_time("looking for leases left alone", left_alone(&core, state.looks == 0)).await {
                    Ok(alone) => {
                        for sandbox in alone {
                            if !core.sandboxes.contains_key(&sandbox) {
                                state.start(&me, sandbox).await?;
                            }
                        }
                    }
                    Err(error) => warn!(%error, "leases could not be read; trying again"),
                }
                me.send_after(RECOVER_EVERY, || SandboxesMsg::Recover);
                return Ok(());
            }
            SandboxesMsg::Restart(sandbox, reply) => {
                if let Some(live) = core.sandboxes.get(&sandbox) {
                    state.asked.entry(sandbox).or_default().push(reply);
                    tokio::spawn(steer::end(live.actor.get_cell()));
                }
                return Ok(());
            }
            SandboxesMsg::Probe => {
                state.mailbox.probed();
                return Ok(());
            }
        };
        let known = core.sandboxes.get(&sandbox).map(|actor| actor.clone());
        let actor = match known {
            Some(actor) => actor,
            None => state.start(&me, sandbox).await?,
        };
        let _ = reply.send(actor);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<SandboxesMsg>,
        event: SupervisionEvent,
        state: &mut SandboxesState,
    ) -> Result<(), ActorProcessingErr> {
        let core = Arc::clone(&state.core);
        let (gone, why) = match event {
            SupervisionEvent::ActorTerminated(child, ..) => (child.get_id(), None),
            SupervisionEvent::ActorFailed(child, error) => {
                metrics::counter!("valet_actor_restarts_total", "actor" => "sandbox").increment(1);
                error!(%error, "a sandbox's actor crashed; its agent will say hello again");
                (child.get_id(), Some(redacted(&error)))
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => return Ok(()),
        };
        let sandbox = core.sandboxes.iter().find(|entry| entry.value().get_id() == gone).map(|entry| *entry.key());
        if let Some(sandbox) = sandbox {
            core.sandboxes.remove(&sandbox);
            state.pasts.entry(sandbox).or_default().again(why.as_deref());
            // Its leases still count: without an actor nobody would notice that the agent stays away.
            // One that ended by itself has nothing left to watch over; one that was restarted is wanted again.
            if why.is_some() || state.asked.contains_key(&sandbox) {
                state.start(&me, sandbox).await?;
            } else {
                state.pasts.remove(&sandbox);
                core.inspect.note(&tree::sandbox(sandbox), What::Stopped, "ended");
            }
        }
        Ok(())
    }
}

/// Sandboxes that are this node's to look after; with `own`, also those whose rows show a session here.
async fn left_alone(core: &Core, own: bool) -> Result<Vec<SandboxId>, store::StoreError> {
    let mut tx = core.store.begin().await?;
    let mut alone = store::tasks::sandboxes_left_alone(&mut tx).await?;
    alone.retain(|sandbox| core.epoch(shard_of_id(sandbox.0)).is_some());
    if own {
        let mut rows = store::agents::connected_to(&mut tx, core.node).await?;
        rows.retain(|sandbox| !core.sessions.contains_key(sandbox));
        alone.extend(rows);
    }
    Ok(alone)
}

impl SandboxesState {
    async fn start(
        &mut self,
        me: &ActorRef<SandboxesMsg>,
        sandbox: SandboxId,
    ) -> Result<LiveSandbox, ActorProcessingErr> {
        let past = self.pasts.get(&sandbox).cloned().unwrap_or_default();
        let what = if past.restarts > 0 { What::Restarted } else { What::Started };
        let mailbox = Arc::new(Mailbox::new(past));
        let args = SandboxArgs { core: Arc::clone(&self.core), id: sandbox, mailbox: Arc::clone(&mailbox) };
        let (actor, _) = SandboxActor::spawn_linked(None, SandboxActor, args, me.get_cell()).await?;
        let live = LiveSandbox { actor, mailbox };
        self.core.sandboxes.insert(sandbox, live.clone());
        self.core.inspect.note(&tree::sandbox(sandbox), what, "disconnected");
        for asked in self.asked.remove(&sandbox).into_iter().flatten() {
            let _ = asked.send(());
        }
        Ok(live)
    }
}

/// The sandbox's actor, started when there is none. `None` when the supervisor does not answer.
pub async fn activate(supervisor: &Live<SandboxesMsg>, sandbox: SandboxId) -> Option<LiveSandbox> {
    match supervisor.call(|reply| SandboxesMsg::Activate(sandbox, reply), Some(ACTIVATE_TIMEOUT)).await {
        Ok(CallResult::Success(actor)) => Some(actor),
        _ => None,
    }
}
