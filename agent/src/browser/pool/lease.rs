//! A page of the pool in somebody's hands, and its end.

use std::sync::Arc;

use chromiumoxide::cdp::browser_protocol::target::DisposeBrowserContextParams;
use tokio::sync::OwnedSemaphorePermit;

use super::{Inner, Warm};
use crate::cdp::{BrowserContextId, Cdp, Error, Gone, PageSession};
use crate::egress::Way;
use crate::page::Tab;

/// A page handed out. Dropping it disposes its context in the background; [`Lease::close`] waits for that.
pub struct Lease {
    pub(super) warm: Option<Warm>,
    pub(super) place: Option<OwnedSemaphorePermit>,
    pub(super) pool: Arc<Inner>,
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

pub(super) async fn dispose(cdp: &Cdp, context: BrowserContextId) {
    match cdp.root().run(DisposeBrowserContextParams::new(context)).await {
        // With its browser the context is gone too.
        Ok(_) | Err(Error::Gone(_)) => {}
        Err(error) => {
            metrics::counter!("browser_contexts_not_disposed").increment(1);
            tracing::warn!(%error, "a browser context was not disposed");
        }
    }
}
