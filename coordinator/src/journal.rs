//! The group commit: decided steps of many tasks in one transaction.
//!
//! Task actors hand in steps and wait. While one commit is under way, the next batch gathers; it is committed as soon
//! as the answer is there: one commit's latency when idle, thousands of steps a second when busy. After a commit the
//! steps' messages are published in order.
//!
//! There are [`LANES`] of it, each with a connection of its own, and a person's tasks all go by the same one: what is told
//! to one person stays in order, and no two lanes write the same task or the same person's numbers.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use store::Store;
use store::bus::Bus;
use store::bus::Message;
use store::journal::{CommitError, Step, Writer};
use store::shards::Held;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, warn};

use crate::supervise::Mailbox;

/// The server works on one statement of a connection at a time, which is what a busy journal waits for; with two it has two
/// processors at work, and more of them would only make smaller batches.
const LANES: usize = 2;
/// Steps in one transaction. Beyond this a batch's latency grows faster than its throughput.
const BATCH_MAX: usize = 256;
/// Steps waiting in a lane: each belongs to an actor that waits for it, so this is also a bound on those.
const QUEUE_MAX: usize = 4_096;
/// How long a step is tried while the database is certainly not taking it. Shorter than a caller's patience.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(5);
const OUTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Why a step did not become true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the task has another owner")]
    NotOwner,
    #[error("the sandbox has no slot for it")]
    NoSlot,
    #[error("the user's cap is reached")]
    UserCap,
    #[error("the database does not take it")]
    Unavailable,
    #[error("it is not known whether the database took it")]
    InDoubt,
    #[error("the database refuses it")]
    Poison,
}

struct Request {
    step: Step,
    reply: oneshot::Sender<Result<(), Lost>>,
}

/// Hands steps to the journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    lanes: Arc<[mpsc::Sender<Request>]>,
    /// Steps under way, for the actor tree.
    committing: Arc<Mailbox>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("task", &self.step.task.id).finish_non_exhaustive()
    }
}

impl Journal {
    /// Starts the journal's lanes; they end when every handle is gone.
    #[must_use]
    pub fn start(store: &Store, bus: &Bus, held: &watch::Receiver<Arc<Vec<Held>>>, committing: Arc<Mailbox>) -> Self {
        let lane = |_| {
            let (queue, requests) = mpsc::channel(QUEUE_MAX);
            let lane = Lane { writer: Writer::new(store.clone()), bus: bus.clone(), held: held.clone() };
            tokio::spawn(lane.run(requests));
            queue
        };
        Self { lanes: (0..LANES).map(lane).collect(), committing }
    }

    /// Returns once the step is durable and told.
    ///
    /// # Errors
    /// When it is not, or nobody knows.
    pub async fn commit(&self, step: Step) -> Result<(), Lost> {
        let _under_way = self.committing.under_way("commit");
        let (reply, answer) = oneshot::channel();
        let lane = usize::from(step.task.shard.unsigned_abs()) % LANES;
        self.lanes[lane].send(Request { step, reply }).await.map_err(|_| Lost::Unavailable)?;
        // A batch that panicked may have been committed.
        answer.await.unwrap_or(Err(Lost::InDoubt))
    }
}

/// Steps of one transaction, and who waits for each.
#[derive(Default)]
struct Batch {
    steps: Vec<Step>,
    replies: Vec<oneshot::Sender<Result<(), Lost>>>,
}

impl Batch {
    fn push(&mut self, Request { step, reply }: Request) {
        self.steps.push(step);
        self.replies.push(reply);
    }

    fn split_half(&mut self) -> Self {
        let half = self.steps.len() / 2;
        Self { steps: self.steps.split_off(half), replies: self.replies.split_off(half) }
    }

    fn answer(self, answer: Result<(), Lost>) {
        for reply in self.replies {
            // Whoever gave up waiting reads the row.
            let _ = reply.send(answer);
        }
    }
}

struct Lane {
    writer: Writer,
    bus: Bus,
    held: watch::Receiver<Arc<Vec<Held>>>,
}

impl Lane {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut left_over: Option<Request> = None;
        loop {
            let first = match left_over.take() {
                Some(request) => request,
                None => match requests.recv().await {
                    Some(request) => request,
                    None => return,
                },
            };
            let mut tasks = HashSet::from([first.step.task.id]);
            let mut batch = Batch::default();
            batch.push(first);
            while batch.steps.len() < BATCH_MAX {
                match requests.try_recv() {
                    // Two steps of one task cannot share a statement that updates it.
                    Ok(request) if !tasks.insert(request.step.task.id) => {
                        left_over = Some(request);
                        break;
                    }
                    Ok(request) => batch.push(request),
                    Err(_) => break,
                }
            }
            metrics::histogram!("valet_journal_batch_steps").record(batch.steps.len() as f64);
            // The next batch is not at fault: a lane that ended would end the work of half of all people.
            if AssertUnwindSafe(self.commit(batch)).catch_unwind().await.is_err() {
                error!("a batch panicked: its tasks are read afresh");
            }
        }
    }

    /// Commits the batch; one that fails is halved until the steps that cannot be written stand alone.
    fn commit(&mut self, mut batch: Batch) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let steps = &batch.steps;
            match self.try_commit(steps).await {
                Ok(told) => {
                    for message in told {
                        self.bus.publish(message);
                    }
                    batch.answer(Ok(()));
                }
                Err(CommitError::InDoubt(error)) => {
                    warn!(%error, steps = steps.len(), "no answer to a commit: the tasks are read afresh");
                    batch.answer(Err(Lost::InDoubt));
                }
                Err(error) if steps.len() == 1 => {
                    let lost = lost(&error);
                    if lost == Lost::Poison {
                        error!(task.id = %steps[0].task.id, error = %Chain(&error), "a step was refused by the database");
                    }
                    batch.answer(Err(lost));
                }
                // The database takes nothing: halves would only wait for it one after the other.
                Err(CommitError::Failed(error)) if error.is_outage() => {
                    warn!(error = %Chain(&error), steps = steps.len(), "the database does not take a batch");
                    batch.answer(Err(Lost::Unavailable));
                }
                Err(_) => {
                    let second = batch.split_half();
                    self.commit(batch).await;
                    self.commit(second).await;
                }
            }
        })
    }

    /// Tries for a while when the database certainly did not take it.
    async fn try_commit(&mut self, steps: &[Step]) -> Result<Vec<Message>, CommitError> {
        let began = Instant::now();
        loop {
            let held = Arc::clone(&self.held.borrow());
            match self.writer.commit(&held, steps).await {
                Err(CommitError::Failed(error)) if error.is_outage() && began.elapsed() < OUTAGE_PATIENCE => {
                    tokio::time::sleep(OUTAGE_PAUSE).await;
                }
                result => {
                    metrics::histogram!("valet_journal_commit_seconds").record(began.elapsed().as_secs_f64());
                    return result;
                }
            }
        }
    }
}

fn lost(error: &CommitError) -> Lost {
    match error {
        CommitError::Stale | CommitError::Fenced => Lost::NotOwner,
        CommitError::NoSlot => Lost::NoSlot,
        CommitError::UserCap => Lost::UserCap,
        CommitError::Failed(error) if error.is_outage() => Lost::Unavailable,
        CommitError::Failed(_) => Lost::Poison,
        CommitError::InDoubt(_) => Lost::InDoubt,
    }
}

/// An error with its causes, for the log.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}
