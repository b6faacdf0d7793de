//! The dispatcher: woken when a task waits or a place came free, and by a slow tick in case a bell was lost.
//!
//! Every node has one; only that of the node with the role plans, for all of them. Talks to: the store (queue heads, free and held places), tasks (claims, parking). It holds no queue of its own: the rows are it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use futures::StreamExt as _;
use protocol::ids::{LeaseId, TaskId};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::RactorMessage;
use store::shards::SHARDS;
use tracing::{debug, warn};

use super::plan::{Placement, parkings, plan};
use crate::cluster::owner::other_dispatcher;
use crate::core::Core;
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::Input;

/// Queue heads read at a time: more than a fleet's free places at any instant.
const HEADS: i64 = 256;
/// Claims under way at a time.
const CLAIMS_AT_ONCE: usize = 32;
/// The slow pass; also how soon a back-off that ran out is noticed.
const TICK: Duration = Duration::from_secs(1);
/// How long a task whose claim failed is passed over: else it would take the only free place in every plan.
const PASSED_OVER: Duration = Duration::from_secs(10);
/// Longer than the slowest claim.
const PASS_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, RactorMessage)]
pub enum DispatcherMsg {
    /// Look once; replies when done, so that passes never pile up.
    Pass(RpcReplyPort<()>),
}

pub struct Dispatcher;

pub struct DispatcherState {
    core: Arc<Core>,
    tasks: Tasks,
    /// Tasks whose last claim failed, and until when they are passed over.
    failing: HashMap<TaskId, Instant>,
}

impl Actor for Dispatcher {
    type Msg = DispatcherMsg;
    type State = DispatcherState;
    type Arguments = Arc<Core>;

    async fn pre_start(
        &self,
        me: ActorRef<DispatcherMsg>,
        core: Arc<Core>,
    ) -> Result<DispatcherState, ActorProcessingErr> {
        let (bell, cell) = (Arc::clone(&core), me.clone());
        tokio::spawn(async move {
            loop {
                let _ = tokio::time::timeout(TICK, bell.dispatch.notified()).await;
                if cell.call(DispatcherMsg::Pass, Some(PASS_TIMEOUT)).await.is_err() {
                    return;
                }
            }
        });
        Ok(DispatcherState { tasks: Tasks::new(Arc::clone(&core)), core, failing: HashMap::new() })
    }

    async fn handle(
        &self,
        _: ActorRef<DispatcherMsg>,
        DispatcherMsg::Pass(done): DispatcherMsg,
        state: &mut DispatcherState,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.core.inspect.handling("dispatcher", "pass");
        match state.placements().await {
            Ok((placements, parked)) => {
                futures::stream::iter(parked).for_each_concurrent(CLAIMS_AT_ONCE, |task| state.park(task)).await;
                let failed: Vec<TaskId> = futures::stream::iter(placements)
                    .map(|placement| state.claim(placement))
                    .buffer_unordered(CLAIMS_AT_ONCE)
                    .filter_map(|failed| async move { failed })
                    .collect()
                    .await;
                let until = Instant::now() + PASSED_OVER;
                state.failing.extend(failed.into_iter().map(|task| (task, until)));
            }
            Err(error) => warn!(%error, "the queue could not be read; the next pass will"),
        }
        let _ = done.send(());
        Ok(())
    }
}

impl DispatcherState {
    /// What can be placed now, and who makes room for the rest.
    async fn placements(&mut self) -> Result<(Vec<Placement>, Vec<TaskId>), store::StoreError> {
        if other_dispatcher(&self.core).is_some() {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut tx = self.core.store.begin().await?;
        let shards: Vec<i16> = (0..SHARDS.cast_signed()).collect();
        let queued = store::tasks::queued(&mut tx, &shards, Utc::now(), store::journal::USER_CAP, HEADS).await?;
        if queued.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let now = Instant::now();
        self.failing.retain(|_, until| *until > now);
        let queued: Vec<_> = queued.into_iter().filter(|task| !self.failing.contains_key(&task.id)).collect();
        let sandboxes = store::agents::placeable(&mut tx).await?;
        let placements = plan(&queued, &sandboxes);
        let waiting = queued.len() - placements.len();
        let parked = if waiting == 0 { Vec::new() } else { parkings(waiting, &store::tasks::idle(&mut tx).await?) };
        Ok((placements, parked))
    }

    /// Has a held browser let go. One that cannot be any more is seen by the next pass.
    async fn park(&self, task: TaskId) {
        let parked = async { self.tasks.input(self.tasks.find(task).await?, None, Input::Park).await };
        match parked.await {
            Ok(_) => debug!(task.id = %task, "task {task} makes room for one that waits"),
            Err(TaskError::Refused(_) | TaskError::NotFound) => {}
            Err(error) => warn!(task.id = %task, %error, "task {task} could not be parked"),
        }
    }

    /// Has the task claim its place; returns it when it failed to.
    async fn claim(&self, placement: Placement) -> Option<TaskId> {
        let Placement { task, sandbox, epoch } = placement;
        let claimed = async {
            let input = Input::Claimed { sandbox, epoch, lease: LeaseId::new() };
            self.tasks.input(self.tasks.find(task).await?, None, input).await
        };
        match claimed.await {
            Ok(_) => {
                debug!(task.id = %task, sandbox.id = %sandbox, "task {task} placed");
                None
            }
            // The facts changed under the plan; the next pass sees the new ones.
            Err(TaskError::NoPlace | TaskError::Refused(_) | TaskError::NotFound) => None,
            Err(error) => {
                warn!(task.id = %task, %error, "task {task} could not be placed");
                Some(task)
            }
        }
    }
}
