//! The dispatcher: woken when a task waits or a place came free, and by a slow tick in case a bell was lost.
//!
//! Every node has one; that of the node with the role plans, for every shard, and the others rest. Talks to: the store
//! (what changed, held places), tasks (claims, parking) wherever they are owned. A claim that is slow to be answered
//! delays nobody: it goes on beside the next passes, counted as placed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use protocol::ids::{LeaseId, TaskId};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::RactorMessage;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::feed::Feed;
use super::parking::parkings;
use super::plan::{Claimed, Placement, Planner};
use crate::cluster::owner::other_dispatcher;
use crate::core::Core;
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::Input;

/// Claims under way at a time. As many as the journal commits together.
const CLAIMS_MAX: usize = 256;
/// How long a pass waits for its claims: a commit takes milliseconds.
const CLAIMS_PATIENCE: Duration = Duration::from_millis(500);
/// The slow pass; also how soon a back-off that ran out is noticed.
const TICK: Duration = Duration::from_secs(1);
/// How long a task that did not answer its claim is passed over.
const PASSED_OVER: TimeDelta = TimeDelta::seconds(10);
/// Held browsers are looked through at most this often: it reads them all.
const PARKING_PAUSE: Duration = Duration::from_millis(250);
/// Tasks that wait for a place are counted up to this many: more than any host holds for people.
const WANT_MAX: usize = 1_024;
/// Longer than the slowest reading, which is the first.
const PASS_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, RactorMessage)]
pub enum DispatcherMsg {
    /// Look once; replies when done, so that passes never pile up.
    Pass(RpcReplyPort<()>),
}

pub struct Dispatcher;

pub struct DispatcherState {
    core: Arc<Core>,
    tasks: Tasks,
    planner: Planner,
    feed: Feed,
    claims: JoinSet<(TaskId, Claimed)>,
    /// Claims that were answered; settled once a later reading has told how.
    answered: Vec<(TaskId, Claimed)>,
    swept: Option<Instant>,
    parked: Option<Instant>,
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
        Ok(DispatcherState {
            tasks: Tasks::new(Arc::clone(&core)),
            core,
            planner: Planner::default(),
            feed: Feed::default(),
            claims: JoinSet::new(),
            answered: Vec::new(),
            swept: None,
            parked: None,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<DispatcherMsg>,
        DispatcherMsg::Pass(done): DispatcherMsg,
        state: &mut DispatcherState,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.core.inspect.handling("dispatcher", "pass");
        if let Err(error) = state.pass().await {
            warn!(%error, "the queue could not be read; the next pass will");
        }
        let _ = done.send(());
        Ok(())
    }
}

fn rested(since: Option<Instant>, pause: Duration) -> bool {
    since.is_none_or(|since| since.elapsed() >= pause)
}

impl DispatcherState {
    async fn pass(&mut self) -> Result<(), store::StoreError> {
        if other_dispatcher(&self.core).is_some() {
            // Should the role come back, everything is read afresh.
            (self.planner, self.feed) = (Planner::default(), Feed::default());
            return Ok(());
        }
        while let Some(claim) = self.claims.try_join_next() {
            self.answered.extend(claim);
        }
        let sweep = rested(self.swept, TICK);
        let now = self.core.clock.now();
        tokio::time::timeout(PASS_TIMEOUT, self.feed.read(&self.core.store, &mut self.planner, now, sweep))
            .await
            .map_err(|_| store::StoreError::Silent { doing: "reading the queue" })??;
        for (task, claimed) in self.answered.drain(..) {
            self.planner.settle(task, claimed, now);
        }
        if sweep {
            self.swept = Some(Instant::now());
        }
        let placements = self.planner.plan(now, CLAIMS_MAX.saturating_sub(self.claims.len()));
        let more = placements.len() == CLAIMS_MAX;
        for placement in placements {
            self.claims.spawn(claim(self.tasks.clone(), placement));
        }
        self.make_room().await?;
        self.await_claims().await;
        if more {
            self.core.dispatch.notify_one();
        }
        Ok(())
    }

    /// Has held browsers let go whose places are wanted.
    async fn make_room(&mut self) -> Result<(), store::StoreError> {
        let want = self.planner.in_want(WANT_MAX);
        if want.count == 0 || !rested(self.parked, PARKING_PAUSE) {
            return Ok(());
        }
        self.parked = Some(Instant::now());
        let idle = async {
            let mut tx = self.core.store.begin().await?;
            store::tasks::idle(&mut tx).await
        };
        let mut idle = store::db::in_time("looking for idle places", idle).await?;
        idle.retain(|place| want.fits(place.sandbox));
        let parked = parkings(want.count, &idle);
        futures::future::join_all(parked.into_iter().map(|task| park(&self.tasks, task))).await;
        Ok(())
    }

    /// Waits for the claims to be answered, not for ever: a task that hangs stops nobody else.
    async fn await_claims(&mut self) {
        let (claims, answered) = (&mut self.claims, &mut self.answered);
        let all = async {
            while let Some(claim) = claims.join_next().await {
                answered.extend(claim);
            }
        };
        let _ = tokio::time::timeout(CLAIMS_PATIENCE, all).await;
    }
}

/// One that cannot be parked any more is seen by the next pass.
async fn park(tasks: &Tasks, task: TaskId) {
    let parked = async { tasks.input(tasks.find(task).await?, None, Input::Park).await };
    match parked.await {
        Ok(_) => debug!(task.id = %task, "task {task} makes room for one that waits"),
        Err(TaskError::Refused(_) | TaskError::NotFound) => {}
        Err(error) => warn!(task.id = %task, %error, "task {task} could not be parked"),
    }
}

/// Has the task claim its place.
async fn claim(tasks: Tasks, placement: Placement) -> (TaskId, Claimed) {
    let Placement { task, sandbox, epoch } = placement;
    let claim = async {
        let input = Input::Claimed { sandbox, epoch, lease: LeaseId::new() };
        tasks.input(tasks.find(task).await?, None, input).await
    };
    let claimed = match claim.await {
        Ok(_) => {
            debug!(task.id = %task, sandbox.id = %sandbox, "task {task} placed");
            Claimed::Answered
        }
        // The facts changed under the plan; the next pass sees the new ones.
        Err(TaskError::NoPlace | TaskError::Refused(_)) => Claimed::Answered,
        Err(TaskError::NotFound) => Claimed::Gone,
        Err(error) => {
            warn!(task.id = %task, %error, "task {task} could not be placed");
            Claimed::Failed { until: tasks.now() + PASSED_OVER }
        }
    };
    (task, claimed)
}
