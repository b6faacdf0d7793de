//! The task that owns the pool's browser: starts it, keeps blank pages ready, notices its death and starts another.

use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{
    GetVersionParams, SetDownloadBehaviorBehavior, SetDownloadBehaviorParams,
};
use chromiumoxide::cdp::browser_protocol::target::CreateBrowserContextParams;
use tokio::time::Instant;

use super::lease::dispose;
use super::{Inner, Warm};
use crate::browser::launch::PROXY_BYPASS;
use crate::browser::{Browser, LaunchError, ProcessRecorder};
use crate::cdp::{BrowserContextId, Cdp, Error};
use crate::egress::Egress;

/// Pause before the second start of a browser that fails; doubles up to [`MAX_BACK_OFF`].
const BACK_OFF: Duration = Duration::from_millis(250);
const MAX_BACK_OFF: Duration = Duration::from_secs(30);
/// A browser that lived this long was no failure to start.
const STEADY: Duration = Duration::from_secs(60);
/// How often the browser process itself is asked whether it lives; two silences of a command's timeout end it.
const HEARTBEAT: Duration = Duration::from_secs(5);
const MISSED_HEARTBEATS: u32 = 2;

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

pub(super) async fn deny_downloads(cdp: &Cdp, context: &BrowserContextId) -> Result<(), Error> {
    let mut downloads = SetDownloadBehaviorParams::new(SetDownloadBehaviorBehavior::Deny);
    downloads.browser_context_id = Some(context.clone());
    cdp.root().run(downloads).await.map(|_| ())
}

pub(super) async fn keep(inner: Arc<Inner>, recorder: Arc<dyn ProcessRecorder>, mut first: Option<Browser>) {
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
