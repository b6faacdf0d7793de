//! Sending: one click for one permit, and what comes of it; also of a click that an earlier life of this agent made.

use std::time::Duration;

use protocol::ids::PermitId;
use protocol::task::Phase;
use protocol::wire::message::{Permit, Report, ReturnReason};
use tokio::time::timeout;
use tracing::warn;

use super::super::guard::Stop;
use super::super::permits::unknown;
use super::Runner;
use crate::ledger::PermitState;
use crate::page::{Click, Page};
use crate::session::clock::Moment;

/// How long the page may be watched after the click.
const SUBMIT_PATIENCE: Duration = Duration::from_secs(30);
/// For a page that died during a submission to say what it saw.
const DEATH_PATIENCE: Duration = Duration::from_secs(2);
/// A permit lives 5 s; nothing the coordinator sends may make it live long.
const PERMIT_TTL_MAX: Duration = Duration::from_secs(60);
/// How long a page of an earlier life is looked at for the end of a click of that life. Whatever was under way then was
/// cut off with it; what the page shows by itself it shows in seconds.
const AFTERMATH_PATIENCE: Duration = Duration::from_secs(10);
/// For a session to be there that takes the photograph of that.
const WELCOME_PATIENCE: Duration = Duration::from_secs(10);

impl<P: Page> Runner<P> {
    /// Sends the application if, and only if, everything the permit names holds. See the invariants in the module
    /// docs of [`crate::jobs`].
    pub(super) async fn submit(&mut self, permit: Permit) -> Report {
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
    async fn may_click(&mut self, permit: &Permit) -> Result<Moment, ReturnReason> {
        let ttl = Duration::from_millis(permit.ttl_ms.into()).min(PERMIT_TTL_MAX);
        // Without a `Ready` that still stands there is nothing the permit could be for.
        let deadline = self.ready.ok_or(self.unready)?.after(ttl);
        self.still_valid(permit.id, deadline)?;
        let Some(page) = &mut self.page else { return Err(ReturnReason::NoSubmit) };
        let checked = self.guard.run(async { Ok(timeout(deadline.left(), page.check(permit)).await) }).await;
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

    fn still_valid(&self, permit: PermitId, deadline: Moment) -> Result<(), ReturnReason> {
        if self.job.is_revoked(permit) || self.job.ending.is_cancelled() || self.job.released.is_cancelled() {
            return Err(ReturnReason::Revoked);
        }
        if deadline.left().is_zero() || self.clock.has_run_out() {
            return Err(ReturnReason::Expired);
        }
        Ok(())
    }

    /// The click and what came of it. From here nothing breaks it off but its own limits.
    async fn click(&mut self, deadline: Moment) -> Click {
        self.ready = None;
        let Some(page) = &mut self.page else { return Click::NotMade(ReturnReason::NoSubmit) };
        let dead = self.guard.dead();
        let submit = page.submit(deadline, SUBMIT_PATIENCE);
        let gone = async {
            tokio::select! {
                () = tokio::time::sleep(deadline.left() + SUBMIT_PATIENCE) => {}
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

    /// Settles the permits that an earlier life left open. Nobody clicks for them any more.
    pub(super) async fn conclude_earlier(&mut self) {
        for entry in self.ledger.permits_of(self.job.lease) {
            let report = match entry.state {
                PermitState::Received => self.permits.give_back(entry.permit, ReturnReason::Expired).await,
                PermitState::Used => self.aftermath(entry.permit).await,
                // It was said, waits in the spool, or is said when the coordinator asks again.
                PermitState::Returned(_) | PermitState::Outcome(_) => continue,
            };
            self.report(&report);
        }
    }

    /// How the click ended that an earlier life made or may have made.
    async fn aftermath(&mut self, permit: PermitId) -> Report {
        let dead = self.guard.dead();
        let outcome = match &mut self.page {
            Some(page) => tokio::select! {
                biased;
                outcome = page.aftermath(AFTERMATH_PATIENCE) => outcome,
                _ = dead => unknown(),
                () = tokio::time::sleep(AFTERMATH_PATIENCE + DEATH_PATIENCE) => unknown(),
                () = self.job.released.cancelled() => unknown(),
            },
            None => unknown(),
        };
        self.permits.conclude(permit, outcome.clone()).await;
        self.report(&Report::Phase(Phase::Verifying));
        let welcome = async {
            tokio::select! {
                () = self.clock.running() => {}
                () = self.job.released.cancelled() => {}
            }
        };
        let _ = timeout(WELCOME_PATIENCE, welcome).await;
        let screenshot = self.photograph("submitted").await;
        Report::Outcome { permit, outcome, screenshot }
    }
}
