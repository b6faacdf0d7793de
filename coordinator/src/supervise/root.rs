//! Keeps a fixed set of infrastructure actors running, each started again on its own (one for one).
//!
//! A child that keeps failing ends the root with an error, and with it the node: whoever runs the process starts it
//! afresh. Tasks are never children of the root, so no task can do that. Restarts that an admin asks for do not count
//! as failures.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr, SupervisionEvent};
use ractor_cluster::RactorMessage;
use tracing::{error, info, warn};

use super::{Past, Restarts, redacted};
use crate::inspect::{Inspect, ROOT, family_id, steer};

/// How to start one child, again and again.
pub struct ChildSpec {
    pub name: &'static str,
    pub start: Box<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, SpawnErr>> + Send + Sync>,
}

#[derive(Debug, RactorMessage)]
pub enum RootMsg {
    /// Start a child again, after its back-off.
    Start(usize),
    /// An admin wants a child restarted; answered once it runs again.
    Restart(usize, RpcReplyPort<()>),
    /// Asks nothing; see [`crate::inspect::watchdog`].
    Probe,
}

pub struct Root;

pub struct RootArgs {
    pub children: Vec<ChildSpec>,
    pub inspect: Arc<Inspect>,
}

pub struct RootState {
    inspect: Arc<Inspect>,
    children: Vec<Child>,
    running: HashMap<ActorId, usize>,
}

struct Child {
    spec: ChildSpec,
    /// Its id in the tree: the name, or for one of several of a name, with its number.
    id: String,
    cell: Option<ActorCell>,
    restarts: Restarts,
    past: Past,
    /// Who waits for a restart that was asked for.
    asked: Vec<RpcReplyPort<()>>,
}

impl Actor for Root {
    type Msg = RootMsg;
    type State = RootState;
    type Arguments = RootArgs;

    async fn pre_start(&self, me: ActorRef<RootMsg>, args: RootArgs) -> Result<RootState, ActorProcessingErr> {
        args.inspect.root_started(me.clone());
        let names: Vec<&'static str> = args.children.iter().map(|spec| spec.name).collect();
        let id = |index: usize| match names[index] {
            "tasks" => family_id(names[..index].iter().filter(|name| **name == "tasks").count()),
            name => name.to_owned(),
        };
        let children = args.children.into_iter().enumerate();
        let children = children.map(|(index, spec)| Child {
            id: id(index),
            spec,
            cell: None,
            restarts: Restarts::default(),
            past: Past::default(),
            asked: Vec::new(),
        });
        let mut state = RootState { inspect: args.inspect, children: children.collect(), running: HashMap::new() };
        // In order: a child may rely on those before it.
        for index in 0..state.children.len() {
            state.start(&me, index).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<RootMsg>,
        message: RootMsg,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let mailbox = state.inspect.mailbox(ROOT);
        match message {
            RootMsg::Start(index) => {
                let _in_hand = mailbox.handling("start", false);
                match state.start(&me, index).await {
                    Ok(()) => {
                        info!(actor = %state.children[index].id, "{} restarted", state.children[index].id);
                        Ok(())
                    }
                    Err(error) => state.again(&me, index, &error.to_string(), None),
                }
            }
            RootMsg::Restart(index, reply) => {
                let _in_hand = mailbox.handling("restart", false);
                let Some(child) = state.children.get_mut(index) else { return Ok(()) };
                child.asked.push(reply);
                if let Some(cell) = child.cell.clone() {
                    tokio::spawn(steer::end(cell));
                }
                Ok(())
            }
            RootMsg::Probe => {
                let _in_hand = mailbox.handling("probe", true);
                mailbox.probed();
                Ok(())
            }
        }
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<RootMsg>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(child, error) => match state.running.remove(&child.get_id()) {
                Some(index) => state.again(&me, index, &error.to_string(), Some(redacted(&error))),
                None => Ok(()),
            },
            SupervisionEvent::ActorTerminated(child, _, reason) => match state.running.remove(&child.get_id()) {
                Some(index) if !state.children[index].asked.is_empty() => {
                    state.ended(index, None);
                    me.cast(RootMsg::Start(index))?;
                    Ok(())
                }
                // Infrastructure does not finish on its own; when it does, that is a failure, too.
                Some(index) => state.again(&me, index, reason.as_deref().unwrap_or("it finished"), None),
                None => Ok(()),
            },
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => Ok(()),
        }
    }
}

impl RootState {
    async fn start(&mut self, me: &ActorRef<RootMsg>, index: usize) -> Result<(), SpawnErr> {
        let child = &mut self.children[index];
        self.inspect.child_starting(&child.id, index, child.past.clone());
        let cell = (child.spec.start)(me.get_cell()).await?;
        self.running.insert(cell.get_id(), index);
        self.inspect.child_started(&child.id, cell.clone());
        child.cell = Some(cell);
        for reply in child.asked.drain(..) {
            let _ = reply.send(());
        }
        Ok(())
    }

    fn ended(&mut self, index: usize, error: Option<&str>) {
        let child = &mut self.children[index];
        child.cell = None;
        child.past.again(error);
        self.inspect.child_ended(&child.id);
    }

    fn again(
        &mut self,
        me: &ActorRef<RootMsg>,
        index: usize,
        error: &str,
        shown: Option<String>,
    ) -> Result<(), ActorProcessingErr> {
        self.ended(index, Some(shown.as_deref().unwrap_or("it ended by itself")));
        let child = &mut self.children[index];
        let (name, id) = (child.spec.name, &child.id);
        metrics::counter!("valet_actor_restarts_total", "actor" => name).increment(1);
        match child.restarts.crashed(Instant::now()) {
            Some(delay) => {
                warn!(actor = %id, %error, ?delay, "{id} stopped, starting it again");
                me.send_after(delay, move || RootMsg::Start(index));
                Ok(())
            }
            None => {
                error!(actor = %id, %error, "{id} keeps failing, the node gives up");
                Err(format!("{id} keeps failing").into())
            }
        }
    }
}
