//! What admins ask of this node's actors, and its answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::inspect::{Ask, Caller, Order, Reply, Request};
use ractor::ActorCell;
use ractor::rpc::CallResult;
use tracing::{info, warn};

use super::tree;
use crate::core::Core;
use crate::sandbox::actor::SandboxMsg;
use crate::sandbox::supervisor::SandboxesMsg;
use crate::supervise::RootMsg;
use crate::task::messages::TaskMsg;
use crate::task::supervisor::{TasksMsg, family};

/// How long an actor may take to finish what it has in hand before it is ended in the middle of it. Its row says what
/// is owed, so nothing is lost by that.
const GRACE: Duration = Duration::from_secs(1);
/// For a supervisor to have ended a child and started it again.
const RESTART_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers for this node.
pub async fn answer(core: &Arc<Core>, request: Request) -> Reply {
    let now = Instant::now();
    let caller = request.caller;
    if caller.as_ref().is_none_or(|caller| !caller.is_admin()) {
        return Reply::Forbidden;
    }
    match request.ask {
        Ask::List(filter) => Reply::List(tree::list(core, &filter, now)),
        Ask::One { id } => Reply::One(tree::one(core, &id, now).map(Box::new)),
        Ask::Steer { node, .. } if node != core.node => Reply::NotHere,
        Ask::Steer { id, order, .. } => {
            // Whoever passed the question on may be mistaken about who asks: the row says what the account may.
            match is_admin_still(core, caller.as_ref()).await {
                Ok(true) => {}
                Ok(false) => return Reply::Forbidden,
                Err(error) => {
                    warn!(%error, "an order was not carried out: the account could not be read");
                    return Reply::Conflict("Your account could not be checked just now. Try again.".to_owned());
                }
            }
            let reply = steer(core, &id, order).await;
            info!(actor.id = %id, user.id = ?caller.map(|caller| caller.user.0), %order, ?reply, "an admin steers an actor");
            reply
        }
        Ask::Drained { sandbox } => {
            // Room may have come, or gone.
            core.dispatch.notify_one();
            match core.sandboxes.get(&sandbox).map(|actor| actor.cast(SandboxMsg::ReadDrain)) {
                Some(Ok(())) => Reply::Done,
                Some(Err(error)) => {
                    warn!(sandbox.id = %sandbox, %error, "a sandbox was not told of its drain; it reads its row by itself");
                    Reply::Done
                }
                None => Reply::NotHere,
            }
        }
        Ask::Probe { .. } => Reply::Forbidden,
    }
}

async fn is_admin_still(core: &Core, caller: Option<&Caller>) -> Result<bool, store::StoreError> {
    let Some(caller) = caller else { return Ok(false) };
    let mut tx = core.store.begin().await?;
    let standing = store::users::standing(&mut tx, caller.user).await?;
    Ok(standing.is_some_and(|row| row.is_active && Caller { user: caller.user, role: row.role }.is_admin()))
}

/// Puts probes into mailboxes. Those that are gone, or have one already, need none.
pub fn probe(core: &Core, tasks: &[protocol::ids::TaskId], sandboxes: &[protocol::ids::SandboxId]) {
    for live in tasks.iter().filter_map(|task| core.tasks.get(task)) {
        if live.mailbox.may_probe() && live.cast(TaskMsg::Probe).is_err() {
            live.mailbox.probed();
        }
    }
    for live in sandboxes.iter().filter_map(|sandbox| core.sandboxes.get(sandbox)) {
        if live.mailbox.may_probe() && live.cast(SandboxMsg::Probe).is_err() {
            live.mailbox.probed();
        }
    }
}

async fn steer(core: &Arc<Core>, id: &str, order: Order) -> Reply {
    if let Some(task) = tree::task_id(id) {
        let Some(live) = core.tasks.get(&task).map(|live| live.clone()) else { return Reply::NotHere };
        return match order {
            Order::Stop => {
                end(live.actor.get_cell()).await;
                Reply::Steered
            }
            Order::Restart => {
                let supervisor = core.task_supervisors.get(&family(task)).map(|entry| entry.clone());
                let Some(supervisor) = supervisor else { return between() };
                done(supervisor.call(|reply| TasksMsg::Restart(task, reply), Some(RESTART_TIMEOUT)).await)
            }
        };
    }
    if let Some(sandbox) = tree::sandbox_id(id) {
        if !core.sandboxes.contains_key(&sandbox) {
            return Reply::NotHere;
        }
        if order == Order::Stop {
            let why = "This actor watches over the work on its host, so it cannot be stopped. Drain the host instead, or restart the actor.";
            return Reply::Conflict(why.to_owned());
        }
        let Some(supervisor) = core.sandbox_supervisor() else { return between() };
        return done(supervisor.call(|reply| SandboxesMsg::Restart(sandbox, reply), Some(RESTART_TIMEOUT)).await);
    }
    let Some(fixed) = core.inspect.find(id) else { return Reply::NotHere };
    match (order, fixed.child, core.inspect.root()) {
        (Order::Stop, ..) => {
            Reply::Conflict("The coordinator needs this part, so it can be restarted but not stopped.".to_owned())
        }
        (Order::Restart, Some(child), Some(root)) => {
            match root.call(|reply| RootMsg::Restart(child, reply), Some(RESTART_TIMEOUT)).await {
                Ok(CallResult::Success(())) => Reply::Steered,
                Ok(_) | Err(_) => between(),
            }
        }
        (Order::Restart, ..) => Reply::Conflict(
            "This part lives and ends with the coordinator's process. Restart the process to restart it.".to_owned(),
        ),
    }
}

fn between() -> Reply {
    Reply::Conflict("Its supervisor is being restarted itself. Try again in a moment.".to_owned())
}

fn done<E>(answer: Result<CallResult<()>, E>) -> Reply {
    match answer {
        Ok(CallResult::Success(())) => Reply::Steered,
        Ok(_) | Err(_) => between(),
    }
}

/// Ends an actor: at its next message, or, when it does not get there, at once.
pub async fn end(cell: ActorCell) {
    if cell.stop_and_wait(None, Some(GRACE)).await.is_err() {
        let _ = cell.kill_and_wait(Some(GRACE)).await;
    }
}
