//! The pool's beginning with a browser of an earlier run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::target::{GetBrowserContextsParams, GetTargetsParams, TargetId};

use super::keeper::deny_downloads;
use super::lease::dispose;
use super::{Inner, Lease, Pool, PoolOptions, Warm};
use crate::browser::{Browser, ProcessRecorder};
use crate::cdp::BrowserContextId;
use crate::egress::{Egress, Way};

/// For a page of an earlier run to answer. Its lease ends 12 s after that run, and its agent says hello after this.
const KEPT_TIMEOUT: Duration = Duration::from_secs(4);

/// A page of an earlier run in a browser that was adopted.
pub struct KeptPage {
    pub context: BrowserContextId,
    pub target: TargetId,
    /// Where the context expects it, and shut: see [`Lease::open_way`].
    pub way: Way,
}

/// A browser of an earlier run, and those of its pages that are still of use.
pub struct Adopted {
    pub browser: Browser,
    pub pages: Vec<KeptPage>,
}

impl Pool {
    /// Goes on with a browser of an earlier run. Its pages that are not named, or of no use any more, are closed.
    pub async fn resume(
        options: PoolOptions,
        recorder: Arc<dyn ProcessRecorder>,
        egress: Egress,
        Adopted { browser, pages }: Adopted,
    ) -> Self {
        let inner = Inner::new(options, egress);
        let (cdp, process) = (browser.cdp(), (browser.record().pid, browser.record().started));
        let there = match cdp.root().run(GetTargetsParams::default()).await {
            Ok(all) => all.target_infos.into_iter().map(|info| (info.browser_context_id, info.target_id)).collect(),
            Err(error) => {
                tracing::warn!(%error, "the adopted browser does not tell its pages");
                HashSet::new()
            }
        };
        let found = pages.into_iter().map(|KeptPage { context, target, way }| async {
            let named = (Some(context), target);
            if !there.contains(&named) {
                tracing::info!("a page of before the restart is gone");
                return None;
            }
            let (Some(context), target) = named else { return None };
            // More than there are places for when the capacity was made smaller.
            let place = inner.places.clone().try_acquire_owned().ok()?;
            let page = tokio::time::timeout(KEPT_TIMEOUT, cdp.page(&target)).await;
            let Ok(Ok(page)) = page else {
                tracing::warn!("a page of before the restart does not answer");
                return None;
            };
            Some((Warm { browser: process, context, page, way }, place))
        });
        let kept: Vec<_> = futures::future::join_all(found).await.into_iter().flatten().collect();
        // Blank pages, and pages of jobs that are over.
        match cdp.root().run(GetBrowserContextsParams::default()).await {
            Ok(all) => {
                let stays = |id: &BrowserContextId| kept.iter().any(|(warm, _)| warm.context == *id);
                for other in all.browser_context_ids.into_iter().filter(|id| !stays(id)) {
                    let cdp = cdp.clone();
                    tokio::spawn(async move { dispose(&cdp, other).await });
                }
            }
            Err(error) => tracing::warn!(%error, "contexts of before the restart stay open"),
        }
        inner.state().kept = kept;
        Self::begin(inner, recorder, Some(browser))
    }

    /// A page of an earlier run, once; its way out is shut. None when there is no such page (any more).
    pub async fn claim(&self, context: &str, target: &str) -> Option<Lease> {
        let (warm, place) = {
            let mut state = self.inner.state();
            let named = |(warm, _): &(Warm, _)| warm.context.inner() == context && warm.page.target() == target;
            let at = state.kept.iter().position(named)?;
            state.kept.swap_remove(at)
        };
        let lease = Lease { warm: Some(warm), place: Some(place), pool: self.inner.clone() };
        // With the connection of the agent that had it the context forgot what it was told.
        match deny_downloads(lease.page().cdp(), lease.context()).await {
            Ok(()) => Some(lease),
            Err(error) => {
                tracing::warn!(%error, "a page of before the restart cannot be used");
                None
            }
        }
    }
}

impl Lease {
    /// Opens the way out of a page of an earlier run. To be called once the page is guarded.
    ///
    /// # Errors
    /// When somebody else listens there by now.
    pub async fn open_way(&self) -> std::io::Result<()> {
        self.pool.egress.open_way(self.way()).await
    }
}
