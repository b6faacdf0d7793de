//! Carries out one job: a task that owns the page and does one thing at a time.
//!
//! Commands come from the job's stream ([`super::job`]), reports go to its spool. Work on the page is broken off by
//! the end of the job, of the lease or of the page ([`super::guard`]); a submission, once its permit is used, is not.
//!
//! A lease that runs out freezes the page: work that it broke off is done again when the lease is renewed, and after a
//! minute without that the page is closed. A job of an earlier life ([`super::adopt`]) begins frozen.

mod sending;
mod telling;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::form::{FormModel, Value};
use protocol::plan::FillResult;
use protocol::task::{ErrorCode, Failure, FailureClass, Phase};
use protocol::wire::message::{FillItem, JobDown, JobStart, Report, ReturnReason};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::answers::Answers;
use super::guard::{Guard, Stop};
use super::job::Job;
use super::keep::Keep;
use super::permits::Permits;
use crate::ledger::Ledger;
use crate::page::{Browsers, Page, Tab};
use crate::session::clock::{LeaseClock, Moment};
use crate::session::uplink::Uplink;

/// How long a page may stay as it is after its lease ran out: a coordinator that comes back may take it up again.
pub(super) const CLOSE_AFTER: Duration = Duration::from_secs(60);
/// For the job's files to arrive before a form that needs them is filled without.
const FILES_TIMEOUT: Duration = Duration::from_secs(20);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after a change the page is photographed: a person who types is not to wait for pictures, which take up to half a
/// second each, and one that looks at the page sees it soon enough.
const PICTURE_AFTER: Duration = Duration::from_millis(300);

/// What a job needs of its agent.
pub(super) struct Tools {
    pub ledger: Arc<Ledger>,
    pub uplink: Uplink,
    pub clock: LeaseClock,
    /// See [`CLOSE_AFTER`].
    pub close_after: Duration,
}

/// Work on the page that the end of the lease broke off.
enum Unfinished {
    /// From nothing to the first look.
    Begin,
    Command(JobDown),
}

pub(super) struct Runner<P> {
    job: Arc<Job>,
    start: JobStart,
    page: Option<P>,
    ledger: Arc<Ledger>,
    /// Where the ledger says that the page is.
    tab: Option<Tab>,
    keep: Keep,
    unfinished: Option<Unfinished>,
    close_after: Duration,
    guard: Guard,
    permits: Permits,
    uplink: Uplink,
    clock: LeaseClock,
    answers: Answers,
    watched: watch::Receiver<bool>,
    /// The form was filled, and photographed then.
    filled: bool,
    /// When the form is to be photographed again.
    picture_due: Option<Instant>,
    /// When the last `Ready` was given to the stream, if nothing was touched since.
    ready: Option<Moment>,
    /// Why a permit is worth nothing while there is no `Ready`.
    unready: ReturnReason,
}

impl<P: Page> Runner<P> {
    pub fn new(job: Arc<Job>, start: JobStart, keep: Keep, answers: Answers, tools: Tools) -> Self {
        let Tools { ledger, uplink, clock, close_after } = tools;
        Self {
            guard: Guard::new(job.clone(), clock.clone()),
            permits: Permits::new(ledger.clone(), job.clone(), start.task),
            watched: job.watched.subscribe(),
            job,
            start,
            page: None,
            ledger,
            tab: None,
            keep,
            unfinished: None,
            close_after,
            uplink,
            clock,
            answers,
            filled: false,
            picture_due: None,
            ready: None,
            unready: ReturnReason::FormChanged,
        }
    }

    /// Runs until the coordinator has acknowledged the end of the job, or does not know it any more.
    pub async fn run<B: Browsers<Page = P>>(mut self, browsers: &B, inbox: &mut mpsc::Receiver<JobDown>) {
        self.finish(Unfinished::Begin, browsers).await;
        self.serve(browsers, inbox).await;
    }

    /// Goes on with a job of an earlier life, on the page it left at `tab`. False, with nothing said, when that page
    /// is gone: then only the ledger knows.
    pub async fn resume<B: Browsers<Page = P>>(
        mut self,
        tab: Tab,
        memory: &[u8],
        browsers: &B,
        inbox: &mut mpsc::Receiver<JobDown>,
    ) -> bool {
        // From here the page is guarded. Nothing is done with it before the lease runs again.
        let page = match browsers.adopt(&tab, memory).await {
            Ok(page) => page,
            Err(failure) => {
                info!(lease = %self.job.lease, code = %failure.code, "a page of before the restart cannot be used");
                self.keep.forget();
                return false;
            }
        };
        info!(lease = %self.job.lease, "the page of before the restart was taken over");
        metrics::counter!("valet_pages_adopted_total").increment(1);
        self.guard.watch(page.dead());
        (self.page, self.tab) = (Some(page), Some(tab));
        // What was ready in the earlier life was too long ago, by whatever clock.
        self.unready = ReturnReason::Expired;
        self.conclude_earlier().await;
        if !self.keep.is_seen() {
            self.unfinished = Some(Unfinished::Begin);
        }
        self.serve(browsers, inbox).await;
        true
    }

    async fn serve<B: Browsers<Page = P>>(mut self, browsers: &B, inbox: &mut mpsc::Receiver<JobDown>) {
        loop {
            tokio::select! {
                biased;
                () = self.job.released.cancelled() => break,
                failure = self.guard.dead() => self.settle(Stop::Failed(failure)).await,
                () = self.clock.over_for(self.close_after), if self.page.is_some() || self.unfinished.is_some() => {
                    self.settle(Stop::RanOut).await;
                }
                () = self.clock.running(), if self.unfinished.is_some() => {
                    if let Some(work) = self.unfinished.take() {
                        self.finish(work, browsers).await;
                    }
                }
                Ok(()) = self.watched.changed(), if self.page.is_some() => {
                    self.watched.mark_changed();
                    self.show().await;
                }
                // In their order: what comes now is for the page as that work leaves it, unless it is the end.
                command = next(&self.job, inbox),
                    if self.unfinished.is_none() || self.job.ending.is_cancelled() =>
                {
                    let Some(command) = command else { break };
                    if self.perform(command).await {
                        break;
                    }
                }
                () = due(self.picture_due), if self.page.is_some() && self.unfinished.is_none() => self.picture().await,
            }
        }
        self.close().await;
    }

    /// Does what was to be done; what the end of the lease breaks off is kept for its renewal.
    async fn finish<B: Browsers<Page = P>>(&mut self, work: Unfinished, browsers: &B) {
        match work {
            Unfinished::Begin => match self.begin(browsers).await {
                Ok(()) => {}
                Err(Stop::RanOut) => self.freeze(Unfinished::Begin),
                Err(stop) => self.settle(stop).await,
            },
            // It is not the last one: an `End` is not broken off.
            Unfinished::Command(command) => drop(self.perform(command).await),
        }
    }

    fn freeze(&mut self, work: Unfinished) {
        info!(lease = %self.job.lease, "the lease ran out: the page stays as it is");
        metrics::counter!("valet_jobs_frozen_total").increment(1);
        self.unfinished = Some(work);
    }

    /// From nothing to the first look at the form.
    async fn begin<B: Browsers<Page = P>>(&mut self, browsers: &B) -> Result<(), Stop> {
        if self.page.is_none() {
            self.report(&Report::Phase(Phase::StartingBrowser));
            let page = self.guard.run(browsers.lease(self.start.task)).await?;
            self.guard.watch(page.dead());
            self.page = Some(page);
            self.note_tab();
        }
        self.show().await;
        self.report(&Report::Phase(Phase::Navigating));
        let Some(page) = &mut self.page else { return Err(no_page()) };
        self.guard.run(page.open(&self.start.url)).await?;
        self.report(&Report::Phase(Phase::Analyzing));
        let seen = self.look().await?;
        self.keep.seen();
        self.report(&seen);
        Ok(())
    }

    /// Performs a command, once. True when the job is over and everything of it acknowledged.
    async fn perform(&mut self, command: JobDown) -> bool {
        let Some(id) = command.command() else { return false };
        let last = matches!(command, JobDown::End { .. });
        match self.answers.get(id) {
            Some(Some(answer)) => self.report(&answer),
            Some(None) => {}
            None => {
                self.show().await;
                match self.carry_out(command.clone()).await {
                    Err(Stop::RanOut) => self.freeze(Unfinished::Command(command)),
                    Ok(report) => {
                        let ready = matches!(report, Report::Ready { .. });
                        let report = Arc::new(report);
                        self.answers.put(id, Some(report.clone()));
                        self.ready = ready.then(Moment::now);
                        self.report(&report);
                    }
                    Err(stop) => {
                        self.answers.put(id, None);
                        self.settle(stop).await;
                    }
                }
            }
        }
        if last {
            tokio::select! {
                () = self.job.spool.drained() => {}
                () = self.job.released.cancelled() => {}
            }
        }
        last
    }

    async fn carry_out(&mut self, command: JobDown) -> Result<Report, Stop> {
        match command {
            JobDown::Fill { command, items } => {
                let again = std::mem::replace(&mut self.filled, true);
                if !again {
                    self.report(&Report::Phase(Phase::Filling));
                }
                let (results, form) = self.enter(&items).await?;
                let later = again && form.page.blocker.is_none();
                self.picture_due = later.then(|| Instant::now() + PICTURE_AFTER);
                let screenshot = if later { None } else { self.photograph("filled").await };
                Ok(Report::Filled { command, results, form, screenshot })
            }
            JobDown::Prepare { command, items } => {
                let (results, form) = self.enter(&items).await?;
                if self.picture_due.is_some() {
                    self.picture().await;
                }
                Ok(Report::Ready { command, results, form })
            }
            JobDown::Submit { permit, .. } => Ok(self.submit(permit).await),
            JobDown::Revoke { permit, .. } => Ok(match self.permits.settled(permit) {
                Some(settled) => settled,
                None => self.permits.give_back(permit, ReturnReason::Revoked).await,
            }),
            JobDown::Recheck { .. } => {
                self.report(&Report::Phase(Phase::Analyzing));
                self.look().await
            }
            JobDown::End { .. } => {
                self.close().await;
                self.job.files.remove().await;
                Ok(Report::Ended)
            }
            JobDown::Start(_) | JobDown::Attach { .. } | JobDown::Ack { .. } | JobDown::Watch { .. } => {
                // They have no id as commands, so they do not come here.
                Err(no_page())
            }
        }
    }

    /// Reads the page and says what it is.
    async fn look(&mut self) -> Result<Report, Stop> {
        let Some(page) = &mut self.page else { return Err(no_page()) };
        let form = self.guard.run(page.observe()).await?;
        Ok(match form.page.blocker.clone() {
            Some(blocker) => {
                let screenshot = self.photograph("blocked").await;
                Report::Blocked { blocker, page_url: form.page.url, screenshot }
            }
            None => {
                // A form is photographed when it is filled: a picture costs half a second, and this one is empty.
                let page = &form.page;
                let over = page.closed || page.already_applied || page.confirmation.is_some();
                let fillable = !over && !form.fields.is_empty() && (page.can_submit || page.can_advance);
                let screenshot = if fillable { None } else { self.photograph("observed").await };
                Report::Observed { form, screenshot }
            }
        })
    }

    /// Enters values and reads the whole form again.
    async fn enter(&mut self, items: &[FillItem]) -> Result<(Vec<FillResult>, FormModel), Stop> {
        (self.ready, self.unready) = (None, ReturnReason::FormChanged);
        let files = self.job.files.clone();
        let digests: Vec<_> = items
            .iter()
            .filter_map(|item| match &item.value {
                Value::File(file) => Some(file.sha256.as_str()),
                _ => None,
            })
            .collect();
        self.guard
            .run(async {
                files.wait(&digests, FILES_TIMEOUT).await;
                Ok(())
            })
            .await?;
        let Some(page) = &mut self.page else { return Err(no_page()) };
        let results = if items.is_empty() {
            Vec::new()
        } else {
            let sender = self.job.progress.clone();
            // Nobody listening is no fault: progress is for whoever looks.
            let mut progress = move |step| drop(sender.send(step));
            self.guard.run(page.fill(items, &*files, &mut progress)).await?
        };
        let form = self.guard.run(page.observe()).await?;
        Ok((results, form))
    }

    /// Puts a job that was broken off into the state that follows from it.
    async fn settle(&mut self, stop: Stop) {
        let failure = match stop {
            // The `End` is in the inbox, or the loop sees the release.
            Stop::Ending | Stop::Released => return,
            Stop::RanOut => ran_out(),
            Stop::Failed(failure) => failure,
        };
        self.unfinished = None;
        if !self.job.alive.swap(false, Ordering::AcqRel) {
            return;
        }
        info!(lease = %self.job.lease, code = %failure.code, "a job failed");
        let screenshot = match failure.class {
            FailureClass::BrowserLost | FailureClass::HostLost => None,
            _ => self.photograph("failed").await,
        };
        self.close().await;
        self.report(&Report::Failed { failure, screenshot });
    }

    async fn close(&mut self) {
        self.job.alive.store(false, Ordering::Release);
        (self.ready, self.picture_due) = (None, None);
        self.keep.forget();
        self.guard.forget();
        if let Some(mut page) = self.page.take()
            && timeout(CLOSE_TIMEOUT, page.close()).await.is_err()
        {
            warn!(lease = %self.job.lease, "a page did not close in time");
        }
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The next command, when the coordinator has taken enough reports for it. After an `End` arrived, only that one.
async fn next(job: &Job, inbox: &mut mpsc::Receiver<JobDown>) -> Option<JobDown> {
    loop {
        if !job.ending.is_cancelled() {
            job.spool.room().await;
        }
        let command = inbox.recv().await?;
        let asked_in_vain = matches!(command, JobDown::Fill { .. } | JobDown::Prepare { .. } | JobDown::Recheck { .. });
        if !(asked_in_vain && (job.ending.is_cancelled() || !job.is_alive())) {
            return Some(command);
        }
    }
}

fn ran_out() -> Failure {
    Failure::new(
        FailureClass::HostLost,
        ErrorCode::HostLost,
        "The browser host had no connection to the coordinator for too long.",
    )
}

fn no_page() -> Stop {
    Stop::Failed(Failure::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, "The page is gone."))
}
