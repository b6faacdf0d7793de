//! Keeps a fixed set of infrastructure actors running, each started again on its own (one for one).
//!
//! A child that keeps failing ends the root with an error, and with it the node: whoever runs the process starts it
//! afresh. Tasks are never children of the root, so no task can do that.

use std::collections::HashMap;
use std::time::Instant;

use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use ractor_cluster::RactorMessage;
use tracing::{error, info, warn};

use super::Restarts;

/// How to start one child, again and again.
pub struct ChildSpec {
    pub name: &'static str,
    pub start: Box<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, SpawnErr>> + Send + Sync>,
}

#[derive(Debug, RactorMessage)]
pub enum RootMsg {
    /// Start a child again, after its back-off.
    Start(usize),
}

pub struct Root;

pub struct RootArgs {
    pub children: Vec<ChildSpec>,
}

pub struct RootState {
    specs: Vec<ChildSpec>,
    restarts: Vec<Restarts>,
    running: HashMap<ActorId, usize>,
}

impl Actor for Root {
    type Msg = RootMsg;
    type State = RootState;
    type Arguments = RootArgs;

    async fn pre_start(&self, me: ActorRef<RootMsg>, args: RootArgs) -> Result<RootState, ActorProcessingErr> {
        let restarts = args.children.iter().map(|_| Restarts::default()).collect();
        let mut state = RootState { specs: args.children, restarts, running: HashMap::new() };
        // In order: a child may rely on those before it.
        for index in 0..state.specs.len() {
            let child = (state.specs[index].start)(me.get_cell()).await?;
            state.running.insert(child.get_id(), index);
        }
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<RootMsg>,
        RootMsg::Start(index): RootMsg,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match (state.specs[index].start)(me.get_cell()).await {
            Ok(child) => {
                info!(actor = state.specs[index].name, "{} restarted", state.specs[index].name);
                state.running.insert(child.get_id(), index);
                Ok(())
            }
            Err(error) => state.again(&me, index, &error.to_string()),
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
                Some(index) => state.again(&me, index, &error.to_string()),
                None => Ok(()),
            },
            // Infrastructure does not finish on its own; when it does, that is a failure, too.
            SupervisionEvent::ActorTerminated(child, _, reason) => match state.running.remove(&child.get_id()) {
                Some(index) => state.again(&me, index, reason.as_deref().unwrap_or("it finished")),
                None => Ok(()),
            },
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => Ok(()),
        }
    }
}

impl RootState {
    fn again(&mut self, me: &ActorRef<RootMsg>, index: usize, error: &str) -> Result<(), ActorProcessingErr> {
        let name = self.specs[index].name;
        metrics::counter!("valet_actor_restarts_total", "actor" => name).increment(1);
        match self.restarts[index].crashed(Instant::now()) {
            Some(delay) => {
                warn!(actor = name, %error, ?delay, "{name} stopped, starting it again");
                me.send_after(delay, move || RootMsg::Start(index));
                Ok(())
            }
            None => {
                error!(actor = name, %error, "{name} keeps failing, the node gives up");
                Err(format!("{name} keeps failing").into())
            }
        }
    }
}
