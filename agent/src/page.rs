//! What a job asks of a page. The job runner ([`crate::jobs`]) drives it; [`crate::forms`] implements it over CDP.

use std::path::PathBuf;
use std::time::Duration;

use crate::session::clock::Moment;
use protocol::form::FormModel;
use protocol::ids::TaskId;
use protocol::plan::FillResult;
use protocol::task::Failure;
use protocol::wire::message::{FillItem, Permit, Progress, ReturnReason, SubmitOutcome};
use serde::{Deserialize, Serialize};

/// Names a page for an agent that was restarted: in which browser, which context, what it goes out by. Kept in the
/// ledger, so its fields are for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tab {
    /// The browser's process, and when it started (clock ticks since the host did).
    pub pid: u32,
    pub started: u64,
    /// Chromium's names of the browser context and of the tab in it.
    pub context: String,
    pub target: String,
    /// The port of the egress proxy that the context goes out by.
    pub way: u16,
}

/// A JPEG of the page, with every rectangle of the last observation in its pixels.
#[derive(Debug, Clone)]
pub struct Photo {
    pub jpeg: bytes::Bytes,
    pub width: u32,
    pub height: u32,
}

/// Where the files of a job lie on this host, by SHA-256 (hex) of their content.
pub trait Files: Send + Sync {
    /// The path of a file whose name is the one to be shown to the employer; `None` when it has not arrived.
    fn path(&self, sha256: &str) -> Option<PathBuf>;
}

/// What became of a click that was asked for.
#[derive(Debug)]
pub enum Click {
    /// No click was made, and the guard in the page is armed again: nothing can have been sent.
    NotMade(ReturnReason),
    /// The click was made, or may have been.
    Made(Box<SubmitOutcome>),
}

/// One page of one job, in a browser context of its own. Every method is bounded in time by the implementation.
pub trait Page: Send {
    /// Opens the posting and waits until it can be read. The submit guard is armed in every frame before any script
    /// of the page runs.
    fn open(&mut self, url: &str) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Reads the page: fields with their present values, and what the page is. From a posting without a form it goes
    /// to the form ("Apply") on its own.
    fn observe(&mut self) -> impl Future<Output = Result<FormModel, Failure>> + Send;

    /// Enters values with real input events and reads each back. `progress` is called after each field.
    fn fill(
        &mut self,
        items: &[FillItem],
        files: &dyn Files,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> impl Future<Output = Result<Vec<FillResult>, Failure>> + Send;

    fn photo(&mut self) -> impl Future<Output = Result<Photo, Failure>> + Send;

    /// Reads the page afresh and compares it with what the permit names. Touches nothing.
    fn check(&mut self, permit: &Permit) -> impl Future<Output = Result<(), ReturnReason>> + Send;

    /// Opens the guard for one submission until `deadline`, clicks, and watches how it ends for at most `patience`.
    /// The caller has recorded the permit durably before.
    fn submit(&mut self, deadline: Moment, patience: Duration) -> impl Future<Output = Click> + Send;

    /// Looks, for at most `patience`, for how a click ended that an earlier life of this agent made or may have made.
    /// Touches nothing: what is not seen to be confirmed is unknown.
    fn aftermath(&mut self, patience: Duration) -> impl Future<Output = SubmitOutcome> + Send;

    /// Where the page is now; `None` when it could not be found again.
    fn tab(&self) -> Option<Tab>;

    /// What is known of the page beyond what it shows, for [`Browsers::adopt`].
    fn memory(&self) -> Vec<u8>;

    /// Frames for a live view at most ten times a second; the sender is dropped when the view ends.
    fn watch(&mut self, frames: Option<tokio::sync::mpsc::Sender<Photo>>) -> impl Future<Output = ()> + Send;

    /// Resolves when the page cannot be used any more (renderer or browser died, connection lost).
    fn dead(&self) -> impl Future<Output = Failure> + Send + 'static;

    /// Closes the page and its context; idempotent.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}

/// Gives pages to jobs.
pub trait Browsers: Send + Sync + 'static {
    type Page: Page + 'static;

    /// A page of its own context, proven empty. At most the pool's capacity at a time.
    fn lease(&self, task: TaskId) -> impl Future<Output = Result<Self::Page, Failure>> + Send;

    /// The page of an earlier life of this agent, as it was left. The submit guard is armed in every frame before
    /// anything else is done with it. Fails when the page is gone or cannot be guarded; it is closed then.
    fn adopt(&self, tab: &Tab, memory: &[u8]) -> impl Future<Output = Result<Self::Page, Failure>> + Send;
}
