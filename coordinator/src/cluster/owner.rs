//! Renews this node's row each second, takes and gives shards as nodes come and go, and notices when the database has failed
//! over.
//!
//! Talks to: the store (nodes, shards, roles), the task actors of shards that go elsewhere (they end), the other nodes
//! (told when shards were given). A pass that fails leaves the standing to run out: effects wait, and the next pass
//! says what is still held.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::NodeId;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::RactorMessage;
use store::StoreError;
use store::nodes::{self, MAY_ACT, Node};
use store::shards::{self, Held, Shard};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::View;
use super::peers::{self, Note};
use super::share::share;
use crate::core::Core;
use crate::sandbox::actor::SandboxMsg;

const PASS_EVERY: Duration = Duration::from_secs(1);
/// After a pass that failed: the standing runs out in little more than two passes.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// One pass: a few statements on small tables. Beyond it the standing would run out anyway.
const PASS_TIMEOUT: Duration = Duration::from_secs(2);
/// For task actors to finish what they have in hand when their shard goes elsewhere. One that is slower is fenced off.
const HAND_OVER_PATIENCE: Duration = Duration::from_millis(800);
const HAND_OVER_POLL: Duration = Duration::from_millis(5);

#[derive(Debug, RactorMessage)]
pub enum OwnerMsg {
    /// The timer.
    Tick,
    /// Another node gave shards: look now.
    Look,
    /// Hand everything over; replies when that is done.
    Leave(RpcReplyPort<()>),
}

pub struct Owner;

pub struct OwnerArgs {
    pub core: Arc<Core>,
    /// Where other nodes reach this one.
    pub address: String,
}

pub struct OwnerState {
    core: Arc<Core>,
    me: Node,
    failing: bool,
    /// Of the database, as last read.
    timeline: Option<String>,
}

impl Actor for Owner {
    type Msg = OwnerMsg;
    type State = OwnerState;
    type Arguments = OwnerArgs;

    async fn pre_start(&self, me: ActorRef<OwnerMsg>, args: OwnerArgs) -> Result<OwnerState, ActorProcessingErr> {
        args.core.set_owner(me.clone());
        me.cast(OwnerMsg::Tick)?;
        let node = Node { id: args.core.node, address: args.address, leaving: false };
        Ok(OwnerState { core: args.core, me: node, failing: false, timeline: None })
    }

    async fn handle(
        &self,
        me: ActorRef<OwnerMsg>,
        message: OwnerMsg,
        state: &mut OwnerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            OwnerMsg::Tick => {
                let again = state.pass().await;
                me.send_after(again, || OwnerMsg::Tick);
            }
            OwnerMsg::Look => {
                state.pass().await;
            }
            OwnerMsg::Leave(reply) => {
                state.me.leaving = true;
                state.pass().await;
                let core = Arc::clone(&state.core);
                if let Err(error) = leave(&core).await {
                    warn!(%error, "the node's shards were not given away; the others take them when its row is old");
                }
                peers::tell_all(&core, &Note::Look);
                let _ = reply.send(());
            }
        }
        Ok(())
    }
}

/// Takes again what an earlier life of this node held, then its share. Run once, before any actor.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(core: &Arc<Core>, address: &str) -> Result<(), StoreError> {
    let me = Node { id: core.node, address: address.to_owned(), leaving: false };
    let mut tx = core.store.begin().await?;
    nodes::renew(&mut tx, &me).await?;
    shards::retake(&mut tx, core.node).await?;
    store::agents::close_sessions_of(&mut tx, core.node).await?;
    store::db::commit(tx, "beginning a node's life").await?;
    renew(core, &me).await
}

async fn leave(core: &Core) -> Result<(), StoreError> {
    let mut tx = core.store.begin().await?;
    nodes::give_roles(&mut tx, core.node).await?;
    nodes::remove(&mut tx, core.node).await?;
    store::db::commit(tx, "leaving").await
}

impl OwnerState {
    /// One pass; returns when the next is due.
    async fn pass(&mut self) -> Duration {
        let result = tokio::time::timeout(PASS_TIMEOUT, renew(&self.core, &self.me)).await;
        let error = match result {
            Ok(Ok(())) => {
                if std::mem::take(&mut self.failing) {
                    info!("this node's standing is renewed again");
                }
                let look = look_for_failover(&self.core, &mut self.timeline);
                if !matches!(tokio::time::timeout(PASS_TIMEOUT, look).await, Ok(Ok(()))) {
                    debug!("the database's timeline could not be read; the next pass does");
                }
                return PASS_EVERY;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if !std::mem::replace(&mut self.failing, true) {
            warn!(%error, "this node's standing could not be renewed; trying again");
        }
        RETRY_AFTER
    }
}

/// Renews, reads who is there, gives what is others' and takes what is ours.
pub(crate) async fn renew(core: &Arc<Core>, me: &Node) -> Result<(), StoreError> {
    let asked = Instant::now();
    let mut tx = core.store.begin().await?;
    let began = Instant::now();
    let time = nodes::renew(&mut tx, me).await?;
    core.clock.set(time, began, Instant::now());
    let live = nodes::live(&mut tx).await?;
    let rows = shards::all(&mut tx).await?;
    let dispatcher = nodes::role(&mut tx, nodes::DISPATCHER).await?;
    store::db::commit(tx, "renewing the node").await?;

    let share = share(me.id, &live, &rows);
    let giving: HashSet<i16> = share.give.iter().copied().collect();
    let held = rows.iter().filter(|row| row.node == Some(me.id) && !giving.contains(&row.id)).map(held).collect();
    let mut view = View::new(live, &rows, dispatcher);
    share.give.iter().for_each(|shard| view.set(*shard, None));
    set_held(core, held);
    core.cluster.set_view(view.clone());
    core.cluster.set_standing(asked + MAY_ACT);

    if !share.give.is_empty() {
        hand_over(core, &share.give).await?;
    }
    if !share.take.is_empty() || (view.dispatcher.is_none() && !me.leaving) {
        let mut tx = core.store.begin().await?;
        let taken = shards::take(&mut tx, me.id, &share.take).await?;
        if view.dispatcher.is_none() && !me.leaving {
            view.dispatcher = nodes::take_role(&mut tx, nodes::DISPATCHER, me.id).await?;
        }
        store::db::commit(tx, "taking shards").await?;
        if !taken.is_empty() {
            info!(shards = taken.len(), "took {} shards", taken.len());
            taken.iter().for_each(|held| view.set(held.shard, Some(me.id)));
            let mut held = Vec::clone(&core.held.borrow());
            held.extend(taken);
            set_held(core, held);
        }
        core.cluster.set_view(view);
        core.ring();
    }
    Ok(())
}

/// After a failover the rows may be those of a while ago. Every agent of this node is to say hello again: what it holds and
/// which permits it used is then held against them, before anything is sent a second time.
pub(crate) async fn look_for_failover(core: &Core, known: &mut Option<String>) -> Result<(), StoreError> {
    let mut tx = core.store.begin().await?;
    let timeline = nodes::timeline(&mut tx).await?;
    drop(tx);
    if known.replace(timeline.clone()).is_some_and(|before| before != timeline) {
        warn!(timeline, sessions = core.sessions.len(), "the database failed over: every agent is to say hello again");
        metrics::counter!("valet_failovers_total").increment(1);
        for sandbox in core.sandboxes.iter() {
            let _ = sandbox.cast(SandboxMsg::SayHello);
        }
    }
    Ok(())
}

fn held(row: &Shard) -> Held {
    Held { shard: row.id, epoch: row.epoch }
}

/// Actors of tasks that are not ours any more end: their successors elsewhere have read the rows.
fn set_held(core: &Core, held: Vec<Held>) {
    let before: HashMap<i16, i64> = core.held.borrow().iter().map(|held| (held.shard, held.epoch)).collect();
    let now: HashMap<i16, i64> = held.iter().map(|held| (held.shard, held.epoch)).collect();
    if before == now {
        return;
    }
    core.held.send_replace(Arc::new(held));
    for live in core.tasks.iter() {
        let shard = live.value().shard;
        if before.get(&shard) != now.get(&shard) {
            live.value().actor.stop(Some("its shard has another owner".to_owned()));
        }
    }
}

/// Waits for the actors of these shards to finish what they have in hand, then lets go.
async fn hand_over(core: &Arc<Core>, shards: &[i16]) -> Result<(), StoreError> {
    let until = Instant::now() + HAND_OVER_PATIENCE;
    while core.tasks.iter().any(|live| shards.contains(&live.value().shard)) && Instant::now() < until {
        tokio::time::sleep(HAND_OVER_POLL).await;
    }
    let mut tx = core.store.begin().await?;
    shards::give(&mut tx, core.node, shards).await?;
    store::db::commit(tx, "giving shards").await?;
    info!(shards = shards.len(), "gave {} shards", shards.len());
    peers::tell_all(core, &Note::Look);
    Ok(())
}

/// The node that has the role of the dispatcher, if it is not this one.
#[must_use]
pub fn other_dispatcher(core: &Core) -> Option<NodeId> {
    core.cluster.view().dispatcher.filter(|node| *node != core.node)
}
