//! People, hosts and tasks to write about.

use std::sync::Arc;

use protocol::event::Event;
use protocol::ids::{LeaseId, NodeId, SandboxId, TaskId, UserId};
use protocol::task::Status;
use sqlx::PgPool;
use store::agents::{self, NewSandbox, Opening};
use store::bus::Message;
use store::journal::{self, CommitError, Slot, Step};
use store::nodes::{self, Node};
use store::shards::{self, Held};
use store::tasks::{self, Adopted, Task};
use store::{Store, Tx};

/// A database with one coordinator that holds all shards.
pub struct World {
    pub store: Store,
    pub pool: PgPool,
    pub held: Vec<Held>,
}

impl World {
    pub async fn new(pool: PgPool) -> Self {
        let store = Store::from_pool(pool.clone());
        let mut world = Self { store, pool, held: Vec::new() };
        world.held = world.take_shards().await;
        world
    }

    pub async fn tx(&self) -> Tx {
        self.store.begin().await.unwrap()
    }

    pub async fn take_shards(&self) -> Vec<Held> {
        // Whoever had them has not been heard for long.
        sqlx::query("UPDATE nodes SET renewed_at = renewed_at - interval '1 hour'").execute(&self.pool).await.unwrap();
        let mut tx = self.tx().await;
        let node = Node { id: NodeId::new(), address: "127.0.0.1:1".into(), leaving: false };
        nodes::renew(&mut tx, &node).await.unwrap();
        let all: Vec<i16> = (0..256).collect();
        let held = shards::take(&mut tx, node.id, &all).await.unwrap();
        store::db::commit(tx, "taking shards").await.unwrap();
        held
    }

    pub async fn user(&self) -> UserId {
        let user = UserId::new();
        sqlx::query("INSERT INTO users (id, email, name) VALUES ($1, $2, 'Ada')")
            .bind(user.0)
            .bind(format!("{user}@example.com"))
            .execute(&self.pool)
            .await
            .unwrap();
        user
    }

    /// A connected sandbox and the epoch of its session.
    pub async fn sandbox(&self, capacity: i32) -> (SandboxId, i64) {
        let name = SandboxId::new().to_string();
        let new = NewSandbox {
            name: &name,
            environment: "dev",
            instance_id: &name,
            instance_type: "local",
            engine: "chromium",
            capacity,
        };
        let mut tx = self.tx().await;
        let sandbox = agents::register(&mut tx, &new).await.unwrap();
        store::db::commit(tx, "registering").await.unwrap();
        let epoch = self.connect(sandbox, capacity).await;
        (sandbox, epoch)
    }

    pub async fn connect(&self, sandbox: SandboxId, capacity: i32) -> i64 {
        let opening = Opening { sandbox, build: "test".into(), boot: uuid::Uuid::nil(), capacity };
        let mut tx = self.tx().await;
        let epoch = agents::open_sessions(&mut tx, NodeId::new(), &[opening]).await.unwrap()[0].epoch;
        store::db::commit(tx, "connecting").await.unwrap();
        epoch
    }

    /// A queued task, `age` seconds old.
    pub async fn task(&self, user: UserId, age: i64) -> Task {
        let task = TaskId::new();
        sqlx::query(
            "INSERT INTO tasks (id, user_id, job_url, mode, status, shard, queued_at)
             VALUES ($1, $2, 'https://jobs.example/1', 'copilot', 'queued', $3, now() - make_interval(secs => $4))",
        )
        .bind(task.0)
        .bind(user.0)
        .bind(shards::shard_of(user))
        .bind(age as f64)
        .execute(&self.pool)
        .await
        .unwrap();
        self.adopt(task).await
    }

    pub async fn adopt(&self, task: TaskId) -> Task {
        let mut tx = self.tx().await;
        let Adopted::Task(task, _) = tasks::adopt(&mut tx, &self.held, task).await.unwrap() else {
            panic!("the task cannot be adopted")
        };
        store::db::commit(tx, "adopting").await.unwrap();
        *task
    }

    pub async fn commit(&self, steps: &[Step]) -> Result<Vec<Message>, CommitError> {
        journal::Writer::new(self.store.clone()).commit(&self.held, steps).await
    }

    /// Claims a place for the task, as its actor would.
    pub async fn claim(&self, task: &mut Task, sandbox: SandboxId, epoch: i64) -> Result<Vec<Message>, CommitError> {
        let step = claim(task, sandbox, epoch);
        let told = self.commit(std::slice::from_ref(&step)).await?;
        *task = Task::clone(&step.task);
        Ok(told)
    }

    pub async fn load(&self, sandbox: SandboxId) -> i32 {
        sqlx::query_scalar("SELECT current_load FROM sandboxes WHERE id = $1")
            .bind(sandbox.0)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Sandboxes whose slots do not add up to the leases on them: none, at every instant.
    pub async fn unbalanced(&self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM sandboxes s
              WHERE s.current_load <> (SELECT count(*) FROM tasks t WHERE t.sandbox_id = s.id AND t.lease_id IS NOT NULL)",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }
}

/// A step that leaves the task as given: its generation is the one of the row.
pub fn step(task: &Task) -> Step {
    let task = Arc::new(Task { generation: task.generation + 1, ..task.clone() });
    Step { task, slot: Slot::Keep, events: Vec::new(), told: Vec::new(), writes: Vec::new() }
}

pub fn claim(task: &Task, sandbox: SandboxId, epoch: i64) -> Step {
    let task = Task {
        status: Status::InProgress,
        sandbox_id: Some(sandbox),
        lease_id: Some(LeaseId::new()),
        queued_at: None,
        ..task.clone()
    };
    Step { slot: Slot::Take { sandbox, epoch }, told: vec![resumed(&task)], ..step(&task) }
}

/// A message about the task.
pub fn resumed(task: &Task) -> Event {
    Event::TaskResumed { task_id: task.id, status: task.status }
}

pub fn give(task: &Task) -> Step {
    let sandbox = task.sandbox_id.unwrap();
    let task = Task { status: Status::Failed, lease_id: None, ..task.clone() };
    Step { slot: Slot::Give { sandbox }, ..step(&task) }
}
