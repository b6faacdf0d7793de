//! A warm browser with blank pages in contexts of their own, ready to be handed out.
//!
//! It may begin with a browser of an earlier run ([`Adopted`]), whose pages are handed out to who asks for them by name.
//! One keeper task ([`keeper`]) owns the browser: it starts it, keeps spare pages open, notices its death (socket or silence) and
//! starts another after a pause. A context is used once: handed out new, disposed afterwards. [`crate::forms`] leases.

mod adopted;
mod keeper;
mod lease;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use protocol::task::{ErrorCode, Failure, FailureClass};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::adopted::{Adopted, KeptPage};
pub use self::lease::Lease;
use super::{Browser, LaunchOptions, ProcessRecorder};
use crate::cdp::{BrowserContextId, PageSession};
use crate::egress::{Egress, Way};

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
        let keeper = tokio::spawn(keeper::keep(inner.clone(), recorder, first));
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
