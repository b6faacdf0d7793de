//! A coordinator that is killed under many agents: how they come back, and what people notice meanwhile.
//!
//! The agents run in processes of their own, so that what the coordinator costs is seen apart from them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::crowd::{self, Crowd};
use crate::fleet::{Employer, Light, Place, authority_fingerprint, places, raise_file_limit};
use crate::person::Person;
use crate::valet::{Options, Valet, program};

/// For ten thousand to enrol, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// Agents of one process: each has some four files open, and a process may often have no more than 20,000.
const AGENTS_PER_PROCESS: usize = 2_500;
/// Between two requests of the person who goes on working: enough for a percentile in a second or two.
const REQUEST_EVERY: Duration = Duration::from_millis(20);

/// Agents have processors of their own, each host its own: here they take what the coordinator leaves.
const AGENTS_NICE: &str = "10";
/// Each agent's socket has a buffer of 3 MB of which it uses a few KB: mapped anew it costs what is used, but from the
/// heap, where glibc would put it after the first was given back, all of it.
const MALLOC: &str = "glibc.malloc.mmap_threshold=131072";

/// Between two looks of a person who waits for the confirmation.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// People whose reviews are held in a browser when the coordinator dies, and how many of them approve at once when it is back.
const HELD: usize = 20;
const ANSWERED: usize = 10;
/// Between two looks at which agents are back: each takes the database some milliseconds.
const SEEN_EVERY: Duration = Duration::from_millis(100);
/// How long the processor time of a fleet at rest is measured.
const STEADY: Duration = Duration::from_secs(10);

/// A system with many agents, all connected.
pub struct Storm {
    pub valet: Valet,
    crowd: Crowd,
    /// Applications whose reviews are held in a browser, one for each of the crowd.
    held: Vec<String>,
    database: sqlx::PgPool,
    agents: usize,
    /// Resident kilobytes of the coordinator's process before the first agent came.
    idle_kb: u64,
    /// They run the agents.
    processes: Vec<Child>,
    _folder: tempfile::TempDir,
}

/// What a storm cost.
#[derive(Debug)]
pub struct Figures {
    pub agents: usize,
    /// From the coordinator's kill to its serving people again.
    pub serving: Duration,
    /// From its serving to each agent's session, sorted; as fine as the looks at the database are apart.
    pub back: Vec<Duration>,
    /// Of the coordinator's process, from its start to then.
    pub cpu_seconds: f64,
    /// Times of a person's requests from serving to all back, sorted.
    pub requests: Vec<Duration>,
    /// Times of people's approvals meanwhile, sorted; each was sent once.
    pub answers: Vec<Duration>,
    /// Held browsers that were lost.
    pub lost: usize,
    /// Resident kilobytes for each agent more than without any.
    pub kb_per_agent: f64,
    /// Cores that the coordinator's process keeps busy once all are back: a heartbeat every 2 s from each.
    pub cores: f64,
}

impl Figures {
    /// The time within which this part of the requests was answered.
    #[must_use]
    pub fn request(&self, part: f64) -> Duration {
        within(&self.requests, part)
    }

    /// The time within which this part of the agents was back.
    #[must_use]
    pub fn back(&self, part: f64) -> Duration {
        within(&self.back, part)
    }
}

/// Applications that hold a browser, each with its lease.
async fn leases(database: &sqlx::PgPool) -> anyhow::Result<Vec<(uuid::Uuid, uuid::Uuid)>> {
    let held = "SELECT id, lease_id FROM tasks WHERE lease_id IS NOT NULL";
    Ok(sqlx::query_as(held).fetch_all(database).await?)
}

/// The time within which this part of sorted times lies.
fn within(sorted: &[Duration], part: f64) -> Duration {
    let index = (sorted.len() as f64 * part) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Notes each agent's latest session: they are numbered for each agent by itself.
async fn note_sessions(database: &sqlx::PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "DROP TABLE IF EXISTS sessions_before;
         CREATE TABLE sessions_before AS
            SELECT id, connection_epoch AS before FROM sandboxes WHERE instance_type = 'light';
         ANALYZE sessions_before",
    )
    .execute(database)
    .await?;
    Ok(())
}

/// Waits until every agent has a session after the one it had at [`note_sessions`]; answers when each was seen to have it.
async fn connected(processes: &mut [Child], database: &sqlx::PgPool, agents: usize) -> anyhow::Result<Vec<Duration>> {
    let began = Instant::now();
    let mut back = Vec::new();
    loop {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sandboxes JOIN sessions_before USING (id)
              WHERE connected AND connection_epoch > before",
        )
        .fetch_one(database)
        .await?;
        back.resize(usize::try_from(count)?.max(back.len()), began.elapsed());
        if back.len() >= agents {
            return Ok(back);
        }
        for process in &mut *processes {
            if let Some(status) = process.try_wait()? {
                bail!("{count} of {agents} agents are connected, and a process of them ended: {status}");
            }
        }
        if began.elapsed() >= PATIENCE {
            bail!("{count} of {} agents are connected after {PATIENCE:?}", agents);
        }
        sleep(SEEN_EVERY).await;
    }
}

impl Storm {
    /// Starts a system and waits until this many agents are connected.
    ///
    /// # Errors
    /// When they do not all come.
    pub async fn start(agents: usize) -> anyhow::Result<Self> {
        raise_file_limit();
        let valet = Valet::start_with(Options { no_agent: true, ..Options::default() }).await;
        let database = valet.database().await;
        let folder = tempfile::tempdir()?;
        let idle_kb = resident_kb(valet.pid());
        let places = places(&database, &authority_fingerprint(&valet.data_dir())?, agents, 1).await?;
        let mut processes = Vec::new();
        for (number, places) in places.chunks(AGENTS_PER_PROCESS).enumerate() {
            let list = folder.path().join(format!("{number}.json"));
            std::fs::write(&list, serde_json::to_vec(&(&valet.ready.quic, places))?)?;
            let mut process = Command::new("nice");
            process.args(["-n", AGENTS_NICE]).arg(program("storm")).arg("--hosts").arg(&list).kill_on_drop(true);
            process.env("GLIBC_TUNABLES", MALLOC);
            processes.push(process.spawn()?);
        }
        let (crowd, held) = (Crowd::default(), Vec::new());
        note_sessions(&database).await?;
        let mut storm = Self { valet, crowd, held, database, agents, idle_kb, processes, _folder: folder };
        connected(&mut storm.processes, &storm.database, agents).await?;
        storm.crowd.grow(&storm.valet, HELD).await?;
        for person in 0..HELD {
            storm.held.push(storm.crowd.review(&storm.valet, person, 0).await?);
        }
        Ok(storm)
    }

    /// A person of the crowd approves; how long until that was taken. Ends with the confirmation: an agent that is not
    /// back in time sends nothing, and the person approves once more.
    async fn answer(&self, person: usize) -> anyhow::Result<Duration> {
        let client = self.crowd.client(person);
        let (task, approve) =
            (format!("/tasks/{}", self.held[person]), format!("/tasks/{}/approve", self.held[person]));
        let (mut took, deadline) = (None, Instant::now() + crowd::PATIENCE);
        loop {
            let (_, body) = client.insist(Method::GET, &task, None, None, crowd::PATIENCE).await?;
            match body["status"].as_str() {
                Some("completed") => return took.context("it was sent before it was approved"),
                Some("waiting_human") => {
                    let asked = Instant::now();
                    let body = serde_json::json!({});
                    let (status, body) =
                        client.insist(Method::POST, &approve, Some(&body), None, crowd::PATIENCE).await?;
                    anyhow::ensure!(status.is_success(), "an approval was refused: {status} {body}");
                    took.get_or_insert(asked.elapsed());
                }
                _ => sleep(LOOK_EVERY).await,
            }
            anyhow::ensure!(Instant::now() < deadline, "an approved application never ended: {body}");
        }
    }

    /// Kills the coordinator, starts it again and waits for all agents, while a person goes on working.
    ///
    /// # Errors
    /// When the agents do not come back, or the person is refused.
    pub async fn kill(&mut self) -> anyhow::Result<Figures> {
        note_sessions(&self.database).await?;
        let held = leases(&self.database).await?;
        let mut processes = std::mem::take(&mut self.processes);
        let began = Instant::now();
        self.valet.crash_and_restart().await;
        let serving = began.elapsed();
        let database = self.valet.database().await;
        let person = Person::first(&self.valet).await;
        let mut requests = Vec::new();
        let working = async {
            loop {
                let asked = Instant::now();
                let (status, body) = person.call(Method::GET, "/tasks?pageSize=20", None).await;
                if !status.is_success() {
                    return Err(anyhow::anyhow!("a person was refused: {status} {body}"));
                }
                requests.push(asked.elapsed());
                sleep(REQUEST_EVERY).await;
            }
        };
        let answering = futures::future::try_join_all((0..ANSWERED).map(|person| self.answer(person)));
        let back = connected(&mut processes, &database, self.agents);
        let (back, mut answers) = tokio::select! {
            refused = working => return refused,
            both = futures::future::try_join(back, answering) => both?,
        };
        self.processes = processes;
        answers.sort();
        // What was approved has ended; the others are held as before.
        let after = leases(&database).await?;
        let lost = held.iter().filter(|(task, lease)| {
            !self.held[..ANSWERED].contains(&task.to_string()) && !after.contains(&(*task, *lease))
        });
        let lost = lost.count();
        let spent = cpu_seconds(self.valet.pid())?;
        // Once the storm's own memory has been given back.
        sleep(Duration::from_secs(3)).await;
        let busy = cpu_seconds(self.valet.pid())?;
        sleep(STEADY).await;
        let cores = (cpu_seconds(self.valet.pid())? - busy) / STEADY.as_secs_f64();
        let more_kb = resident_kb(self.valet.pid()).saturating_sub(self.idle_kb);
        requests.sort();
        let kb_per_agent = more_kb as f64 / self.agents as f64;
        Ok(Figures {
            agents: self.agents,
            serving,
            back,
            cpu_seconds: spent,
            requests,
            answers,
            lost,
            kb_per_agent,
            cores,
        })
    }
}

/// Runs the agents of a list until the process is ended.
///
/// # Errors
/// When the list cannot be read, or a folder not be used.
pub async fn run_hosts(list: &Path) -> anyhow::Result<()> {
    raise_file_limit();
    let (coordinator, hosts): (String, Vec<Place>) = serde_json::from_slice(&std::fs::read(list)?)?;
    let folder = list.parent().context("the list is in no folder")?;
    let employer = Employer::new(3);
    let lights = hosts.iter().map(|place| Light::start(place, vec![coordinator.clone()], folder, 1, &employer));
    let _lights: Vec<Light> = lights.collect::<anyhow::Result<_>>()?;
    std::future::pending().await
}

/// Resident kilobytes of a process.
#[must_use]
pub fn resident_kb(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

/// User and system time of a process so far.
fn cpu_seconds(pid: i32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = stat.rsplit_once(')').context("no such process")?.1;
    let ticks = |index: usize| rest.split_whitespace().nth(index).and_then(|ticks| ticks.parse::<f64>().ok());
    // The 14th and 15th fields of the line; the two before the bracket are cut off.
    let (user, system) = (ticks(11).context("no times")?, ticks(12).context("no times")?);
    // SAFETY: sysconf takes no pointer.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    Ok((user + system) / per_second)
}
