//! A warm browser with blank pages in contexts of their own, ready to be handed out.
//!
//! It may begin with a browser of an earlier run ([`Adopted`]), whose pages are handed out to who asks for them by name.
//! One keeper task owns the browser: it starts it, keeps spare pages open, notices its death (socket or silence) and
//! starts another after a pause. A context is used once: handed out new, disposed afterwards. [`crate::forms`] leases.

mod adopted;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{
    GetVersionParams, SetDownloadBehaviorBehavior, SetDownloadBehaviorParams,
};
use chromiumoxide::cdp::browser_protocol::target::{CreateBrowserContextParams, DisposeBrowserContextParams};
use protocol::task::{ErrorCode, Failure, FailureClass};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::adopted::{Adopted, KeptPage};
use super::launch::PROXY_BYPASS;
use super::{Browser, LaunchError, LaunchOptions, ProcessRecorder};
use crate::cdp::{BrowserContextId, Cdp, Error, Gone, PageSession};
use crate::egress::{Egress, Way};
use crate::page::Tab;

/// Pause before the second start of a browser that fails; doubles up to [`MAX_BACK_OFF`].
const BACK_OFF: Duration = Duration::from_millis(250);
const MAX_BACK_OFF: Duration = Duration::from_secs(30);
/// A browser that lived this long was no failure to start.
const STEADY: Duration = Duration::from_secs(60);
/// How often the browser process itself is asked whether it lives; two silences of a command's timeout end it.
const HEARTBEAT: Duration = Duration::from_secs(5);
const MISSED_HEARTBEATS: u32 = 2;

#[derive(Debug, Clone)]
pub struct PoolOptions {
    pub launch: LaunchOptions,
    /// Pages handed out at a time.
    pub capacity: usize,
    /// Blank pages kept ready while the capacity is not used up.
    pub spares: usize,
}

impl PoolOptions {
    /// Five pages and two spares: about 0.9 GB with the browser itself.
    #[must_use]
    pub fn new(launch: LaunchOptions) -> Self {
        Self { launch, capacity: 5, spares: 2 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    #[error("all browser pages are in use")]
    Full,
    #[error("no browser could be started")]
    NoBrowser,
    #[error("the browsers are being stopped")]
    Stopped,
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::new(FailureClass::BrowserLost, ErrorCode::BrowserStart, error.to_string())
    }
}

/// How the pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    /// Running browsers, 0 or 1.
    pub browsers: usize,
    pub capacity: usize,
    /// Pages handed out or being disposed.
    pub leased: usize,
    /// Blank pages ready.
    pub spare: usize,
    /// Whether Chromium's own sandbox is on; `None` before the first start.
    pub sandboxed: Option<bool>,
    /// Browsers started after the first.
    pub restarts: u64,
    /// Why there is no browser, when there is none.
    pub problem: Option<String>,
}

struct Warm {
    /// The browser's process, and when it started.
    browser: (u32, u64),
    context: BrowserContextId,
    page: PageSession,
    way: Way,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Warm>,
    /// Pages of an earlier run that nobody has asked for yet, each with its place.
    kept: Vec<(Warm, OwnedSemaphorePermit)>,
    /// Leases that hold a place and wait for a page.
    waiting: usize,
    browser: Option<u32>,
    sandboxed: Option<bool>,
    starts: u64,
    problem: Option<String>,
}

struct Inner {
    options: PoolOptions,
    egress: Egress,
    places: Arc<Semaphore>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    stop: CancellationToken,
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
    keeper: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Pool {
    /// Begins to keep a browser. Returns at once; [`Pool::lease`] waits for it.
    #[must_use]
    pub fn start(options: PoolOptions, recorder: Arc<dyn ProcessRecorder>, egress: Egress) -> Self {
        Self::begin(Inner::new(options, egress), recorder, None)
    }

    fn begin(inner: Arc<Inner>, recorder: Arc<dyn ProcessRecorder>, first: Option<Browser>) -> Self {
        let keeper = tokio::spawn(keep(inner.clone(), recorder, first));
        Self { inner, keeper: Arc::new(Mutex::new(Some(keeper))) }
    }

    /// A blank page in a new context. Waits at most `limit` for a place and a page.
    ///
    /// # Errors
    /// [`PoolError::Full`] when every place stayed taken, [`PoolError::NoBrowser`] when no page came up.
    pub async fn lease(&self, limit: Duration) -> Result<Lease, PoolError> {
        let deadline = Instant::now() + limit;
        let inner = &self.inner;
        let place = tokio::select! {
            place = tokio::time::timeout_at(deadline, inner.places.clone().acquire_owned()) => {
                place.map_err(|_| PoolError::Full)?.map_err(|_| PoolError::Stopped)?
            }
            () = inner.stop.cancelled() => return Err(PoolError::Stopped),
        };
        let mut changed = inner.changed.subscribe();
        let _waiting = Waiting::new(inner);
        loop {
            let warm = inner.state().ready.pop_front();
            match warm {
                Some(warm) if warm.page.root().check().is_ok() => {
                    inner.tell();
                    return Ok(Lease { warm: Some(warm), place: Some(place), pool: inner.clone() });
                }
                Some(_) => {}
                None => tokio::select! {
                    _ = changed.changed() => {}
                    () = inner.stop.cancelled() => return Err(PoolError::Stopped),
                    () = tokio::time::sleep_until(deadline) => return Err(PoolError::NoBrowser),
                },
            }
        }
    }

    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let state = self.inner.state();
        PoolStatus {
            browsers: usize::from(state.browser.is_some()),
            capacity: self.inner.options.capacity,
            leased: self.inner.leased().saturating_sub(state.waiting),
            spare: state.ready.len(),
            sandboxed: state.sandboxed,
            restarts: state.starts.saturating_sub(1),
            problem: state.problem.clone(),
        }
    }

    /// Waits until the status is as wanted. The caller bounds the wait.
    pub async fn wait_until(&self, wanted: impl Fn(&PoolStatus) -> bool) -> PoolStatus {
        let mut changed = self.inner.changed.subscribe();
        loop {
            let status = self.status();
            if wanted(&status) || changed.changed().await.is_err() {
                return status;
            }
        }
    }

    /// The browser's process id, while there is one.
    #[must_use]
    pub fn browser_pid(&self) -> Option<u32> {
        self.inner.state().browser
    }

    /// Ends the browser and everything of it; pages handed out die. Idempotent; returns when nothing is left.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        let keeper = self.keeper.lock().expect("nothing panics while holding the handle").take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the browser keeper failed");
        }
    }
}

impl Inner {
    fn new(options: PoolOptions, egress: Egress) -> Arc<Self> {
        Arc::new(Self {
            egress,
            places: Arc::new(Semaphore::new(options.capacity)),
            options,
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            stop: CancellationToken::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while holding the pool's state")
    }

    fn tell(&self) {
        let _ = self.changed.send(());
    }

    /// Places that are taken: leases, leases waiting for a page, contexts being disposed.
    fn leased(&self) -> usize {
        self.options.capacity - self.places.available_permits()
    }

    /// How many more blank pages there should be.
    fn missing(&self) -> usize {
        let leased = self.leased();
        let state = self.state();
        // Waiting leases have their place already, and need a page for it.
        let free = self.options.capacity - leased;
        let wanted = state.waiting + self.options.spares.min(free);
        wanted.saturating_sub(state.ready.len())
    }
}

/// A lease that holds a place and waits for its page.
struct Waiting<'a>(&'a Inner);

impl<'a> Waiting<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.state().waiting += 1;
        inner.tell();
        Self(inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
        self.0.tell();
    }
}

/// A page handed out. Dropping it disposes its context in the background; [`Lease::close`] waits for that.
pub struct Lease {
    warm: Option<Warm>,
    place: Option<OwnedSemaphorePermit>,
    pool: Arc<Inner>,
}

impl Lease {
    /// The page.
    #[must_use]
    pub fn page(&self) -> &PageSession {
        &self.warm().page
    }

    /// The context the page lives in; its popups do too.
    #[must_use]
    pub fn context(&self) -> &BrowserContextId {
        &self.warm().context
    }

    /// Names the page for a later run.
    #[must_use]
    pub fn tab(&self) -> Tab {
        let Warm { browser: (pid, started), context, page, way } = self.warm();
        let (context, target) = (context.inner().clone(), page.target().to_owned());
        Tab { pid: *pid, started: *started, context, target, way: way.port() }
    }

    fn warm(&self) -> &Warm {
        self.warm.as_ref().expect("present until closed or dropped")
    }

    /// What the context's traffic leaves by.
    #[must_use]
    pub fn way(&self) -> &Way {
        &self.warm().way
    }

    /// Resolves when the page cannot be used any more.
    pub fn dead(&self) -> impl Future<Output = Gone> + Send + 'static {
        self.page().dead()
    }

    /// Disposes the context with its pages, cookies and storage, and gives the place back.
    pub async fn close(mut self) {
        self.give_back().await;
    }

    fn give_back(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let (warm, place, pool) = (self.warm.take(), self.place.take(), self.pool.clone());
        async move {
            if let Some(warm) = warm {
                dispose(warm.page.cdp(), warm.context).await;
            }
            drop(place);
            pool.tell();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.warm.is_some()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(self.give_back());
        }
    }
}

async fn dispose(cdp: &Cdp, context: BrowserContextId) {
    match cdp.root().run(DisposeBrowserContextParams::new(context)).await {
        // With its browser the context is gone too.
        Ok(_) | Err(Error::Gone(_)) => {}
        Err(error) => {
            metrics::counter!("browser_contexts_not_disposed").increment(1);
            tracing::warn!(%error, "a browser context was not disposed");
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum WarmError {
    #[error(transparent)]
    Browser(#[from] Error),
    #[error("no way out can be opened: {0}")]
    Way(#[from] std::io::Error),
}

async fn warm_up(browser: &Browser, egress: &Egress) -> Result<Warm, WarmError> {
    let cdp = browser.cdp();
    let way = egress.way().await?;
    let behind = CreateBrowserContextParams::builder()
        .proxy_server(format!("http://127.0.0.1:{}", way.port()))
        .proxy_bypass_list(PROXY_BYPASS)
        .build();
    let context = cdp.root().run(behind).await?.browser_context_id;
    let opened = async {
        deny_downloads(cdp, &context).await?;
        cdp.open_page(Some(&context)).await
    };
    match opened.await {
        Ok(page) => {
            let browser = (browser.record().pid, browser.record().started);
            Ok(Warm { browser, context, page, way })
        }
        Err(error) => {
            dispose(cdp, context).await;
            Err(error.into())
        }
    }
}

async fn deny_downloads(cdp: &Cdp, context: &BrowserContextId) -> Result<(), Error> {
    let mut downloads = SetDownloadBehaviorParams::new(SetDownloadBehaviorBehavior::Deny);
    downloads.browser_context_id = Some(context.clone());
    cdp.root().run(downloads).await.map(|_| ())
}

async fn keep(inner: Arc<Inner>, recorder: Arc<dyn ProcessRecorder>, mut first: Option<Browser>) {
    let path = Arc::new(inner.egress.clone());
    let mut pause = BACK_OFF;
    while first.is_some() || !inner.stop.is_cancelled() {
        let browser = match first.take() {
            Some(adopted) => Ok(adopted),
            // Not cut short by stopping: a browser half started must be ended properly. It is bounded by its own timeout.
            None => Browser::launch(&inner.options.launch, recorder.clone(), Some(path.clone())).await,
        };
        let problem = match browser {
            Ok(browser) => {
                let since = Instant::now();
                let problem = serve(&inner, browser).await;
                if since.elapsed() >= STEADY {
                    pause = BACK_OFF;
                }
                problem
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(%error, cause, "a browser could not be started");
                error_text(&error)
            }
        };
        if inner.stop.is_cancelled() {
            break;
        }
        metrics::counter!("browser_ended").increment(1);
        inner.state().problem = Some(problem);
        inner.tell();
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(MAX_BACK_OFF),
            () = inner.stop.cancelled() => break,
        }
    }
}

fn error_text(error: &LaunchError) -> String {
    error.to_string().chars().take(200).collect()
}

/// Keeps spare pages on one browser until it dies or the pool stops, then clears it away. Returns why.
async fn serve(inner: &Inner, browser: Browser) -> String {
    let pid = browser.record().pid;
    {
        let mut state = inner.state();
        (state.browser, state.sandboxed, state.problem) = (Some(pid), Some(browser.sandboxed()), None);
        state.starts += 1;
    }
    inner.tell();
    tracing::info!(browser.pid = pid, "browser started");
    let problem = tokio::select! {
        () = refill(inner, &browser) => "the browser answers no more".to_owned(),
        () = browser.cdp().closed() => "the browser died".to_owned(),
        () = silence(browser.cdp()) => "the browser hangs".to_owned(),
        () = inner.stop.cancelled() => "stopped".to_owned(),
    };
    {
        let mut state = inner.state();
        state.ready.clear();
        state.kept.clear();
        state.browser = None;
    }
    inner.tell();
    // Disposed one by one or with their browser: the same, and this is faster.
    browser.stop().await;
    tracing::info!(browser.pid = pid, reason = problem, "browser ended");
    problem
}

/// Opens blank pages whenever some are missing. Returns when that fails.
async fn refill(inner: &Inner, browser: &Browser) {
    let mut changed = inner.changed.subscribe();
    loop {
        changed.mark_unchanged();
        inner.state().ready.retain(|warm| warm.page.root().check().is_ok());
        if inner.missing() == 0 {
            if changed.changed().await.is_err() {
                return;
            }
            continue;
        }
        match warm_up(browser, &inner.egress).await {
            Ok(warm) => {
                inner.state().ready.push_back(warm);
                inner.tell();
            }
            Err(error) => {
                tracing::warn!(%error, "a blank page could not be opened");
                return;
            }
        }
    }
}

/// Returns when the browser process has not answered for two heartbeats.
async fn silence(cdp: &Cdp) {
    let mut missed = 0;
    while missed < MISSED_HEARTBEATS {
        tokio::time::sleep(HEARTBEAT).await;
        match cdp.root().run(GetVersionParams::default()).await {
            Err(Error::Timeout { .. }) => missed += 1,
            _ => missed = 0,
        }
    }
}
