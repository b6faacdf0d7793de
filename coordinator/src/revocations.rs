//! Cuts the sessions of revoked sandboxes: within a second of the revocation, whoever made it.
//!
//! Told by the database (NOTIFY), and looks by itself each second, because a word may be lost with its connection. The
//! row is what counts. Talks to: sandbox actors with a session at this node.

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::SandboxId;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use tokio::task::AbortHandle;
use tracing::warn;

use crate::core::Core;
use crate::sandbox::actor::SandboxMsg;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between attempts to listen: looking goes on meanwhile.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, RactorMessage)]
pub enum RevocationsMsg {
    /// The time has come, or somebody said so.
    Look,
}

pub struct Revocations;

pub struct RevocationsState {
    core: Arc<Core>,
    listening: AbortHandle,
}

impl Drop for RevocationsState {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Actor for Revocations {
    type Msg = RevocationsMsg;
    type State = RevocationsState;
    type Arguments = Arc<Core>;

    async fn pre_start(
        &self,
        me: ActorRef<RevocationsMsg>,
        core: Arc<Core>,
    ) -> Result<RevocationsState, ActorProcessingErr> {
        me.send_interval(LOOK_EVERY, || RevocationsMsg::Look);
        let listening = tokio::spawn(listen(Arc::clone(&core), me)).abort_handle();
        Ok(RevocationsState { core, listening })
    }

    async fn handle(
        &self,
        _: ActorRef<RevocationsMsg>,
        RevocationsMsg::Look: RevocationsMsg,
        state: &mut RevocationsState,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.core.inspect.handling("revocations", "look");
        if let Err(error) = look(&state.core).await {
            warn!(%error, "revoked sandboxes could not be read; the next look does");
        }
        Ok(())
    }
}

async fn listen(core: Arc<Core>, me: ActorRef<RevocationsMsg>) {
    loop {
        let tell = || me.cast(RevocationsMsg::Look).is_ok();
        if let Err(error) = core.store.listen(store::agents::REVOKED, tell).await {
            warn!(%error, "revocations are not listened to for a moment; they are looked for each second");
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn look(core: &Core) -> Result<(), store::StoreError> {
    let revoked = store::db::in_time("looking for revoked sandboxes", async {
        let mut tx = core.store.begin().await?;
        store::agents::to_cut(&mut tx, core.node).await
    })
    .await?;
    for sandbox in revoked {
        match core.sandboxes.get(&sandbox).map(|actor| actor.cast(SandboxMsg::Revoked)) {
            // Behind a hello that may be under way.
            Some(Ok(())) => {}
            Some(Err(error)) => warn!(sandbox.id = %sandbox, %error, "a sandbox was not told; the next look does"),
            None => close_row(core, sandbox).await?,
        }
    }
    Ok(())
}

/// The row speaks of a session that nobody here has.
pub async fn close_row(core: &Core, sandbox: SandboxId) -> Result<(), store::StoreError> {
    let doing = "closing a session that nobody has";
    store::db::in_time(doing, async {
        let mut tx = core.store.begin().await?;
        store::agents::close_left(&mut tx, core.node, sandbox).await?;
        store::db::commit(tx, doing).await
    })
    .await
}
