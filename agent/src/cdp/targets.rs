//! Every page of the browser, from the moment it exists.
//!
//! Attaching at the browser's own session is what lets a popup be held before its first script: a page-level attach
//! only covers iframes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chromiumoxide::cdp::CdpEvent;
use chromiumoxide::cdp::browser_protocol::target::{
    CloseTargetParams, CreateTargetParams, FilterEntry, SetAutoAttachParams, SetDiscoverTargetsParams, TargetFilter,
    TargetId, TargetInfo,
};
use tokio::sync::watch;

use super::mux::{Cdp, Session, Sink};
use super::{BrowserContextId, Error, Gone, NetworkPath, PageSession};

/// How long a new page may take to be ready: 60 ms on an idle host, seconds when ten start at once on two cores.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);
/// Pages one browser may have. The pool's pages and their popups stay far below; a page that opens windows without end
/// meets it.
const MAX_PAGES: usize = 128;

/// The pages of a connection, by target.
pub(super) struct Targets {
    path: Option<Arc<dyn NetworkPath>>,
    pages: Mutex<HashMap<TargetId, PageSession>>,
    changed: watch::Sender<()>,
}

impl Targets {
    pub(super) fn new(path: Option<Arc<dyn NetworkPath>>) -> Self {
        Self { path, pages: Mutex::default(), changed: watch::Sender::new(()) }
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, HashMap<TargetId, PageSession>> {
        self.pages.lock().expect("nothing panics while holding the page table")
    }

    pub(super) fn get(&self, target: &TargetId) -> Option<PageSession> {
        self.pages().get(target).cloned()
    }

    pub(super) fn remove(&self, target: &TargetId) {
        self.pages().remove(target);
        let _ = self.changed.send(());
    }
}

impl Sink for Targets {
    fn event(&self, _: &Session, _: &CdpEvent) {}

    fn attached(&self, _: &Session, child: &Session, info: &TargetInfo) -> Option<Arc<dyn Sink>> {
        let opener = info.opener_id.as_ref().and_then(|id| self.get(id));
        let count = self.pages().len();
        if count >= MAX_PAGES {
            let (cdp, target) = (child.cdp().clone(), info.target_id.clone());
            tokio::spawn(async move {
                let _ = cdp.close_page(&target).await;
            });
            return None;
        }
        let page = PageSession::new(child.clone(), info, opener.as_ref(), self.path.clone());
        self.pages().insert(info.target_id.clone(), page.clone());
        let _ = self.changed.send(());
        if let Some(opener) = opener {
            opener.opened(page.clone());
        }
        Some(page.sink())
    }

    fn gone(&self, _: &Session, _: Gone) {
        self.pages().clear();
        let _ = self.changed.send(());
    }
}

/// A filter that lets through exactly one type of target.
pub(super) fn only(kind: &str) -> TargetFilter {
    TargetFilter::new(vec![FilterEntry { exclude: Some(false), r#type: Some(kind.to_owned()) }])
}

/// Asks the browser to attach us to every page, and to hold new ones until they are set up.
pub(super) async fn watch_pages(cdp: &Cdp) -> Result<(), Error> {
    let root = cdp.root();
    // Discovery brings `Target.targetCrashed`, which also covers what the page's own session does not report.
    let mut discover = SetDiscoverTargetsParams::new(true);
    discover.filter = Some(TargetFilter::new(vec![
        FilterEntry { exclude: Some(false), r#type: Some("page".into()) },
        FilterEntry { exclude: Some(false), r#type: Some("iframe".into()) },
    ]));
    root.run(discover).await?;
    let mut attach = SetAutoAttachParams::new(true, true);
    attach.flatten = Some(true);
    attach.filter = Some(only("page"));
    root.run(attach).await?;
    Ok(())
}

impl Cdp {
    /// Opens a blank page, in a context of its own or in the browser's default one, and waits until it is ready.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it is not ready within 15 s; any failure of its first commands.
    pub async fn open_page(&self, context: Option<&BrowserContextId>) -> Result<PageSession, Error> {
        let mut create = CreateTargetParams::new("about:blank");
        create.browser_context_id = context.cloned();
        let target = self.root().run_within(create, OPEN_TIMEOUT).await?.target_id;
        self.page(&target).await
    }

    /// The page of a target, once it is ready.
    ///
    /// # Errors
    /// As [`Cdp::open_page`].
    pub async fn page(&self, target: &TargetId) -> Result<PageSession, Error> {
        let targets = &self.inner.targets;
        let mut changed = targets.changed.subscribe();
        let root = self.root();
        let found = async {
            loop {
                if let Some(page) = targets.get(target) {
                    return page.ready().await.map(|()| page);
                }
                tokio::select! {
                    _ = changed.changed() => {}
                    gone = root.ended() => return Err(gone.into()),
                }
            }
        };
        tokio::time::timeout(OPEN_TIMEOUT, found)
            .await
            .unwrap_or_else(|_| Err(Error::Timeout { method: "Target.attachedToTarget".into(), after: OPEN_TIMEOUT }))
    }

    /// The pages there are now, ready or not.
    #[must_use]
    pub fn pages(&self) -> Vec<PageSession> {
        self.inner.targets.pages().values().cloned().collect()
    }

    pub(super) async fn close_page(&self, target: &TargetId) -> Result<(), Error> {
        self.root().run(CloseTargetParams::new(target.clone())).await.map(|_| ())
    }
}
