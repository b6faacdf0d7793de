//! Finds actors that do not get on, by the path that real messages take, and tells admins' screens what changed.
//!
//! A probe is a message that asks nothing. It goes to the router, which puts it into the mailboxes of tasks and
//! sandboxes, as it does with commands; supervisors get theirs as they get other messages. Nobody waits for an answer: a
//! probe that grows old in a mailbox (or in hand) shows in the mailbox's own figures, as does any other message.
//! Actors that work by a timer of their own are expected to hear it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::ids::TaskId;
use protocol::inspect::{ADMINS, Ask, Changed, Request, What};
use protocol::wire::codec;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use serde::Serialize;
use store::bus::Message;
use tracing::{info, warn};

use super::{ROOT, ROUTER, kind_of, patience, tree};
use crate::core::Core;
use crate::supervise::RootMsg;
use crate::task::supervisor::TasksMsg;

/// Between two looks. Bounds are many times longer.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Changes gather this long before screens are told.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// Tasks probed in one look. Those with messages waiting need no probe, so this only walks the idle ones in turn.
const PROBES_MAX: usize = 256;
/// Longer than the router may take for anything; its answer is not needed.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, RactorMessage)]
pub enum WatchdogMsg {
    Look,
    Tell,
}

pub struct Watchdog;

pub struct WatchdogState {
    core: Arc<Core>,
    /// The task probed last.
    probed: Option<TaskId>,
}

impl Actor for Watchdog {
    type Msg = WatchdogMsg;
    type State = WatchdogState;
    type Arguments = Arc<Core>;

    async fn pre_start(&self, me: ActorRef<WatchdogMsg>, core: Arc<Core>) -> Result<WatchdogState, ActorProcessingErr> {
        me.send_interval(LOOK_EVERY, || WatchdogMsg::Look);
        me.send_interval(TELL_EVERY, || WatchdogMsg::Tell);
        Ok(WatchdogState { core, probed: None })
    }

    async fn handle(
        &self,
        _: ActorRef<WatchdogMsg>,
        message: WatchdogMsg,
        state: &mut WatchdogState,
    ) -> Result<(), ActorProcessingErr> {
        let kind = if matches!(message, WatchdogMsg::Look) { "look" } else { "tell" };
        let _in_hand = state.core.inspect.handling("watchdog", kind);
        match message {
            WatchdogMsg::Look => {
                look(&state.core, Instant::now());
                state.probed = probe(&state.core, state.probed);
            }
            WatchdogMsg::Tell => tell(&state.core),
        }
        Ok(())
    }
}

/// Judges every actor as of `now`; says what is news.
pub fn look(core: &Core, now: Instant) {
    let mut stuck: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    tree::each(core, |id, mailbox| {
        let kind = kind_of(&id);
        let (old, beat) = patience(kind);
        let is_stuck = mailbox.overdue(now, old, beat);
        *stuck.entry(kind.to_owned()).or_default() += u32::from(is_stuck);
        if mailbox.set_stuck(is_stuck) {
            let figures = mailbox.figures(now);
            if is_stuck {
                warn!(
                    actor.id = %id, depth = figures.depth, oldest = ?figures.oldest,
                    message = figures.last.map_or("none", |(kind, _)| kind), "actor {id} does not get on"
                );
                core.inspect.note(&id, What::Stuck, protocol::inspect::STUCK);
            } else {
                info!(actor.id = %id, "actor {id} gets on again");
                core.inspect.note(&id, What::Recovered, figures.shown.state);
            }
        }
    });
    for (kind, count) in stuck {
        metrics::gauge!("valet_actors_stuck", "actor" => kind).set(f64::from(count));
    }
    metrics::gauge!("valet_task_actors").set(core.tasks.len() as f64);
}

/// Sends probes; returns the last task that got one.
pub fn probe(core: &Arc<Core>, last: Option<TaskId>) -> Option<TaskId> {
    for supervisor in &core.task_supervisors {
        if supervisor.mailbox.may_probe() && supervisor.cast(TasksMsg::Probe).is_err() {
            supervisor.mailbox.probed();
        }
    }
    if let Some(supervisor) = core.sandbox_supervisor()
        && supervisor.mailbox.may_probe()
        && supervisor.cast(crate::sandbox::supervisor::SandboxesMsg::Probe).is_err()
    {
        supervisor.mailbox.probed();
    }
    if let (Some(root), mailbox) = (core.inspect.root(), core.inspect.mailbox(ROOT))
        && mailbox.may_probe()
        && (mailbox.enter(usize::MAX).is_err() || root.cast(RootMsg::Probe).is_err())
    {
        mailbox.leave();
        mailbox.probed();
    }
    let tasks = next_tasks(core, last);
    let last = tasks.last().copied();
    probe_by_router(core, tasks);
    last
}

/// Idle tasks in turn.
fn next_tasks(core: &Core, last: Option<TaskId>) -> Vec<TaskId> {
    let mut tasks: Vec<TaskId> = core.tasks.iter().map(|entry| *entry.key()).collect();
    tasks.sort_unstable();
    let first = last.map_or(0, |last| tasks.partition_point(|task| *task <= last));
    let count = tasks.len().min(PROBES_MAX);
    tasks.iter().cycle().skip(first).take(count).copied().collect()
}

fn probe_by_router(core: &Arc<Core>, tasks: Vec<TaskId>) {
    let mailbox = core.inspect.mailbox(ROUTER);
    let Some(router) = core.inspect.find(ROUTER).and_then(|fixed| fixed.cell) else { return };
    if !mailbox.may_probe() {
        return;
    }
    let sandboxes = core.sandboxes.iter().map(|entry| *entry.key()).collect();
    let Ok(bytes) = codec::encode(&Request { caller: None, ask: Ask::Probe { tasks, sandboxes } }) else {
        warn!("a probe could not be encoded");
        return mailbox.probed();
    };
    let _ = mailbox.enter(usize::MAX);
    let router: ActorRef<protocol::cluster::RouterMessage> = router.into();
    tokio::spawn(async move {
        let sent = router.call(|reply| protocol::cluster::RouterMessage::Inspect(bytes, reply), Some(PROBE_TIMEOUT));
        if sent.await.is_err() {
            mailbox.leave();
            mailbox.probed();
        }
    });
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    changed: &'a Changed,
}

/// Tells admins' screens what changed since last time.
fn tell(core: &Core) {
    let changed = core.inspect.take_changes();
    if changed.changes.is_empty() && !changed.more {
        return;
    }
    if let Ok(json) = serde_json::to_string(&Told { kind: "actors_changed", changed: &changed }) {
        core.bus.publish(Message { user: ADMINS, seq: None, json: json.into() });
    }
}
