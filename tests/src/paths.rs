//! A person's word on its way: over REST to the coordinator, durable, to an agent, into a page, and back to the person's
//! screen. The agents are light ones ([`crate::fleet`]) in this process, so that one clock sees both ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::crowd::{Crowd, PATIENCE};
use crate::fleet::{Asked, Employer, Light, authority_fingerprint, places};
use crate::storm::resident_kb;
use crate::valet::{Options, Valet};

/// Agents, and the places of each: more than one person's screen, fewer than a host's limit.
const AGENTS: usize = 8;
const PLACES: u16 = 30;
/// Edits that are measured last this long.
const MEASURED: Duration = Duration::from_secs(5);
/// Fields of each form beside the name.
const FIELDS: usize = 3;
/// People whose applications are parked and answered.
const ANSWERED: usize = 100;

/// A system with some agents and people.
pub struct Rig {
    valet: Valet,
    employer: Arc<Employer>,
    crowd: Crowd,
    _lights: Vec<Light>,
    _folder: tempfile::TempDir,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub p50: f64,
    pub p99: f64,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let part = |part: f64| {
            let index = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
            times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        Self { p50: part(0.5), p99: part(0.99) }
    }
}

impl Rig {
    /// Starts a system; its agents are connected.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn start() -> anyhow::Result<Self> {
        let valet = Valet::start_with(Options { no_agent: true, ..Options::default() }).await;
        let database = valet.database().await;
        let folder = tempfile::tempdir()?;
        let employer = Employer::new(FIELDS);
        let hosts = places(&database, &authority_fingerprint(&valet.data_dir())?, AGENTS, PLACES).await?;
        let coordinators = vec![valet.ready.quic.clone()];
        let lights: anyhow::Result<Vec<Light>> = hosts
            .iter()
            .map(|place| Light::start(place, coordinators.clone(), folder.path(), PLACES, &employer))
            .collect();
        let rig = Self { valet, employer, crowd: Crowd::default(), _lights: lights?, _folder: folder };
        rig.agents_connected().await?;
        Ok(rig)
    }

    async fn agents_connected(&self) -> anyhow::Result<()> {
        let database = self.valet.database().await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let connected: i64 =
                sqlx::query_scalar("SELECT count(*) FROM sandboxes WHERE connected").fetch_one(&database).await?;
            if usize::try_from(connected)? >= AGENTS {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{connected} of {AGENTS} agents are connected");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Approves, and says how long it took until its agent had the page do something.
    async fn answer(&self, person: usize, task: &str) -> anyhow::Result<Duration> {
        let mut heard = self.employer.hear();
        let path = format!("/tasks/{task}/approve");
        let began = Instant::now();
        let body = json!({});
        let asked = self.crowd.client(person).once(Method::POST, &path, Some(&body), None);
        let (answer, asked) = tokio::join!(asked, next(&mut heard, task));
        let (status, body) = answer.context("nobody answered")?;
        ensure!(status.is_success(), "an approval was refused: {status} {body}");
        Ok(asked?.at.saturating_duration_since(began))
    }

    /// From the sending of an approval to the agent's turning to its page.
    ///
    /// # Errors
    /// When anything is refused or hangs.
    pub async fn answers(&mut self, count: usize) -> anyhow::Result<Times> {
        self.crowd.grow(&self.valet, 1).await?;
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let task = self.crowd.review(&self.valet, 0, number).await?;
            times.push(self.answer(0, &task).await?);
            self.crowd.until(0, &task, "completed").await?;
        }
        Ok(Times::of(times))
    }

    /// Edits of held reviews, each sent when the one before was entered in the page and told on the person's screen.
    ///
    /// # Errors
    /// When anything is refused or hangs.
    pub async fn edits(&mut self, clients: usize) -> anyhow::Result<(Times, f64)> {
        self.crowd.grow(&self.valet, clients).await?;
        let tasks = try_join_all((0..clients).map(|person| self.crowd.review(&self.valet, person, 1_000))).await?;
        tracing::info!(clients, "edits are measured");
        let began = Instant::now();
        let editing = tasks.iter().enumerate().map(|(person, task)| self.edit(person, task, began));
        let times: Vec<Duration> = try_join_all(editing).await?.into_iter().flatten().collect();
        let rate = times.len() as f64 / began.elapsed().as_secs_f64();
        for (person, task) in tasks.iter().enumerate() {
            let client = self.crowd.client(person);
            client.insist(Method::DELETE, &format!("/tasks/{task}"), None, None, PATIENCE).await?;
        }
        Ok((Times::of(times), rate))
    }

    async fn edit(&self, person: usize, task: &str, began: Instant) -> anyhow::Result<Vec<Duration>> {
        let client = self.crowd.client(person);
        let door = client.door().replace("http://", "ws://");
        let (mut screen, _) =
            timeout(PATIENCE, tokio_tungstenite::connect_async(format!("{door}/api/v1/ws?token={}", client.token())))
                .await??;
        let path = format!("/tasks/{task}/review");
        let (_, review) = client.insist(Method::GET, &path, None, None, PATIENCE).await?;
        let mut revision = review["revision"].as_i64().context("a review has a revision")?;
        let mut times = Vec::new();
        while began.elapsed() < MEASURED {
            let edit = json!({ "fieldId": "field-0", "value": format!("Answer {revision}") });
            let body = json!({ "revision": revision, "edits": [edit] });
            let sent = Instant::now();
            // The change of the review is told, and then that the page holds it.
            let entered = async {
                let mut updates = 0;
                while updates < 2 {
                    match timeout(PATIENCE, screen.next()).await?.context("the screen went dark")?? {
                        Message::Text(text) if text.contains("task_update") && text.contains(task) => updates += 1,
                        _ => {}
                    }
                }
                anyhow::Ok(())
            };
            let (answer, entered) = tokio::join!(client.once(Method::PATCH, &path, Some(&body), None), entered);
            entered?;
            let (status, review) = answer.context("nobody answered")?;
            ensure!(status.is_success(), "an edit was refused: {status} {review}");
            times.push(sent.elapsed());
            revision = review["revision"].as_i64().context("a review has a revision")?;
        }
        Ok(times)
    }

    /// Parks some applications, makes many more of their kind, starts the coordinator again, and answers the first.
    /// Returns how many megabytes more it then has resident, and how long the answers took to an agent.
    ///
    /// # Errors
    /// When anything is refused or hangs.
    pub async fn parked(&mut self, count: usize) -> anyhow::Result<(f64, Times)> {
        self.crowd.grow(&self.valet, ANSWERED).await?;
        let mut tasks = Vec::with_capacity(ANSWERED);
        for person in 0..ANSWERED {
            tasks.push(self.crowd.review(&self.valet, person, 2_000).await?);
        }
        self.restart().await?;
        let before = resident_kb(self.valet.pid());
        let database = self.valet.database().await;
        // As an outage of their hosts leaves them: without a browser, their reviews open.
        self.park(&database, &tasks).await?;
        make(&database, &tasks[0], count).await?;
        self.restart().await?;
        let more_kb = resident_kb(self.valet.pid()).saturating_sub(before);
        let mut times = Vec::with_capacity(ANSWERED);
        for (person, task) in tasks.iter().enumerate() {
            times.push(self.answer(person, task).await?);
            self.crowd.until(person, task, "completed").await?;
        }
        Ok((more_kb as f64 / 1024.0, Times::of(times)))
    }

    /// An admin drains every host and lets it work again.
    async fn park(&self, database: &sqlx::PgPool, tasks: &[String]) -> anyhow::Result<()> {
        let admin = crate::Person::first(&self.valet).await;
        let hosts: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM sandboxes").fetch_all(database).await?;
        for host in &hosts {
            let drain = format!("/admin/sandboxes/{host}/drain");
            admin.call(Method::POST, &drain, Some(json!({ "reason": "to park" }))).await;
            admin.wait(&drain, "released", |drain| drain["released"] == true).await;
        }
        for host in &hosts {
            admin.call(Method::POST, &format!("/admin/sandboxes/{host}/undrain"), None).await;
        }
        let held: i64 =
            sqlx::query_scalar("SELECT count(*) FROM tasks WHERE lease_id IS NOT NULL").fetch_one(database).await?;
        if held != 0 {
            bail!("{held} of {} applications were not parked", tasks.len());
        }
        Ok(())
    }

    /// Starts the coordinator anew; its agents are back, and what that took has been given back.
    async fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.valet.stop().await, "it ends well");
        self.valet.restart().await;
        self.agents_connected().await?;
        sleep(Duration::from_secs(5)).await;
        Ok(())
    }
}

/// The next time that an agent turns to this task's page.
async fn next(heard: &mut broadcast::Receiver<Asked>, task: &str) -> anyhow::Result<Asked> {
    timeout(PATIENCE, async {
        loop {
            let asked = heard.recv().await?;
            if asked.task.to_string() == task {
                return Ok(asked);
            }
        }
    })
    .await
    .context("no agent was told")?
}

/// So many parked applications like this one, of a thousand other people.
async fn make(database: &sqlx::PgPool, like: &str, count: usize) -> anyhow::Result<()> {
    let like: uuid::Uuid = like.parse()?;
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT quote_ident(column_name) FROM information_schema.columns WHERE table_name = 'tasks' AND table_schema = 'public'",
    )
    .fetch_all(database)
    .await?;
    // What differs from one to the next.
    let own: BTreeSet<&str> = ["id", "user_id", "shard", "idempotency_key"].into();
    let same: Vec<String> = columns.into_iter().filter(|column| !own.contains(column.as_str())).collect();
    let same = same.join(", ");
    let people: Vec<uuid::Uuid> = (0..1_000).map(|_| uuid::Uuid::new_v4()).collect();
    sqlx::query(
        "INSERT INTO users (id, email, name) SELECT u, u || '@example.com', 'Ada' FROM unnest($1::uuid[]) AS n (u)",
    )
    .bind(&people)
    .execute(database)
    .await?;
    let insert = format!(
        "INSERT INTO tasks (id, user_id, shard, {same})
         SELECT gen_random_uuid(), ($2::uuid[])[1 + n % 1000], (n % 256)::smallint, {same}
           FROM tasks, generate_series(1, $3::bigint) AS n WHERE id = $1"
    );
    sqlx::query(sqlx::AssertSqlSafe(insert))
        .bind(like)
        .bind(&people)
        .bind(i64::try_from(count)?)
        .execute(database)
        .await
        .context("making parked applications")?;
    sqlx::query("VACUUM ANALYZE tasks").execute(database).await?;
    Ok(())
}
