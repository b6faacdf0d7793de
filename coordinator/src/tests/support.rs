//! A coordinator without its listener: journal, task supervisors, and a stand-in for one sandbox's actor that notes
//! what it is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::cluster::Action;
use protocol::ids::{CommandId, LeaseId, NodeId, SandboxId, TaskId, UserId};
use protocol::task::{Mode, Phase};
use protocol::wire::message::{JobDown, Report, SubmitOutcome};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use sqlx::PgPool;
use store::Store;
use store::agents::{self, NewSandbox, Opening};
use store::bus::Bus;
use store::files::Files;
use store::shards;
use store::tasks::{self, Task, TaskAt};
use tokio::sync::mpsc;

use crate::cluster::owner;
use crate::cluster::peers::Seal;
use crate::core::{Core, LiveSandbox, Settings};
use crate::sandbox::actor::SandboxMsg;
use crate::sandbox::supervisor::{SandboxSupervisor, SandboxesMsg};
use crate::supervise::{Mailbox, Past};
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::Input;
use crate::task::machine::testing::{confirmation, form, verified};
use crate::task::supervisor::{FAMILIES, TaskSupervisor, TasksArgs, TasksMsg};

/// Far longer than anything here takes; reached only when something is missing.
pub const PATIENCE: Duration = Duration::from_secs(30);
const A_LONG_LIFE: Duration = Duration::from_secs(3_600);

pub struct Node {
    pub core: Arc<Core>,
    pub tasks: Tasks,
    supervisors: Vec<ActorRef<TasksMsg>>,
    sandboxes: Option<ActorRef<SandboxesMsg>>,
    told: mpsc::UnboundedReceiver<SandboxMsg>,
}

/// Notes what task actors tell their sandbox.
struct Recorder;

impl Actor for Recorder {
    type Msg = SandboxMsg;
    type State = mpsc::UnboundedSender<SandboxMsg>;
    type Arguments = mpsc::UnboundedSender<SandboxMsg>;

    async fn pre_start(
        &self,
        _: ActorRef<SandboxMsg>,
        notes: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(notes)
    }

    async fn handle(
        &self,
        _: ActorRef<SandboxMsg>,
        message: SandboxMsg,
        notes: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(notes.send(message)?)
    }
}

impl Node {
    /// Takes all shards of the database, from whoever held them.
    pub async fn start(pool: &PgPool, sandbox: SandboxId) -> Self {
        // Whoever was there before has not been heard for long.
        sqlx::query("UPDATE nodes SET renewed_at = renewed_at - interval '1 hour'").execute(pool).await.unwrap();
        Self::beside(pool, sandbox).await
    }

    /// Nobody renews the row here: it stands for the rest of the test.
    pub fn stand(&self) {
        self.core.cluster.set_standing(tokio::time::Instant::now() + A_LONG_LIFE);
    }

    /// Takes what nobody who lives holds.
    pub async fn beside(pool: &PgPool, sandbox: SandboxId) -> Self {
        let store = Store::from_pool(pool.clone());
        let node = NodeId::new();
        let files = Files::local(&std::env::temp_dir().join(format!("valet-test-{node}"))).unwrap();
        let settings = Settings { allowed_private_hosts: Vec::new(), resume_child: PathBuf::new(), ec2: None };
        let core = Core::new(node, store, files, Bus::new(), settings, Seal::new(&[7; 32]));
        owner::begin(&core, "127.0.0.1:1").await.unwrap();
        let mut supervisors = Vec::new();
        for family in 0..FAMILIES {
            let args = TasksArgs { core: Arc::clone(&core), family };
            supervisors.push(Actor::spawn(None, TaskSupervisor, args).await.unwrap().0);
        }
        let (notes, told) = mpsc::unbounded_channel();
        let (recorder, _) = Actor::spawn(None, Recorder, notes).await.unwrap();
        let mailbox = Arc::new(Mailbox::new(Past::default()));
        core.sandboxes.insert(sandbox, LiveSandbox { actor: recorder, mailbox });
        let node = Self { tasks: Tasks::new(Arc::clone(&core)), core, supervisors, sandboxes: None, told };
        node.stand();
        node
    }

    /// Has sandboxes' own actors here instead of one that notes.
    pub async fn with_sandboxes(&mut self) {
        let supervisor = Actor::spawn(None, SandboxSupervisor, Arc::clone(&self.core)).await.unwrap().0;
        self.sandboxes = Some(supervisor);
    }

    /// Ends it as a crash would: nothing is finished.
    pub async fn kill(self) {
        if let Some(sandboxes) = self.sandboxes {
            sandboxes.kill();
        }
        for supervisor in self.supervisors {
            supervisor.kill();
        }
    }

    pub async fn row(&self, task: TaskId) -> Task {
        let mut tx = self.core.store.begin().await.unwrap();
        tasks::read(&mut tx, task).await.unwrap().expect("the task is there")
    }

    pub async fn input(&self, task: TaskId, input: Input) -> Result<(), TaskError> {
        self.tasks.input(at(task), None, input).await.map(|_| ())
    }

    pub async fn person(&self, task: TaskId, action: Action) {
        self.input(task, Input::Person { id: CommandId::new(), action }).await.unwrap();
    }

    pub async fn claim(&self, task: TaskId, sandbox: SandboxId, epoch: i64) -> Result<(), TaskError> {
        self.input(task, Input::Claimed { sandbox, epoch, lease: LeaseId::new() }).await
    }

    /// The next report in order.
    pub async fn report(&self, task: TaskId, report: Report) {
        let row = self.row(task).await;
        let (lease, number) = (row.lease_id.unwrap(), row.last_report.unsigned_abs() + 1);
        self.input(task, Input::Report { lease, number, report: Box::new(report) }).await.unwrap();
    }

    /// What the sandbox is told next.
    pub async fn told(&mut self) -> SandboxMsg {
        tokio::time::timeout(PATIENCE, self.told.recv()).await.expect("the sandbox is told something").unwrap()
    }

    /// What the agent is told next on the job's stream.
    pub async fn sent(&mut self) -> JobDown {
        loop {
            if let SandboxMsg::Send { message, .. } = self.told().await {
                return *message;
            }
        }
    }

    /// True when nothing was told that was not taken yet.
    pub fn is_quiet(&mut self) -> bool {
        self.told.try_recv().is_err()
    }
}

/// The node holds every shard, so any will do.
pub fn at(id: TaskId) -> TaskAt {
    TaskAt { id, shard: 0 }
}

pub async fn user(pool: &PgPool) -> UserId {
    let user = UserId::new();
    sqlx::query("INSERT INTO users (id, email, name) VALUES ($1, $2, 'Ada Lovelace')")
        .bind(user.0)
        .bind(format!("{user}@example.com"))
        .execute(pool)
        .await
        .unwrap();
    user
}

/// A task as the gateway inserts it.
pub async fn created(pool: &PgPool, user: UserId) -> TaskId {
    let task = TaskId::new();
    sqlx::query(
        "INSERT INTO tasks (id, user_id, job_url, mode, shard, wake_at) VALUES ($1, $2, 'https://jobs.example/1', $3::application_mode, $4, now())",
    )
    .bind(task.0)
    .bind(user.0)
    .bind(Mode::Copilot.as_str())
    .bind(shards::shard_of(user))
    .execute(pool)
    .await
    .unwrap();
    task
}

/// A sandbox that no agent has connected for yet.
pub async fn registered(store: &Store, name: &str, capacity: i32) -> SandboxId {
    let mut tx = store.begin().await.unwrap();
    let new = NewSandbox {
        name,
        environment: "dev",
        instance_id: name,
        instance_type: "local",
        engine: "chromium",
        capacity,
    };
    let sandbox = agents::register(&mut tx, &new).await.unwrap();
    store::db::commit(tx, "registering").await.unwrap();
    sandbox
}

/// A connected sandbox and the epoch of its session.
pub async fn sandbox(pool: &PgPool, capacity: i32) -> (SandboxId, i64) {
    let store = Store::from_pool(pool.clone());
    let sandbox = registered(&store, "host", capacity).await;
    let mut tx = store.begin().await.unwrap();
    let opening = Opening { sandbox, build: "test".into(), boot: uuid::Uuid::nil(), capacity };
    let epoch = agents::open_sessions(&mut tx, NodeId::new(), &[opening]).await.unwrap()[0].epoch;
    store::db::commit(tx, "connecting").await.unwrap();
    (sandbox, epoch)
}

/// Brings a new task as far as `phase`.
pub async fn at_phase(node: &mut Node, pool: &PgPool, sandbox: SandboxId, epoch: i64, phase: Phase) -> TaskId {
    let task = created(pool, user(pool).await).await;
    node.person(task, Action::TaskCreated { task }).await;
    node.claim(task, sandbox, epoch).await.unwrap();
    if matches!(phase, Phase::StartingBrowser | Phase::Navigating) {
        node.report(task, Report::Phase(phase)).await;
        return task;
    }
    node.report(task, Report::Observed { form: form("", ""), screenshot: None }).await;
    if phase == Phase::Analyzing {
        return task;
    }
    // The planner's own answer starts the fill.
    let JobDown::Fill { command, .. } = node.sent().await else { panic!("no fill") };
    if phase == Phase::Filling {
        node.report(task, Report::Phase(phase)).await;
        return task;
    }
    let results = vec![verified("name", "Ada Lovelace"), verified("town", "Rome")];
    let held = || form("Ada Lovelace", "Rome");
    node.report(task, Report::Filled { command, results, form: held(), screenshot: None }).await;
    if phase == Phase::Reviewing {
        return task;
    }
    let (overrides, remember) = (std::collections::BTreeMap::new(), Vec::new());
    node.person(task, Action::Approve { task, revision: None, overrides, remember }).await;
    let JobDown::Prepare { command, .. } = node.sent().await else { panic!("no prepare") };
    node.report(task, Report::Ready { command, results: Vec::new(), form: held() }).await;
    let JobDown::Submit { permit, .. } = node.sent().await else { panic!("no submit") };
    if phase == Phase::Verifying {
        node.report(task, Report::Phase(phase)).await;
    }
    if phase == Phase::Cleanup {
        let outcome = SubmitOutcome::Confirmed(confirmation());
        node.report(task, Report::Outcome { permit: permit.id, outcome, screenshot: None }).await;
    }
    task
}
