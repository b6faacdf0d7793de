//! Two coordinators on one database: who owns what, and what reaches it.

use std::sync::Arc;

use protocol::cluster::Action;
use protocol::ids::{CommandId, SandboxId, TaskId, UserId};
use protocol::task::{Phase, Status};
use ractor::Actor as _;
use sqlx::PgPool;
use store::nodes::Node as Row;
use store::shards::shard_of;
use store::tasks::TaskAt;

use super::support::{Node, at_phase, created, sandbox, user};
use crate::cluster::owner::renew;
use crate::resume_work::ResumeWork;
use crate::router::{Router, RouterArgs};
use crate::task::machine::Input;

fn row(node: &Node) -> Row {
    Row { id: node.core.node, address: "127.0.0.1:1".into(), leaving: false }
}

/// Two nodes that know each other and have shared the work.
pub async fn pair(pool: &PgPool, sandbox: SandboxId) -> (Node, Node) {
    let first = Node::start(pool, sandbox).await;
    let second = Node::beside(pool, sandbox).await;
    for node in [&first, &second] {
        let args = RouterArgs { core: Arc::clone(&node.core), resumes: ResumeWork::new().0 };
        Router::spawn(None, Router, args).await.unwrap();
    }
    // The first sees the second and gives; the second takes; the first sees that.
    for node in [&first, &second, &first] {
        renew(&node.core, &row(node)).await.unwrap();
        node.stand();
    }
    (first, second)
}

/// Somebody whose tasks this node owns.
pub async fn user_of(node: &Node, pool: &PgPool) -> UserId {
    loop {
        let user = user(pool).await;
        if node.core.epoch(shard_of(user)).is_some() {
            return user;
        }
    }
}

pub fn at(task: TaskId, user: UserId) -> TaskAt {
    TaskAt { id: task, shard: shard_of(user) }
}

pub fn command(action: Action) -> Input {
    Input::Person { id: CommandId::new(), action }
}

async fn silence(pool: &PgPool, node: &Node) {
    sqlx::query("UPDATE nodes SET renewed_at = renewed_at - interval '1 hour' WHERE id = $1")
        .bind(node.core.node.0)
        .execute(pool)
        .await
        .unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn two_nodes_share_every_shard_and_one_plans(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let (first, second) = pair(&pool, sandbox).await;
    let shards = |node: &Node| node.core.held.borrow().iter().map(|held| held.shard).collect::<Vec<_>>();
    let mut all = [shards(&first), shards(&second)].concat();
    assert!(shards(&first).len() > 50 && shards(&second).len() > 50);
    all.sort_unstable();
    assert_eq!(all, (0..256).collect::<Vec<_>>(), "each shard has one owner");
    assert_eq!(first.core.cluster.view().dispatcher, second.core.cluster.view().dispatcher);
    assert!(first.core.cluster.view().dispatcher.is_some());
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn an_input_goes_to_the_owner_whoever_is_asked(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 4).await;
    let (first, second) = pair(&pool, sandbox).await;
    let user = user_of(&second, &pool).await;
    let task = created(&pool, user).await;
    first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    let claim = Input::Claimed { sandbox, epoch, lease: protocol::ids::LeaseId::new() };
    first.tasks.input(at(task, user), None, claim).await.unwrap();
    assert!(second.core.tasks.contains_key(&task) && !first.core.tasks.contains_key(&task));
    assert_eq!(first.row(task).await.status, Status::InProgress);
    // A refusal comes back as it was said.
    let stranger = UserId::new();
    let refused = first.tasks.input(at(task, user), Some(stranger), command(Action::Cancel { task })).await;
    assert!(matches!(refused, Err(crate::task::handle::TaskError::NotFound)), "{refused:?}");
    let refused = first.tasks.input(at(task, user), Some(user), command(Action::Retry { task })).await;
    assert!(matches!(refused, Err(crate::task::handle::TaskError::Refused(_))), "{refused:?}");
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_tasks_of_a_node_that_died_go_on_at_the_other(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 4).await;
    let (mut first, second) = pair(&pool, sandbox).await;
    let user = user_of(&second, &pool).await;
    let task = created(&pool, user).await;
    first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    let stale = second.core.tasks.get(&task).unwrap().actor.clone();
    silence(&pool, &second).await;
    renew(&first.core, &row(&first)).await.unwrap();
    assert_eq!(first.core.held.borrow().len(), 256);
    first.tasks.input(at(task, user), Some(user), command(Action::Cancel { task })).await.unwrap();
    assert_eq!(first.row(task).await.status, Status::Cancelled);
    // The dead one wakes up and still thinks that the task is its own: what it decides is not written.
    let late = second.tasks.input_here(at(task, user), Some(user), command(Action::Cancel { task })).await;
    assert!(late.is_err(), "{late:?}");
    assert!(stale.get_status() >= ractor::ActorStatus::Stopping, "an actor that is fenced off dies");
    at_phase(&mut first, &pool, sandbox, epoch, Phase::Reviewing).await;
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_node_that_slept_refuses_nothing_from_memory(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let user = user(&pool).await;
    let task = created(&pool, user).await;
    node.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    let stale = || Input::Report {
        lease: protocol::ids::LeaseId::new(),
        number: 1,
        report: Box::new(protocol::wire::message::Report::Ended),
    };
    let refused = node.tasks.input_here(at(task, user), None, stale()).await;
    assert!(matches!(refused, Err(crate::task::handle::TaskError::Refused(_))), "{refused:?}");
    let actor = node.core.tasks.get(&task).unwrap().actor.clone();
    node.core.cluster.set_standing(tokio::time::Instant::now());
    // What it remembers may be over: it waits for its standing, and dies without a word.
    let (tasks, input) = (node.tasks.clone(), stale());
    let asked = tokio::spawn(async move { tasks.input_here(at(task, user), None, input).await });
    while actor.get_status() < ractor::ActorStatus::Stopping {
        assert!(!asked.is_finished(), "it was answered from memory");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    asked.abort();
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_node_without_standing_commits_and_leaves_the_rest_to_its_successor(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 4).await;
    let mut node = Node::start(&pool, sandbox).await;
    let user = user(&pool).await;
    let task = created(&pool, user).await;
    node.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    node.core.cluster.set_standing(tokio::time::Instant::now());
    let claim = Input::Claimed { sandbox, epoch, lease: protocol::ids::LeaseId::new() };
    node.tasks.input(at(task, user), None, claim).await.unwrap();
    assert!(node.is_quiet(), "nothing is performed");
    // Nobody speaks to the task, and its deadline is far: its successor comes by itself.
    node.stand();
    assert!(matches!(node.told().await, crate::sandbox::actor::SandboxMsg::OpenJob { .. }));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_word_that_waited_for_the_database_is_not_said_without_standing(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 4).await;
    let (first, mut second) = pair(&pool, sandbox).await;
    sqlx::query("UPDATE nodes SET renewed_at = now() + interval '1 hour'").execute(&pool).await.unwrap();
    sqlx::query("UPDATE sandboxes SET node_id = $1").bind(second.core.node.0).execute(&pool).await.unwrap();
    let user = user_of(&first, &pool).await;
    let task = created(&pool, user).await;
    first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    let claim = Input::Claimed { sandbox, epoch, lease: protocol::ids::LeaseId::new() };
    first.tasks.input(at(task, user), None, claim).await.unwrap();
    assert!(matches!(second.told().await, crate::sandbox::actor::SandboxMsg::OpenJob { .. }));
    let actor = first.core.tasks.get(&task).unwrap().actor.clone();
    // Whoever looks for the sandbox's node has to wait, and the standing runs out meanwhile.
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let (tasks, cancel) = (first.tasks.clone(), command(Action::Cancel { task }));
    let asked = tokio::spawn(async move { tasks.input(at(task, user), Some(user), cancel).await });
    while first.row(task).await.status != Status::Cancelled {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    first.core.cluster.set_standing(tokio::time::Instant::now());
    lock.rollback().await.unwrap();
    while actor.get_status() < ractor::ActorStatus::Stopping {
        assert!(second.is_quiet(), "it was said by a node that may not act any more");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(second.is_quiet());
    asked.abort();
    first.kill().await;
    second.kill().await;
}
