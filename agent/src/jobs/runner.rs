//! Carries out one job: a task that owns the page and does one thing at a time.
//!
//! Commands come from the job's stream ([`super::job`]), reports go to its spool. Work on the page is broken off by
//! the end of the job, of the lease or of the page ([`super::guard`]); a submission, once its permit is used, is not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::form::{FormModel, Value};
use protocol::ids::PermitId;
use protocol::plan::FillResult;
use protocol::task::{ErrorCode, Failure, FailureClass, Phase};
use protocol::wire::message::{FillItem, JobDown, JobStart, Permit, Report, ReturnReason, Screenshot, SubmitOutcome};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use super::answers::{self, Answers};
use super::guard::{Guard, Stop};
use super::job::Job;
use super::permits::{Permits, unknown};
use super::photos;
use crate::ledger::Ledger;
use crate::page::{Browsers, Click, Page};
use crate::session::clock::LeaseClock;
use crate::session::uplink::Uplink;

/// How long a page may stay as it is after its lease ran out: a coordinator that comes back may take it up again.
const CLOSE_AFTER: Duration = Duration::from_secs(60);
/// How long the page may be watched after the click.
const SUBMIT_PATIENCE: Duration = Duration::from_secs(30);
/// For a page that died during a submission to say what it saw.
const DEATH_PATIENCE: Duration = Duration::from_secs(2);
/// A permit lives 5 s; nothing the coordinator sends may make it live long.
const PERMIT_TTL_MAX: Duration = Duration::from_secs(60);
/// For the job's files to arrive before a form that needs them is filled without.
const FILES_TIMEOUT: Duration = Duration::from_secs(20);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a job needs of its agent.
pub(super) struct Tools {
    pub ledger: Arc<Ledger>,
    pub uplink: Uplink,
    pub clock: LeaseClock,
}

pub(super) struct Runner<P> {
    job: Arc<Job>,
    start: JobStart,
    page: Option<P>,
    guard: Guard,
    permits: Permits,
    uplink: Uplink,
    clock: LeaseClock,
    answers: Answers,
    watched: watch::Receiver<bool>,
    /// When the last `Ready` was given to the stream, if nothing was touched since.
    ready: Option<Instant>,
}

impl<P: Page> Runner<P> {
    pub fn new(job: Arc<Job>, start: JobStart, tools: Tools) -> Self {
        let Tools { ledger, uplink, clock } = tools;
        Self {
            guard: Guard::new(job.clone(), clock.clone()),
            permits: Permits::new(ledger, job.clone(), start.task),
            watched: job.watched.subscribe(),
            job,
            start,
            page: None,
            uplink,
            clock,
            answers: Answers::default(),
            ready: None,
        }
    }

    /// Runs until the coordinator has acknowledged the end of the job, or does not know it any more.
    pub async fn run<B: Browsers<Page = P>>(mut self, browsers: &B, inbox: &mut mpsc::Receiver<JobDown>) {
        let begun = self.begin(browsers).await;
        self.settle(begun).await;
        loop {
            tokio::select! {
                biased;
                () = self.job.released.cancelled() => break,
                failure = self.guard.dead() => self.settle(Err(Stop::Failed(failure))).await,
                () = self.clock.over_for(CLOSE_AFTER), if self.page.is_some() => {
                    self.settle(Err(Stop::RanOut)).await;
                }
                Ok(()) = self.watched.changed(), if self.page.is_some() => {
                    self.watched.mark_changed();
                    self.show().await;
                }
                command = next(&self.job, inbox) => {
                    let Some(command) = command else { break };
                    if self.perform(command).await {
                        break;
                    }
                }
            }
        }
        self.close().await;
    }

    /// From nothing to the first look at the form.
    async fn begin<B: Browsers<Page = P>>(&mut self, browsers: &B) -> Result<(), Stop> {
        self.report(&Report::Phase(Phase::StartingBrowser));
        let page = self.guard.run(browsers.lease(self.start.task)).await?;
        self.guard.watch(page.dead());
        self.page = Some(page);
        self.show().await;
        self.report(&Report::Phase(Phase::Navigating));
        let Some(page) = &mut self.page else { return Err(no_page()) };
        self.guard.run(page.open(&self.start.url)).await?;
        self.report(&Report::Phase(Phase::Analyzing));
        let seen = self.look().await?;
        self.report(&seen);
        Ok(())
    }

    /// Performs a command, once. True when the job is over and everything of it acknowledged.
    async fn perform(&mut self, command: JobDown) -> bool {
        let Some(id) = answers::id(&command) else { return false };
        let last = matches!(command, JobDown::End { .. });
        match self.answers.get(id) {
            Some(Some(answer)) => self.report(&answer),
            Some(None) => {}
            None => {
                self.show().await;
                match self.carry_out(command).await {
                    Ok(report) => {
                        let ready = matches!(report, Report::Ready { .. });
                        let report = Arc::new(report);
                        self.answers.put(id, Some(report.clone()));
                        self.ready = ready.then(Instant::now);
                        self.report(&report);
                    }
                    Err(stop) => {
                        self.answers.put(id, None);
                        self.settle(Err(stop)).await;
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
                self.report(&Report::Phase(Phase::Filling));
                let (results, form) = self.enter(&items).await?;
                let screenshot = self.photograph("filled").await;
                Ok(Report::Filled { command, results, form, screenshot })
            }
            JobDown::Prepare { command, items } => {
                let (results, form) = self.enter(&items).await?;
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
                // `answers::id` has none for them, so they do not come here.
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
        self.ready = None;
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

    /// Sends the application if, and only if, everything the permit names holds. See the invariants in the module
    /// docs of [`crate::jobs`].
    async fn submit(&mut self, permit: Permit) -> Report {
        let id = permit.id;
        if let Some(settled) = self.permits.settled(id) {
            return settled;
        }
        if self.permits.receive(id).await.is_err() {
            return self.permits.give_back(id, ReturnReason::Ledger).await;
        }
        let deadline = match self.may_click(&permit).await {
            Ok(deadline) => deadline,
            Err(reason) => return self.permits.give_back(id, reason).await,
        };
        if let Err(error) = self.permits.use_up(id).await {
            warn!(permit = %id, %error, "no click without a record of it");
            return self.permits.give_back(id, ReturnReason::Ledger).await;
        }
        // Writing may have taken long, and a revocation may have come meanwhile.
        if let Err(reason) = self.still_valid(id, deadline) {
            return self.permits.give_back(id, reason).await;
        }
        self.report(&Report::Phase(Phase::Submitting));
        let outcome = match self.click(deadline).await {
            Click::NotMade(reason) => return self.permits.give_back(id, reason).await,
            Click::Made(outcome) => *outcome,
        };
        self.permits.conclude(id, outcome.clone()).await;
        self.report(&Report::Phase(Phase::Verifying));
        let screenshot = self.photograph("submitted").await;
        Report::Outcome { permit: id, outcome, screenshot }
    }

    /// Until when the click may be made; everything is checked, nothing touched.
    async fn may_click(&mut self, permit: &Permit) -> Result<Instant, ReturnReason> {
        let ttl = Duration::from_millis(permit.ttl_ms.into()).min(PERMIT_TTL_MAX);
        // Without a `Ready` that still stands there is nothing the permit could be for.
        let deadline = self.ready.ok_or(ReturnReason::FormChanged)? + ttl;
        self.still_valid(permit.id, deadline)?;
        let Some(page) = &mut self.page else { return Err(ReturnReason::NoSubmit) };
        let checked = self.guard.run(async { Ok(timeout_at(deadline, page.check(permit)).await) }).await;
        match checked {
            Ok(Ok(same)) => same?,
            Ok(Err(_)) => return Err(ReturnReason::Expired),
            Err(Stop::Ending | Stop::Released) => return Err(ReturnReason::Revoked),
            Err(Stop::RanOut) => return Err(ReturnReason::Expired),
            Err(Stop::Failed(_)) => return Err(ReturnReason::NoSubmit),
        }
        self.still_valid(permit.id, deadline)?;
        Ok(deadline)
    }

    fn still_valid(&self, permit: PermitId, deadline: Instant) -> Result<(), ReturnReason> {
        if self.job.is_revoked(permit) || self.job.ending.is_cancelled() || self.job.released.is_cancelled() {
            return Err(ReturnReason::Revoked);
        }
        if Instant::now() >= deadline || self.clock.has_run_out() {
            return Err(ReturnReason::Expired);
        }
        Ok(())
    }

    /// The click and what came of it. From here nothing breaks it off but its own limits.
    async fn click(&mut self, deadline: Instant) -> Click {
        self.ready = None;
        let Some(page) = &mut self.page else { return Click::NotMade(ReturnReason::NoSubmit) };
        let dead = self.guard.dead();
        let submit = page.submit(deadline, SUBMIT_PATIENCE);
        let gone = async {
            tokio::select! {
                () = tokio::time::sleep_until(deadline + SUBMIT_PATIENCE) => {}
                _ = dead => {}
            }
            tokio::time::sleep(DEATH_PATIENCE).await;
        };
        tokio::select! {
            biased;
            click = submit => click,
            // The page did not say: the click may have been made.
            () = gone => Click::Made(Box::new(unknown())),
        }
    }

    /// Puts a job that was broken off into the state that follows from it.
    async fn settle(&mut self, done: Result<(), Stop>) {
        let failure = match done {
            // The `End` is in the inbox, or the loop sees the release.
            Ok(()) | Err(Stop::Ending | Stop::Released) => return,
            Err(Stop::RanOut) => ran_out(),
            Err(Stop::Failed(failure)) => failure,
        };
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
        self.ready = None;
        self.guard.forget();
        if let Some(mut page) = self.page.take()
            && timeout(CLOSE_TIMEOUT, page.close()).await.is_err()
        {
            warn!(lease = %self.job.lease, "a page did not close in time");
        }
    }

    /// Begins or ends the live view as it is wanted now.
    async fn show(&mut self) {
        if !self.watched.has_changed().unwrap_or(false) {
            return;
        }
        let on = *self.watched.borrow_and_update();
        let Some(page) = &mut self.page else { return self.watched.mark_changed() };
        let frames = on.then(|| {
            // One being sent, one newer.
            let (sender, frames) = mpsc::channel(2);
            tokio::spawn(self.uplink.clone().live(self.job.lease, frames));
            sender
        });
        let changed = self.guard.run(async {
            page.watch(frames).await;
            Ok(())
        });
        if let Err(Stop::Failed(failure)) = changed.await {
            warn!(code = %failure.code, "a live view could not be changed");
        }
    }

    /// A photograph of the page, stored before the report that names it; none when there is no page to photograph.
    async fn photograph(&mut self, step: &'static str) -> Option<Screenshot> {
        let page = self.page.as_mut()?;
        let photo = self.guard.run(page.photo()).await.ok()?;
        let (header, bytes) = photos::artifact(self.job.lease, step, photo);
        let screenshot = Screenshot { artifact: header.artifact, width: header.width, height: header.height };
        match self.guard.run(self.uplink.store(&header, &bytes)).await {
            Ok(()) => Some(screenshot),
            Err(Stop::Failed(failure)) => {
                self.report(&Report::Unstored { step: step.to_owned(), failure });
                None
            }
            Err(_) => None,
        }
    }

    fn report(&self, report: &Report) {
        if self.job.spool.push(report).is_ok() {
            return;
        }
        // Only forms can be too large; what the coordinator waits for is still said.
        warn!(lease = %self.job.lease, "a report is too large");
        let instead = match report {
            Report::Outcome { permit, outcome, screenshot } => {
                let outcome = match outcome {
                    SubmitOutcome::Rejected { .. } => unknown(),
                    other => other.clone(),
                };
                Report::Outcome { permit: *permit, outcome, screenshot: *screenshot }
            }
            _ => Report::Failed {
                failure: Failure::new(FailureClass::Page, ErrorCode::NotAForm, "The page's form is too large."),
                screenshot: None,
            },
        };
        if self.job.spool.push(&instead).is_err() {
            warn!(lease = %self.job.lease, "a report was lost: nothing of it fits a frame");
        }
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
