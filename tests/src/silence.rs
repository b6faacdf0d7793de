//! Agents that stall and agents that fall silent, many at once, over a lossy way each: who keeps its lease and who
//! loses it.
//!
//! The agents run in a process of their own, which is stopped: as for a host that swaps or a virtual machine that is
//! moved, nothing of it runs meanwhile, and what is sent to it waits in its sockets.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use sqlx::Row as _;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::chaos::client::Client;
use crate::chaos::keeper::Pid;
use crate::faults::{Faults, UdpProxy};
use crate::fleet::{Employer, Light, Place, authority_fingerprint, places, raise_file_limit};
use crate::valet::{Options, Valet, program};

/// A pause that must be survived, and a silence that must not.
pub const STALL: Duration = Duration::from_secs(8);
pub const SILENCE: Duration = Duration::from_secs(12);
/// Loss on the way before, between and after.
const LOSS: f64 = 0.2;
/// Jobs one person may have running.
const RUNNING_PER_USER: usize = 3;
/// A lease that is lost is given up within this of the silence's end; one that is kept is still there.
const AFTER: Duration = Duration::from_secs(6);
/// Jobs that are under way, each with its lease.
const LEASED: &str = "SELECT count(*) FROM tasks WHERE lease_id IS NOT NULL AND phase = 'navigating'";
/// The lossy way for some heartbeats.
const BEFORE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at who is suspected.
const LOOK: Duration = Duration::from_millis(10);

/// What came of it: how many leases there were and how many were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub leases: usize,
    pub lost: usize,
}

/// Agents that hold a lease each, behind a proxy each.
pub struct Silences {
    valet: Valet,
    database: sqlx::PgPool,
    proxies: Vec<UdpProxy>,
    /// The process of all the agents; killed when dropped.
    agents: Child,
    _folder: tempfile::TempDir,
}

type Leases = BTreeMap<uuid::Uuid, Option<uuid::Uuid>>;

impl Silences {
    /// Starts a system with `count` light agents and gives each of them a job that stays under way.
    ///
    /// # Errors
    /// When they do not all come to hold a lease.
    pub async fn start(count: usize, seed: u64) -> anyhow::Result<Self> {
        raise_file_limit();
        // The jobs are never opened, but their addresses must be allowed to be.
        let valet = Valet::start_with(Options { no_agent: true, ..Options::default() }).await;
        let database = valet.database().await;
        let folder = tempfile::tempdir()?;
        let places = places(&database, &authority_fingerprint(&valet.data_dir())?, count, 1).await?;
        let (mut proxies, mut hosts) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (index, place) in places.into_iter().enumerate() {
            let proxy = UdpProxy::start(seed.wrapping_add(index as u64), valet.ready.quic.parse()?).await?;
            hosts.push((place, proxy.address().to_string()));
            proxies.push(proxy);
        }
        let list = folder.path().join("hosts.json");
        std::fs::write(&list, serde_json::to_vec(&hosts)?)?;
        let agents = Command::new(program("silence")).arg("--hosts").arg(&list).kill_on_drop(true).spawn()?;
        let silences = Self { valet, database, proxies, agents, _folder: folder };
        silences.until("every agent is connected", "SELECT count(*) FROM sandboxes WHERE connected", count).await?;
        silences.give_jobs(count).await?;
        silences.until("every agent has a job", LEASED, count).await?;
        Ok(silences)
    }

    async fn give_jobs(&self, count: usize) -> anyhow::Result<()> {
        let users = (0..count.div_ceil(RUNNING_PER_USER)).map(|index| async move {
            let doors = vec![self.valet.ready.http.clone()];
            let client = Client::register(doors, format!("patient.{index}@example.com")).await?;
            let resume = client.upload(crate::resume::pdf(), PATIENCE).await?;
            for number in 0..RUNNING_PER_USER.min(count - index * RUNNING_PER_USER) {
                let url = self.valet.job(&format!("/greenhouse/platform-engineer?patient={index}-{number}"));
                let body = json!({ "jobUrl": url, "resumeId": resume, "mode": "copilot" });
                let key = format!("{index}-{number}");
                let (status, body) = client.insist(Method::POST, "/tasks", Some(&body), Some(&key), PATIENCE).await?;
                if !status.is_success() {
                    bail!("a task was refused: {status} {body}");
                }
            }
            anyhow::Ok(())
        });
        try_join_all(users).await.map(|_| ())
    }

    async fn until(&self, what: &str, query: &'static str, wanted: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count: i64 = sqlx::query_scalar(query).fetch_one(&self.database).await?;
            if usize::try_from(count).is_ok_and(|count| count >= wanted) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{what}: {count} of {wanted} after {PATIENCE:?}");
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn leases(&self) -> anyhow::Result<Leases> {
        let rows = sqlx::query("SELECT id, lease_id FROM tasks").fetch_all(&self.database).await;
        Ok(rows.context("reading the leases")?.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Stops every agent for good measure, as if its host had died, and says after how long each was suspected: written
    /// down, so that it is given no more work.
    ///
    /// # Errors
    /// When one is not, or the database does not answer.
    pub async fn suspected(&self) -> anyhow::Result<Vec<Duration>> {
        self.until("every agent has a job", LEASED, self.proxies.len()).await?;
        let agents = self.agents.id().and_then(|pid| Pid::of(pid.cast_signed())).context("the agents are gone")?;
        agents.signal(libc::SIGSTOP);
        let stopped = Instant::now();
        let mut times = Vec::with_capacity(self.proxies.len());
        while times.len() < self.proxies.len() && stopped.elapsed() < STALL {
            let suspects: i64 =
                sqlx::query_scalar("SELECT count(*) FROM sandboxes WHERE connected AND health_status = 'degraded'")
                    .fetch_one(&self.database)
                    .await?;
            times.resize(times.len().max(usize::try_from(suspects)?), stopped.elapsed());
            sleep(LOOK).await;
        }
        agents.signal(libc::SIGCONT);
        if times.len() < self.proxies.len() {
            bail!("{} of {} silent agents were suspected", times.len(), self.proxies.len());
        }
        Ok(times)
    }

    /// Stops every agent for a while, on a way that loses a fifth of what passes, and counts the leases that are not
    /// the same afterwards.
    ///
    /// # Errors
    /// When the database does not answer, or the agents are gone.
    pub async fn silent_for(&self, lasts: Duration) -> anyhow::Result<Outcome> {
        // Whoever lost a lease has its job again first.
        self.until("every agent has a job", LEASED, self.proxies.len()).await?;
        for proxy in &self.proxies {
            proxy.control().set(Faults { loss: LOSS, ..Faults::default() });
        }
        // Some heartbeats over the lossy way first, so that the silence begins anywhere between two.
        sleep(BEFORE).await;
        let before = self.leases().await?;
        let agents = self.agents.id().and_then(|pid| Pid::of(pid.cast_signed())).context("the agents are gone")?;
        agents.signal(libc::SIGSTOP);
        sleep(lasts).await;
        agents.signal(libc::SIGCONT);
        sleep(AFTER).await;
        let after = self.leases().await?;
        let held = before.iter().filter(|(_, lease)| lease.is_some());
        let lost = held.clone().filter(|(task, lease)| after.get(task) != Some(lease)).count();
        for proxy in &self.proxies {
            proxy.control().set(Faults::default());
        }
        Ok(Outcome { leases: held.count(), lost })
    }
}

/// Runs the agents of a list of hosts, each with its coordinator's address, until the process is ended. Their pages
/// never open, so their jobs stay under way.
///
/// # Errors
/// When the list cannot be read, or a folder not be used.
pub async fn run_hosts(list: &Path) -> anyhow::Result<()> {
    raise_file_limit();
    let hosts: Vec<(Place, String)> = serde_json::from_slice(&std::fs::read(list)?)?;
    let folder = list.parent().context("the list is in no folder")?;
    let employer = Employer::new(3);
    employer.hold(true);
    let lights =
        hosts.iter().map(|(place, coordinator)| Light::start(place, vec![coordinator.clone()], folder, 1, &employer));
    let _lights: Vec<Light> = lights.collect::<anyhow::Result<_>>()?;
    std::future::pending().await
}
