//! What a job tells: reports into its spool, photographs before them, the live view, and where its page is.

use protocol::task::{ErrorCode, Failure, FailureClass};
use protocol::wire::message::{Report, Screenshot, SubmitOutcome};
use tokio::sync::mpsc;
use tracing::warn;

use super::super::guard::Stop;
use super::super::permits::unknown;
use super::super::photos;
use super::Runner;
use crate::page::Page;

impl<P: Page> Runner<P> {
    /// Begins or ends the live view as it is wanted now.
    pub(super) async fn show(&mut self) {
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
    pub(super) async fn photograph(&mut self, step: &'static str) -> Option<Screenshot> {
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

    /// Photographs the filled form again.
    pub(super) async fn picture(&mut self) {
        self.picture_due = None;
        if let Some(screenshot) = self.photograph("filled").await {
            self.report(&Report::Pictured { screenshot });
        }
    }

    /// Has the ledger know where the page is.
    pub(super) fn note_tab(&mut self) {
        let Some(tab) = self.page.as_ref().and_then(Page::tab) else { return };
        if self.tab.as_ref() == Some(&tab) {
            return;
        }
        match self.ledger.page_leased(self.job.lease, tab.clone()) {
            Ok(()) => self.tab = Some(tab),
            // It would be looked for where it is not, or not at all: lost at a restart, as its permits then are.
            Err(error) => warn!(lease = %self.job.lease, %error, "where a page is could not be recorded"),
        }
    }

    pub(super) fn report(&mut self, report: &Report) {
        self.note_tab();
        self.keep.answered(self.answers.commands());
        if let Some(page) = &self.page {
            self.keep.page(page.memory());
        }
        if self.push(report) {
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
        if !self.push(&instead) {
            warn!(lease = %self.job.lease, "a report was lost: nothing of it fits a frame");
        }
    }

    /// False when it does not fit a frame.
    fn push(&mut self, report: &Report) -> bool {
        let keep = &mut self.keep;
        self.job.spool.push(report, |last, frames| keep.save(last, frames)).is_ok()
    }
}
