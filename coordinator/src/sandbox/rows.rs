//! Hellos and heartbeats as they are written: those of many sandboxes in one transaction.
//!
//! A fleet that comes back says hello by the hundred, and of ten thousand agents a thousand heartbeats a second are due to be
//! written. Each waits a moment for others, and while a transaction is under way the next gathers. Spoken to by the
//! sandboxes' actors.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use protocol::ids::{LeaseId, NodeId, PermitId, SandboxId, TaskId};
use store::agents::{self, Opened, Opening, Standing};
use store::drains::Drain;
use store::permits::{self, Unrecorded};
use store::tasks::{self, Leased};
use store::{Store, StoreError, db};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

/// Sandboxes in one transaction. Each of its statements is a few milliseconds then, and whoever takes a place on one of them
/// waits so long.
pub const BATCH_MAX: usize = 256;
/// What waits: as many as a listener has connections.
const QUEUE_MAX: usize = 20_000;
/// How long a hello waits for others; at the pace at which hellos are let in, ten come meanwhile.
const HELLOS_GATHER: Duration = Duration::from_millis(20);
/// How long a heartbeat waits to be written. Nobody waits for it, but work for a host that was suspected does.
const HEARTBEATS_GATHER: Duration = Duration::from_millis(250);

/// Writes what this node's sandboxes say. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rows {
    hellos: Queue<Said, Result<Greeted, Standing>>,
    heartbeats: Queue<Beat, Result<Recorded, Superseded>>,
}

/// What of a hello is written.
#[derive(Debug)]
pub struct Said {
    pub opening: Opening,
    /// The SHA-256 of the agent's certificate.
    pub certificate: [u8; 32],
    /// Permits that its ledger names as used, or perhaps used.
    pub used: Vec<(PermitId, TaskId)>,
}

/// A session that was opened, and what the database knew at that instant: no task of the host goes on without it.
#[derive(Debug)]
pub struct Greeted {
    pub opened: Opened,
    /// Permits of the hello that the database knew nothing of.
    pub unrecorded: Vec<Unrecorded>,
    pub leased: Vec<Leased>,
}

/// A heartbeat to be written.
#[derive(Debug)]
pub struct Beat {
    pub sandbox: SandboxId,
    pub epoch: i64,
    /// No job is open on the session.
    pub idle: bool,
    /// The leases that the agent named.
    pub named: Vec<LeaseId>,
}

/// The row has a later session than the one whose heartbeat it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded;

/// What the rows said when a heartbeat was written.
#[derive(Debug)]
pub struct Recorded {
    pub epoch: i64,
    /// The leases that the agent had named.
    pub named: Vec<LeaseId>,
    pub drain: Option<Drain>,
    pub leased: Vec<Leased>,
}

impl Rows {
    /// Starts writing; ends when every handle is gone.
    #[must_use]
    pub fn start(store: &Store, node: NodeId) -> Self {
        let (greeting, beating) = (store.clone(), store.clone());
        Self {
            hellos: Queue::start("hellos", HELLOS_GATHER, move |said| greet(greeting.clone(), node, said)),
            heartbeats: Queue::start("heartbeats", HEARTBEATS_GATHER, move |beats| record(beating.clone(), beats)),
        }
    }

    /// Opens a session. `None` when the database does not take it, or nobody knows. Whoever asks waits for the answer, which
    /// comes once the transactions before it and its own have had their time: a session that was opened and that nobody has
    /// would cost the one at another node.
    pub async fn open(&self, said: Said) -> Option<Result<Greeted, Standing>> {
        self.hellos.put(said).await
    }

    /// Writes a heartbeat. `None` when it was not written: a later one is.
    pub async fn record(&self, beat: Beat) -> Option<Result<Recorded, Superseded>> {
        self.heartbeats.put(beat).await
    }
}

/// What concerns one sandbox.
trait Concerns: Send + 'static {
    fn sandbox(&self) -> SandboxId;
}

impl Concerns for Said {
    fn sandbox(&self) -> SandboxId {
        self.opening.sandbox
    }
}

impl Concerns for Beat {
    fn sandbox(&self) -> SandboxId {
        self.sandbox
    }
}

/// What waits to be written, with whom to answer.
#[derive(Debug)]
struct Queue<W, A> {
    what: &'static str,
    queue: mpsc::Sender<(W, oneshot::Sender<A>)>,
}

impl<W, A> Clone for Queue<W, A> {
    fn clone(&self) -> Self {
        Self { what: self.what, queue: self.queue.clone() }
    }
}

impl<W: Concerns, A: Send + 'static> Queue<W, A> {
    fn start<F>(what: &'static str, gather: Duration, write: impl Fn(Vec<W>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<HashMap<SandboxId, A>, StoreError>> + Send,
    {
        let (queue, mut waiting) = mpsc::channel::<(W, oneshot::Sender<A>)>(QUEUE_MAX);
        tokio::spawn(async move {
            while let Some(first) = waiting.recv().await {
                // A full batch waits for nobody.
                if waiting.len() + 1 < BATCH_MAX {
                    tokio::time::sleep(gather).await;
                }
                let rest = std::iter::from_fn(|| waiting.try_recv().ok()).take(BATCH_MAX - 1);
                // In the order of their ids, as rows are locked. Of two that concern one sandbox the later counts; what nobody
                // waits for any more is not done.
                let batch: BTreeMap<SandboxId, (W, oneshot::Sender<A>)> = std::iter::once(first)
                    .chain(rest)
                    .filter(|(_, reply)| !reply.is_closed())
                    .map(|waiting| (waiting.0.sandbox(), waiting))
                    .collect();
                let (batch, replies): (Vec<W>, Vec<_>) =
                    batch.into_iter().map(|(sandbox, (wanted, reply))| (wanted, (sandbox, reply))).unzip();
                if batch.is_empty() {
                    continue;
                }
                match AssertUnwindSafe(db::in_time(what, write(batch))).catch_unwind().await {
                    Ok(Ok(mut answers)) => {
                        for (sandbox, reply) in replies {
                            if let Some(answer) = answers.remove(&sandbox) {
                                // Whoever gave up waiting says hello again.
                                let _ = reply.send(answer);
                            }
                        }
                    }
                    Ok(Err(error)) => {
                        warn!(%error, what, sandboxes = replies.len(), "what agents said was not written")
                    }
                    Err(_) => error!(what, sandboxes = replies.len(), "writing what agents said panicked"),
                }
            }
        });
        Self { what, queue }
    }

    async fn put(&self, wanted: W) -> Option<A> {
        let (reply, answer) = oneshot::channel();
        if self.queue.try_send((wanted, reply)).is_err() {
            metrics::counter!("valet_agents_words_dropped_total", "what" => self.what).increment(1);
            return None;
        }
        answer.await.ok()
    }
}

async fn greet(
    store: Store,
    node: NodeId,
    said: Vec<Said>,
) -> Result<HashMap<SandboxId, Result<Greeted, Standing>>, StoreError> {
    let mut tx = store.begin().await?;
    let agents: Vec<_> = said.iter().map(|said| (said.sandbox(), said.certificate)).collect();
    let standings = agents::standings(&mut tx, &agents).await?;
    let standing = |said: &Said| standings.get(&said.sandbox()).copied().unwrap_or(Standing::Revoked);
    let (good, bad): (Vec<Said>, Vec<Said>) = said.into_iter().partition(|said| standing(said) == Standing::Good);
    let mut greeted: HashMap<_, _> = bad.iter().map(|said| (said.sandbox(), Err(standing(said)))).collect();
    let mut unrecorded = HashMap::new();
    for said in &good {
        // Before the rows are locked.
        unrecorded.insert(said.sandbox(), permits::keep_unrecorded(&mut tx, said.sandbox(), &said.used).await?);
    }
    let openings: Vec<Opening> = good.into_iter().map(|said| said.opening).collect();
    let sandboxes: Vec<SandboxId> = openings.iter().map(|opening| opening.sandbox).collect();
    let opened = agents::open_sessions(&mut tx, node, &openings).await?;
    let mut leased = tasks::leased_on(&mut tx, &sandboxes).await?;
    db::commit(tx, "opening sessions").await?;
    // Revoked in between, unless it was opened.
    greeted.extend(sandboxes.into_iter().map(|sandbox| (sandbox, Err(Standing::Revoked))));
    greeted.extend(opened.into_iter().map(|opened| {
        let sandbox = opened.sandbox;
        let unrecorded = unrecorded.remove(&sandbox).unwrap_or_default();
        (sandbox, Ok(Greeted { opened, unrecorded, leased: leased.remove(&sandbox).unwrap_or_default() }))
    }));
    Ok(greeted)
}

async fn record(
    store: Store,
    beats: Vec<Beat>,
) -> Result<HashMap<SandboxId, Result<Recorded, Superseded>>, StoreError> {
    let sessions: Vec<(SandboxId, i64)> = beats.iter().map(|beat| (beat.sandbox, beat.epoch)).collect();
    let mut tx = store.begin().await?;
    let beaten = agents::record_heartbeats(&mut tx, &sessions).await?;
    db::commit(tx, "recording heartbeats").await?;
    let mut beaten: HashMap<_, _> = beaten.into_iter().map(|beaten| (beaten.sandbox, beaten)).collect();
    // A host without work costs no more than its heartbeat.
    let works = |beat: &&Beat| {
        !beat.idle || !beat.named.is_empty() || beaten.get(&beat.sandbox).is_some_and(|row| row.load > 0)
    };
    let working: Vec<SandboxId> = beats.iter().filter(works).map(|beat| beat.sandbox).collect();
    let mut leased = match &working[..] {
        [] => HashMap::new(),
        // By itself: whoever takes a slot waits for the rows above.
        working => tasks::leased_on(&mut store.begin().await?, working).await?,
    };
    let recorded = beats.into_iter().map(|Beat { sandbox, epoch, named, .. }| {
        let leased = leased.remove(&sandbox).unwrap_or_default();
        let row = beaten.remove(&sandbox).ok_or(Superseded);
        (sandbox, row.map(|row| Recorded { epoch, named, drain: row.drain, leased }))
    });
    Ok(recorded.collect())
}
