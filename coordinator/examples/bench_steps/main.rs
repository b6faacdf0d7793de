//! How fast a task's step becomes durable: `DATABASE_URL=… bench_steps`, on a database with fsync on that holds nothing else.
//!
//! A step is an agent's report to a live task's actor: decided, handed to the journal, committed with its history and the
//! person's message, published, answered. One client first, for the time it takes; then as many at once as are busy in a
//! fleet, for the rate. Beside it, in the same run, the same rows are written by plain multi-row statements that check
//! nothing ([`raw`]): what the database could do at most. Last, what a live actor weighs ([`weight`]).

#![expect(clippy::print_stdout, reason = "figures are this program's result")]

mod raw;
mod weight;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use coordinator::pki::{Authority, EndpointSecrets};
use coordinator::task::handle::Tasks;
use coordinator::task::machine::Input;
use coordinator::{Coordinator, Settings};
use protocol::ids::{LeaseId, NodeId, SandboxId, TaskId, UserId};
use protocol::task::Phase;
use protocol::wire::message::Report;
use sqlx::PgPool;
use store::Store;
use store::agents::{self, NewSandbox, Opening};
use store::bus::Bus;
use store::files::Files;
use store::tasks::TaskAt;

/// Clients at once: as many agents as report at the same instant in a fleet of some thousands.
const CLIENTS: usize = 64;
/// Steps of the one client.
const SINGLE: usize = 4_000;
/// How long the clients together, and the plain statements, are measured.
const MEASURED: Duration = Duration::from_secs(5);
/// Steps before each measurement that are not counted: plans are cached, files grow.
const WARM: usize = 200;
const CONNECTIONS: u32 = 16;
/// For the tasks to find their places.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL names an empty database")?;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let store = Store::connect(&url, None, CONNECTIONS)?;
    store.migrate().await?;
    let folder = tempfile::tempdir()?;
    let node = NodeId::new();
    let coordinator = start(&store, node, folder.path()).await?;
    let fsync: String = sqlx::query_scalar("SELECT current_setting('fsync')").fetch_one(store.pool()).await?;
    ensure!(
        fsync == "on" || std::env::var_os("FSYNC_OFF").is_some(),
        "fsync is {fsync}: the figures would mean nothing"
    );

    let capacity = i32::try_from(CLIENTS)?;
    let sandbox = sandbox(&store, capacity).await?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::new(store.pool(), coordinator.tasks()).await?);
    }
    for client in &mut clients {
        client.placed(store.pool()).await?;
    }

    let one = &mut clients[0];
    one.steps(WARM).await?;
    let mut times = one.steps(SINGLE).await?;
    println!(
        "durable task step, 1 client: p50 {:.2} ms, p99 {:.2} ms (limits 1.0, 5)",
        part(&mut times, 0.5),
        part(&mut times, 0.99)
    );
    let (ours, mut together) = together(clients).await?;
    println!(
        "durable task steps/s, {CLIENTS} clients: {ours:.0} (target 10000), p50 {:.1} ms, p99 {:.1} ms",
        part(&mut together, 0.5),
        part(&mut together, 0.99)
    );
    let raw = raw::rate(store.pool(), CLIENTS, MEASURED).await?;
    println!(
        "the same rows by plain multi-row statements/s: {raw:.0}; steps are {:.0} % of it (target 50)",
        ours / raw * 100.0
    );
    weight::measure(&store, &coordinator.tasks(), sandbox).await?;
    coordinator.stop().await;
    Ok(())
}

async fn start(store: &Store, node: NodeId, folder: &std::path::Path) -> anyhow::Result<Coordinator> {
    let config = coordinator::Config {
        node,
        address: String::new(),
        store: store.clone(),
        files: Files::local(folder)?,
        bus: Bus::new(),
        settings: Settings { allowed_private_hosts: Vec::new(), resume_child: std::path::PathBuf::new(), ec2: None },
        quic: ([127, 0, 0, 1], 0).into(),
        authority: Arc::new(Authority::create(SystemTime::now())?),
        secrets: EndpointSecrets::derive(&[7; 32])?,
        server_names: Vec::new(),
    };
    Ok(coordinator::start(config).await?)
}

/// A host that looks connected to another node, which is about to leave and takes no shards, and does nothing. Were it this
/// node's, its silence would be noticed and its leases end while they are measured.
async fn sandbox(store: &Store, capacity: i32) -> anyhow::Result<SandboxId> {
    let node = NodeId::new();
    sqlx::query("INSERT INTO nodes (id, address, renewed_at, leaving) VALUES ($1, '127.0.0.1:1', now() + interval '1 hour', true)")
        .bind(node.0)
        .execute(store.pool())
        .await?;
    let new = NewSandbox {
        name: "host",
        environment: "dev",
        instance_id: "host",
        instance_type: "local",
        engine: "chromium",
        capacity,
    };
    let mut tx = store.begin().await?;
    let sandbox = agents::register(&mut tx, &new).await?;
    let opening = Opening { sandbox, build: "bench".into(), boot: uuid::Uuid::nil(), capacity };
    agents::open_sessions(&mut tx, node, &[opening]).await?.pop().context("the host may not connect")?;
    store::db::commit(tx, "connecting").await?;
    Ok(sandbox)
}

/// Somebody with a task, as the gateway inserts both.
async fn person(pool: &PgPool) -> anyhow::Result<(UserId, TaskAt)> {
    let (user, task) = (UserId::new(), TaskId::new());
    sqlx::query("INSERT INTO users (id, email, name) VALUES ($1, $2, 'Ada')")
        .bind(user.0)
        .bind(format!("{user}@example.com"))
        .execute(pool)
        .await?;
    let shard = store::shards::shard_of(user);
    sqlx::query(
        "INSERT INTO tasks (id, user_id, job_url, mode, shard, wake_at)
         VALUES ($1, $2, 'https://jobs.example/1', 'copilot', $3, now())",
    )
    .bind(task.0)
    .bind(user.0)
    .bind(shard)
    .execute(pool)
    .await?;
    Ok((user, TaskAt { id: task, shard }))
}

/// An agent's job, as far as its task's actor knows.
struct Client {
    tasks: Tasks,
    at: TaskAt,
    lease: LeaseId,
    number: u64,
}

impl Client {
    async fn new(pool: &PgPool, tasks: Tasks) -> anyhow::Result<Self> {
        let (_, at) = person(pool).await?;
        Ok(Self { tasks, at, lease: LeaseId::new(), number: 0 })
    }

    /// Waits for the dispatcher, and learns the lease.
    async fn placed(&mut self, pool: &PgPool) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let lease: Option<uuid::Uuid> = sqlx::query_scalar("SELECT lease_id FROM tasks WHERE id = $1")
                .bind(self.at.id.0)
                .fetch_one(pool)
                .await?;
            if let Some(lease) = lease {
                self.lease = LeaseId(lease);
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "a task found no place");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One report: a phase that the task is not in, so that it changes, is told and kept.
    async fn step(&mut self) -> anyhow::Result<Duration> {
        self.number += 1;
        let phase = if self.number.is_multiple_of(2) { Phase::Analyzing } else { Phase::Navigating };
        let report = Box::new(Report::Phase(phase));
        let began = Instant::now();
        self.tasks.input(self.at, None, Input::Report { lease: self.lease, number: self.number, report }).await?;
        Ok(began.elapsed())
    }

    async fn steps(&mut self, count: usize) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            times.push(self.step().await?);
        }
        Ok(times)
    }
}

/// Steps per second of all clients, each with one under way, and how long each took.
async fn together(clients: Vec<Client>) -> anyhow::Result<(f64, Vec<Duration>)> {
    let began = Instant::now();
    let running = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < MEASURED {
                times.push(client.step().await?);
            }
            anyhow::Ok(times)
        })
    });
    let mut all = Vec::new();
    for times in futures::future::join_all(running).await {
        all.extend(times??);
    }
    Ok((all.len() as f64 / began.elapsed().as_secs_f64(), all))
}

/// Milliseconds within which this part of them was done.
fn part(times: &mut [Duration], part: f64) -> f64 {
    times.sort();
    let index = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
}
