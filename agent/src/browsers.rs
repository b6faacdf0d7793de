//! The browsers this program gives its jobs: the one place that names an engine.
//!
//! Starts the way out ([`Egress`]) and the pool behind it, has the ledger know every browser before it is used, and
//! follows what the coordinator allows. A browser of an earlier life whose pages are still of use goes on; every other
//! one is ended, with its folder.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use protocol::net::AllowList;
use tracing::{info, warn};
use valet_agent::browser::{
    self, Adopted, Browser, KeptPage, LaunchOptions, Pool, PoolOptions, ProcessRecord, ProcessRecorder,
};
use valet_agent::egress::Egress;
use valet_agent::forms::Engine;
use valet_agent::ledger::{Ledger, Process};
use valet_agent::page::Tab;
use valet_agent::session::Agent;

/// For a browser of an earlier life to answer; 0.1 s on an idle host. Its leases end 12 s after that life.
const ADOPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Running browsers.
pub struct Browsers {
    pool: Pool,
    egress: Egress,
    follower: tokio::task::JoinHandle<()>,
}

/// Starts the browsers for `agent`.
///
/// # Errors
/// When the way out cannot be opened, or the allow list is not one.
pub async fn start(agent: &Agent) -> anyhow::Result<Browsers> {
    let (config, ledger) = (agent.config(), agent.ledger());
    let own = config.allow_private.clone();
    let egress = open_way_out(ledger, AllowList::new(&own)?).await.context("the browsers' way out cannot be opened")?;
    let recorder: Arc<dyn ProcessRecorder> = Arc::new(Recorder(Arc::clone(ledger)));
    let adopted = adopt(agent, &egress, &recorder).await;
    let keep = adopted.as_ref().map(|adopted| adopted.browser.record().clone());
    clear(ledger, &config.data_dir, keep.as_ref())
        .await
        .context("browsers of an earlier run cannot be cleared away")?;
    let launch = LaunchOptions {
        program: config.chromium.clone(),
        data: config.data_dir.clone(),
        egress_port: egress.port(),
        tie_to_agent: false,
    };
    let options = PoolOptions { capacity: usize::from(config.capacity), ..PoolOptions::new(launch) };
    let pool = match adopted {
        Some(adopted) => Pool::resume(options, recorder, egress.clone(), adopted).await,
        None => Pool::start(options, recorder, egress.clone()),
    };

    let (mut settings, way_out) = (agent.settings(), egress.clone());
    let follower = tokio::spawn(async move {
        loop {
            let entries: Vec<String> =
                settings.borrow_and_update().allowed_private_hosts.iter().chain(&own).cloned().collect();
            match AllowList::new(&entries) {
                Ok(list) => way_out.allow(list),
                Err(error) => warn!(%error, "the coordinator's list of allowed hosts is not understood"),
            }
            if settings.changed().await.is_err() {
                return;
            }
        }
    });
    Ok(Browsers { pool, egress, follower })
}

/// Where it was before, for browsers that know it so; anywhere when somebody else is there by now.
async fn open_way_out(ledger: &Ledger, allowed: AllowList) -> anyhow::Result<Egress> {
    let egress = match ledger.egress_port() {
        Some(port) => match Egress::start(port, allowed.clone()).await {
            Ok(egress) => egress,
            Err(error) => {
                info!(%error, "the browsers' way out moves to another port");
                Egress::start(0, allowed).await?
            }
        },
        None => Egress::start(0, allowed).await?,
    };
    ledger.egress_at(egress.port())?;
    Ok(egress)
}

/// The browser of an earlier life with the pages its jobs go on with. There is one: a browser that ends takes its pages
/// along before the next is started.
async fn adopt(agent: &Agent, egress: &Egress, recorder: &Arc<dyn ProcessRecorder>) -> Option<Adopted> {
    let tabs = agent.adoptable();
    let Tab { pid, started, .. } = *tabs.first()?;
    let process = agent.ledger().processes().into_iter().find(|p| (p.pid, p.started) == (pid, started))?;
    let pages: Vec<KeptPage> = tabs
        .into_iter()
        .filter(|tab| (tab.pid, tab.started) == (pid, started))
        .map(|tab| {
            let way = egress.shut_way(tab.way);
            KeptPage { context: tab.context.into(), target: tab.target.into(), way }
        })
        .collect();
    let Process { port, profile, .. } = process;
    let record = ProcessRecord { pid, started, port, egress_port: egress.port(), folder: profile };
    let adopting = Browser::adopt(record, Arc::clone(recorder), Some(Arc::new(egress.clone())));
    match tokio::time::timeout(ADOPT_TIMEOUT, adopting).await {
        Ok(Ok(browser)) => {
            info!(browser.pid = pid, pages = pages.len(), "a browser of before the restart goes on");
            return Some(Adopted { browser, pages });
        }
        Ok(Err(error)) => warn!(%error, browser.pid = pid, "a browser of before the restart cannot be used"),
        Err(_) => warn!(browser.pid = pid, "a browser of before the restart does not answer"),
    }
    None
}

/// Ends every browser of an earlier life but `keep`, removes its folder, and has the ledger forget it. Whatever started
/// is either in the ledger or has left its folder.
///
/// # Errors
/// When the folder of browsers cannot be read.
pub async fn clear(ledger: &Ledger, data_dir: &Path, keep: Option<&ProcessRecord>) -> anyhow::Result<()> {
    let kept = keep.map(|record| record.folder.clone());
    let removed = browser::sweep(data_dir, kept.as_slice()).await?;
    for Process { pid, started, .. } in ledger.processes() {
        if keep.is_some_and(|record| (record.pid, record.started) == (pid, started)) {
            continue;
        }
        if browser::end(pid, started).await {
            ledger.process_gone(pid, started)?;
        } else {
            warn!(browser.pid = pid, "a browser of an earlier run could not be ended");
        }
    }
    if removed > 0 {
        info!(removed, "browsers of an earlier run were cleared away");
    }
    Ok(())
}

impl Browsers {
    /// Gives pages to jobs.
    pub fn engine(&self) -> Engine {
        Engine::new(self.pool.clone())
    }

    /// Closes the browsers and the way out; leaves no process and no profile.
    pub async fn stop(self) {
        self.follower.abort();
        self.pool.stop().await;
        self.egress.stop().await;
    }
}

/// Writes each browser into the ledger before it is used.
struct Recorder(Arc<Ledger>);

impl ProcessRecorder for Recorder {
    fn started(&self, record: &ProcessRecord) -> io::Result<()> {
        let process =
            Process { pid: record.pid, started: record.started, port: record.port, profile: record.folder.clone() };
        self.0.process_started(process).map_err(io::Error::other)
    }

    fn ended(&self, record: &ProcessRecord) {
        if let Err(error) = self.0.process_gone(record.pid, record.started) {
            warn!(%error, "the end of a browser was not written down");
        }
    }
}
