//! Bounds every piece of work on a page: by the job's end, the lease, the page's death and the clock.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use protocol::planted::{Bug, planted};
use protocol::task::{ErrorCode, Failure, FailureClass};
use protocol::wire::WORK_SECONDS;

use super::job::Job;
use crate::session::clock::LeaseClock;

/// A page bounds its own methods; this is for one that does not keep to it.
const WORK_TIMEOUT: Duration = Duration::from_secs(WORK_SECONDS as u64);

/// Why work was broken off.
#[derive(Debug)]
pub(super) enum Stop {
    /// The coordinator ends the job.
    Ending,
    /// The coordinator does not know the lease.
    Released,
    /// The lease ran out: no more actions on the page.
    RanOut,
    Failed(Failure),
}

pub(super) struct Guard {
    job: Arc<Job>,
    clock: LeaseClock,
    dead: Shared<BoxFuture<'static, Failure>>,
}

impl Guard {
    pub fn new(job: Arc<Job>, clock: LeaseClock) -> Self {
        Self { job, clock, dead: std::future::pending().boxed().shared() }
    }

    /// From now on the death of this page breaks work off.
    pub fn watch(&mut self, dead: impl Future<Output = Failure> + Send + 'static) {
        self.dead = dead.boxed().shared();
    }

    /// There is no page any more.
    pub fn forget(&mut self) {
        self.dead = std::future::pending().boxed().shared();
    }

    pub fn dead(&self) -> impl Future<Output = Failure> + use<> {
        self.dead.clone()
    }

    /// Does `work` unless and until something breaks it off.
    pub async fn run<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            stop = self.stopped() => Err(stop),
            done = tokio::time::timeout(WORK_TIMEOUT, work) => match done {
                Ok(done) => done.map_err(Stop::Failed),
                Err(_) => Err(Stop::Failed(Failure::new(
                    FailureClass::BrowserLost,
                    ErrorCode::BrowserLost,
                    "The browser did not answer.",
                ))),
            },
        }
    }

    async fn stopped(&self) -> Stop {
        tokio::select! {
            biased;
            () = self.job.released.cancelled() => Stop::Released,
            () = self.job.ending.cancelled() => Stop::Ending,
            () = self.clock.over_for(Duration::ZERO), if !planted(Bug::FreezeSkipped) => Stop::RanOut,
            failure = self.dead() => Stop::Failed(failure),
        }
    }
}
