//! The jobs of this agent: one task per lease, which owns a page and reports to a spool.
//!
//! [`crate::session`] brings streams and takes heartbeats' figures from here; pages come from
//! [`crate::page::Browsers`]. A job outlives the connection: its stream is re-attached after a reconnection.
//!
//! The order that makes an application sent at most once, in [`runner`]: permit received → valid, form and values as
//! reviewed → recorded as used on the disk → still valid → click. Whatever fails before the click gives the permit
//! back; whatever is unclear after the record is an unknown outcome, also after a crash or restart. A job whose page outlived
//! this program goes on ([`adopt`], [`keep`]); of the others only the ledger knows ([`past`]).

pub(crate) mod adopt;
mod answers;
pub(crate) mod files;
mod guard;
pub(crate) mod job;
mod keep;
mod past;
mod permits;
mod photos;
mod runner;
mod spool;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use protocol::ids::{LeaseId, TaskId};
use protocol::wire::message::{HeldLease, JobDown, JobStart};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, error, info_span, warn};

use self::adopt::Adoptable;
use self::answers::Answers;
use self::files::JobFiles;
use self::job::Job;
use self::keep::Keep;
use self::runner::{CLOSE_AFTER, Runner, Tools};
use self::spool::Spool;
use crate::ledger::Ledger;
use crate::page::Browsers;
use crate::session::clock::LeaseClock;
use crate::session::uplink::Uplink;

/// Jobs known at a time, finished ones that are not acknowledged included.
const JOBS_MAX: usize = 512;

/// All jobs of an agent. Cheap to clone.
pub(crate) struct Jobs<B>(Arc<Inner<B>>);

impl<B> Clone for Jobs<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<B> {
    browsers: B,
    ledger: Arc<Ledger>,
    uplink: Uplink,
    clock: LeaseClock,
    folder: PathBuf,
    jobs: Mutex<HashMap<LeaseId, Arc<Job>>>,
    /// Leases of an earlier life of this agent that nobody has asked for yet.
    past: Mutex<HashMap<LeaseId, TaskId>>,
    changed: watch::Sender<()>,
    tasks: TaskTracker,
    stopping: AtomicBool,
}

/// Too many jobs.
#[derive(Debug)]
pub(crate) struct Full;

impl<B: Browsers> Jobs<B> {
    /// Jobs of an earlier life that are `adoptable` go on at once; the other leases of the ledger are past.
    pub fn new(
        browsers: B,
        ledger: Arc<Ledger>,
        uplink: Uplink,
        clock: LeaseClock,
        folder: PathBuf,
        adoptable: HashMap<LeaseId, Adoptable>,
    ) -> Self {
        let past = ledger.leases().into_iter().filter(|(lease, _)| !adoptable.contains_key(lease)).collect();
        let this = Self(Arc::new(Inner {
            browsers,
            ledger,
            uplink,
            clock,
            folder,
            jobs: Mutex::default(),
            past: Mutex::new(past),
            changed: watch::Sender::new(()),
            tasks: TaskTracker::new(),
            stopping: AtomicBool::new(false),
        }));
        adoptable.into_values().for_each(|adoptable| this.adopt(adoptable));
        this
    }

    fn adopt(&self, Adoptable { tab, kept }: Adoptable) {
        let (lease, task) = (kept.start.lease, kept.start.task);
        let files = Arc::new(JobFiles::found(self.folder(lease)));
        let spool = Spool::restored(kept.last, kept.frames.clone());
        let (job, mut inbox) = Job::new(lease, Some(task), spool, files);
        self.jobs().insert(lease, job.clone());
        let keep = Keep::resumed(job.files.folder(), &kept);
        let runner = Runner::new(job.clone(), kept.start, keep, Answers::restored(&kept.answered), self.tools());
        let (inner, of) = (self.0.clone(), job.clone());
        self.spawn(job, async move {
            let run = AssertUnwindSafe(runner.resume(tab, &kept.page, &inner.browsers, &mut inbox)).catch_unwind();
            match run.await {
                Ok(true) => {}
                Ok(false) => past::run(of, inner.ledger.clone(), inbox).await,
                Err(_) => crashed(of, inner.ledger.clone(), inbox).await,
            }
        });
    }

    fn tools(&self) -> Tools {
        let Inner { ledger, uplink, clock, .. } = &*self.0;
        Tools { ledger: ledger.clone(), uplink: uplink.clone(), clock: clock.clone(), close_after: CLOSE_AFTER }
    }

    /// Begins a job, or finds the one that was begun under this lease.
    pub fn start(&self, start: JobStart) -> Result<Arc<Job>, Full> {
        let lease = start.lease;
        let mut jobs = self.jobs();
        if let Some(job) = jobs.get(&lease) {
            return Ok(job.clone());
        }
        if jobs.len() >= JOBS_MAX {
            return Err(Full);
        }
        let files = Arc::new(JobFiles::new(self.folder(lease)));
        let (job, mut inbox) = Job::new(lease, Some(start.task), Spool::after_number(0), files);
        jobs.insert(lease, job.clone());
        drop(jobs);
        self.0.changed.send_replace(());
        if let Err(error) = self.0.ledger.lease_began(lease, start.task) {
            // The job may go on: a permit will not be used without a ledger.
            error!(%lease, %error, "a lease could not be recorded");
        }
        let keep = Keep::new(job.files.folder(), &start);
        let runner = Runner::new(job.clone(), start, keep, Answers::default(), self.tools());
        let (inner, of) = (self.0.clone(), job.clone());
        self.spawn(job.clone(), async move {
            let run = AssertUnwindSafe(runner.run(&inner.browsers, &mut inbox)).catch_unwind();
            if run.await.is_err() {
                crashed(of, inner.ledger.clone(), inbox).await;
            }
        });
        Ok(job)
    }

    /// Finds the job of a lease; one this agent has no page for is answered from the ledger.
    pub fn attach(&self, lease: LeaseId, acked: u64) -> Result<Arc<Job>, Full> {
        let mut jobs = self.jobs();
        if let Some(job) = jobs.get(&lease) {
            job.spool.at_least(acked);
            job.take(JobDown::Ack { report: acked });
            return Ok(job.clone());
        }
        if jobs.len() >= JOBS_MAX {
            return Err(Full);
        }
        let task = self.past().remove(&lease);
        let files = Arc::new(JobFiles::new(self.folder(lease)));
        let (job, inbox) = Job::new(lease, task, Spool::after_number(acked), files);
        job.alive.store(false, Ordering::Release);
        jobs.insert(lease, job.clone());
        drop(jobs);
        self.0.changed.send_replace(());
        self.spawn(job.clone(), past::run(job.clone(), self.0.ledger.clone(), inbox));
        Ok(job)
    }

    /// Forgets a lease without a word.
    pub fn release(&self, lease: LeaseId) {
        let job = self.jobs().get(&lease).cloned();
        match job {
            Some(job) => job.released.cancel(),
            None => {
                self.past().remove(&lease);
                self.ended(lease);
            }
        }
    }

    /// The job of a lease, when there is one within `patience`: a file may overtake the start of its job.
    pub async fn wait_for(&self, lease: LeaseId, patience: Duration) -> Option<Arc<Job>> {
        let mut changed = self.0.changed.subscribe();
        let found = async {
            loop {
                changed.borrow_and_update();
                if let Some(job) = self.jobs().get(&lease) {
                    return Some(job.clone());
                }
                changed.changed().await.ok()?;
            }
        };
        timeout(patience, found).await.ok().flatten()
    }

    /// Every lease held, for a hello.
    pub fn held(&self) -> Vec<HeldLease> {
        let past = self.past();
        let past =
            past.iter().map(|(lease, task)| HeldLease { lease: *lease, task: *task, alive: false, last_report: 0 });
        let jobs = self.jobs();
        let live = jobs.values().filter_map(|job| {
            let (lease, alive, last_report) = (job.lease, job.is_alive(), job.last_report());
            job.task.map(|task| HeldLease { lease, task, alive, last_report })
        });
        live.chain(past).collect()
    }

    /// Every lease held, for a heartbeat.
    pub fn leases(&self) -> Vec<LeaseId> {
        self.jobs().keys().copied().collect()
    }

    /// Pages in use.
    pub fn pages(&self) -> usize {
        self.jobs().values().filter(|job| job.is_alive()).count()
    }

    /// Resolves when the number of jobs may have changed.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Resolves when no job has a page any more.
    pub async fn idle(&self) {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if self.pages() == 0 {
                return;
            }
            // A page that is closed is followed by its job's end, or at the latest by that of the drain.
            let _ = timeout(Duration::from_millis(200), changed.changed()).await;
        }
    }

    /// Closes every page and ends every job without a word: their leases stay in the ledger.
    pub async fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.jobs().values().for_each(|job| job.released.cancel());
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Keeps a job's task until the job is over.
    fn spawn(&self, job: Arc<Job>, run: impl Future<Output = ()> + Send + 'static) {
        let this = self.clone();
        let span = info_span!("job", lease = %job.lease);
        self.0.tasks.spawn(
            async move {
                run.await;
                job.files.remove().await;
                this.jobs().remove(&job.lease);
                this.0.changed.send_replace(());
                // What this process breaks off because it stops is named in the hello of its next life.
                if !this.0.stopping.load(Ordering::Acquire) {
                    this.ended(job.lease);
                }
            }
            .instrument(span),
        );
    }

    fn ended(&self, lease: LeaseId) {
        if let Err(error) = self.0.ledger.lease_ended(lease) {
            warn!(%lease, %error, "the end of a lease could not be recorded");
        }
    }

    fn folder(&self, lease: LeaseId) -> PathBuf {
        self.0.folder.join(lease.to_string())
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<LeaseId, Arc<Job>>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn past(&self) -> MutexGuard<'_, HashMap<LeaseId, TaskId>> {
        self.0.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job's task panicked. From here on it is as after a restart without its page: only the ledger knows.
async fn crashed(job: Arc<Job>, ledger: Arc<Ledger>, inbox: mpsc::Receiver<JobDown>) {
    error!(lease = %job.lease, "a job crashed");
    metrics::counter!("valet_jobs_crashed_total").increment(1);
    past::run(job, ledger, inbox).await;
}
