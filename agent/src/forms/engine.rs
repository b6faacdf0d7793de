//! Pages for jobs, out of the pool.

use std::time::Duration;

use protocol::ids::TaskId;
use protocol::task::{ErrorCode, Failure, FailureClass};

use super::page::FormPage;
use crate::browser::Pool;
use crate::page::{Browsers, Tab};

/// How long a job may wait for a page: a browser that died a moment ago is back by then.
const LEASE: Duration = Duration::from_secs(20);

/// Gives each job a page in a context of its own.
#[derive(Clone)]
pub struct Engine {
    pool: Pool,
}

impl Engine {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

impl Browsers for Engine {
    type Page = FormPage;

    async fn lease(&self, task: TaskId) -> Result<FormPage, Failure> {
        let lease = self.pool.lease(LEASE).await?;
        tracing::debug!(%task, "a page was leased");
        let page = lease.page().clone();
        Ok(FormPage::new(page, Some(lease)))
    }

    async fn adopt(&self, tab: &Tab, memory: &[u8]) -> Result<FormPage, Failure> {
        let gone = || Failure::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, "the page is gone");
        let lease = self.pool.claim(&tab.context, &tab.target).await.ok_or_else(gone)?;
        FormPage::adopt(lease, memory).await
    }
}
