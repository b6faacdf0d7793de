//! The browsers this program gives its jobs: the one place that names an engine.

use protocol::form::FormModel;
use protocol::ids::TaskId;
use protocol::plan::FillResult;
use protocol::task::{ErrorCode, Failure, FailureClass};
use protocol::wire::message::{FillItem, Permit, Progress, ReturnReason};
use tokio::sync::mpsc;
use tokio::time::Instant;
use valet_agent::page::{Browsers, Click, Files, Page, Photo};
use valet_agent::session::Agent;

/// Starts the browsers for `agent`.
///
/// # Errors
/// When no browser can be started.
pub async fn start(_agent: &Agent) -> anyhow::Result<impl Browsers> {
    Ok(NoBrowser)
}

/// A host without a browser: its jobs fail with a clear code.
struct NoBrowser;

/// There is no page without a browser.
enum NoPage {}

impl Browsers for NoBrowser {
    type Page = NoPage;

    async fn lease(&self, _: TaskId) -> Result<NoPage, Failure> {
        let message = "This host has no browser.";
        Err(Failure::new(FailureClass::BrowserLost, ErrorCode::BrowserStart, message))
    }
}

impl Page for NoPage {
    async fn open(&mut self, _: &str) -> Result<(), Failure> {
        match *self {}
    }
    async fn observe(&mut self) -> Result<FormModel, Failure> {
        match *self {}
    }
    async fn fill(
        &mut self,
        _: &[FillItem],
        _: &dyn Files,
        _: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<FillResult>, Failure> {
        match *self {}
    }
    async fn photo(&mut self) -> Result<Photo, Failure> {
        match *self {}
    }
    async fn check(&mut self, _: &Permit) -> Result<(), ReturnReason> {
        match *self {}
    }
    async fn submit(&mut self, _: Instant, _: std::time::Duration) -> Click {
        match *self {}
    }
    async fn watch(&mut self, _: Option<mpsc::Sender<Photo>>) {
        match *self {}
    }
    #[expect(clippy::manual_async_fn, reason = "the future must not borrow the page")]
    fn dead(&self) -> impl Future<Output = Failure> + Send + 'static {
        async { std::future::pending().await }
    }
    async fn close(&mut self) {
        match *self {}
    }
}
