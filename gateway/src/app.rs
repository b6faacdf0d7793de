//! What every handler can reach.

use std::sync::Arc;

use protocol::cluster::Action;
use protocol::ids::UserId;
use store::Store;
use store::bus::Bus;
use store::files::Files;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::auth::accounts::Accounts;
use crate::auth::password::Passwords;
use crate::auth::throttle::Throttle;
use crate::auth::tokens::Keys;
use crate::coordinator::Client;
use crate::limits::{InMemory, Windows};
use crate::live::Viewers;
use crate::options::Options;
use crate::ws::Hub;

/// Commands that may be on their way without anybody waiting for them.
const TOLD_MAX: usize = 256;

/// One gateway. Handlers get it as [`AppState`].
#[derive(Debug)]
pub struct App {
    pub store: Store,
    pub files: Files,
    pub bus: Bus,
    pub options: Options,
    pub(crate) keys: Keys,
    pub(crate) accounts: Accounts,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    pub(crate) windows: Arc<dyn Windows>,
    pub(crate) coordinator: Client,
    pub(crate) hub: Hub,
    pub(crate) viewers: Viewers,
    /// Cancelled when open WebSockets shall end.
    pub(crate) stopping: CancellationToken,
    /// Work that outlives its request; awaited at the end.
    pub(crate) background: TaskTracker,
    told: Arc<Semaphore>,
}

pub type AppState = Arc<App>;

impl App {
    #[must_use]
    pub fn new(store: Store, files: Files, bus: Bus, options: Options) -> AppState {
        Arc::new(Self {
            keys: Keys::new(&options.secrets),
            accounts: Accounts::default(),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            windows: Arc::new(InMemory::default()),
            coordinator: Client::default(),
            hub: Hub::default(),
            viewers: Viewers::default(),
            stopping: CancellationToken::new(),
            background: TaskTracker::new(),
            told: Arc::new(Semaphore::new(TOLD_MAX)),
            store,
            files,
            bus,
            options,
        })
    }

    /// Tasks whose live view somebody has open at this gateway.
    #[must_use]
    pub fn watched(&self) -> tokio::sync::watch::Receiver<std::collections::BTreeSet<protocol::ids::TaskId>> {
        self.viewers.watched()
    }

    /// Tells the coordinator of something that is already durable, without waiting. Should it not hear of it, it
    /// finds it by its own scan, only later.
    pub(crate) fn tell(&self, user: UserId, action: Action) {
        let Ok(permit) = Arc::clone(&self.told).try_acquire_owned() else {
            warn!("too many commands are on their way; the coordinator will find this one by itself");
            return;
        };
        let coordinator = self.coordinator;
        self.background.spawn(async move {
            // The client has logged it.
            let _ = coordinator.send(user, action).await;
            drop(permit);
        });
    }
}
