//! The browsers this program gives its jobs: the one place that names an engine.
//!
//! Starts the way out ([`Egress`]) and the pool behind it, has the ledger know every browser before it is used, and
//! follows what the coordinator allows.

use std::io;
use std::sync::Arc;

use anyhow::Context as _;
use protocol::net::AllowList;
use tracing::warn;
use valet_agent::browser::{LaunchOptions, Pool, PoolOptions, ProcessRecord, ProcessRecorder, sweep};
use valet_agent::egress::Egress;
use valet_agent::forms::Engine;
use valet_agent::ledger::{Ledger, Process};
use valet_agent::session::Agent;

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
    let config = agent.config();
    let own = config.allow_private.clone();
    let egress = Egress::start(0, AllowList::new(&own)?).await.context("the browsers' way out cannot be opened")?;
    sweep(&config.data_dir, &[]).await.context("browsers of an earlier run cannot be cleared away")?;
    let launch = LaunchOptions {
        program: config.chromium.clone(),
        data: config.data_dir.clone(),
        egress_port: egress.port(),
        tie_to_agent: true,
    };
    let options = PoolOptions { capacity: usize::from(config.capacity), ..PoolOptions::new(launch) };
    let recorder = Arc::new(Recorder(Arc::clone(agent.ledger())));
    let pool = Pool::start(options, recorder, egress.clone());

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
