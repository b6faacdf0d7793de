//! The dispatcher with real rows and real claims.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::cluster::Action;
use protocol::ids::{NodeId, SandboxId, TaskId, UserId};
use protocol::task::{ErrorCode, Failure, FailureClass, Status};
use protocol::wire::message::Report;
use ractor::{Actor as _, ActorRef};
use sqlx::PgPool;
use store::agents::{self, Opening};
use store::queue;
use uuid::Uuid;

use super::support::{Node, created, registered, sandbox, user};
use crate::dispatch::actor::{Dispatcher, DispatcherMsg};
use crate::dispatch::plan::{Placement, Planner};

struct Fleet {
    node: Node,
    sandbox: SandboxId,
    dispatcher: ActorRef<DispatcherMsg>,
}

impl Fleet {
    async fn start(pool: &PgPool, capacity: i32) -> Self {
        let (sandbox, _) = sandbox(pool, capacity).await;
        let node = Node::start(pool, sandbox).await;
        let (dispatcher, _) = Dispatcher::spawn(None, Dispatcher, Arc::clone(&node.core)).await.unwrap();
        Self { node, sandbox, dispatcher }
    }

    async fn queue(&self, pool: &PgPool, user: UserId) -> TaskId {
        let task = created(pool, user).await;
        self.node.person(task, Action::TaskCreated { task }).await;
        task
    }

    /// A whole pass, answered when it is over.
    async fn pass(&self) {
        self.dispatcher.call(DispatcherMsg::Pass, None).await.unwrap();
    }

    async fn running(&self, tasks: &[TaskId]) -> Vec<TaskId> {
        let mut running = Vec::new();
        for task in tasks {
            if self.node.row(*task).await.status == Status::InProgress {
                running.push(*task);
            }
        }
        running
    }

    async fn end(&self, task: TaskId) {
        self.node.person(task, Action::Cancel { task }).await;
        self.node.report(task, Report::Ended).await;
    }

    async fn stop(self) {
        self.dispatcher.stop(None);
        self.node.kill().await;
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn places_are_given_in_turn_and_again_when_they_are_free(pool: PgPool) {
    let fleet = Fleet::start(&pool, 2).await;
    let (busy, late) = (user(&pool).await, user(&pool).await);
    // Queued before anybody looks.
    let mut tasks = Vec::new();
    for owner in [busy, busy, busy, late] {
        tasks.push((fleet.queue(&pool, owner).await, owner));
    }
    let ids: Vec<TaskId> = tasks.iter().map(|(task, _)| *task).collect();
    let mut served: HashMap<UserId, usize> = HashMap::new();
    for left in (1..=ids.len()).rev() {
        while fleet.running(&ids).await.len() < left.min(2) {
            fleet.pass().await;
        }
        let load: i32 = sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(&pool).await.unwrap();
        assert_eq!(load, left.min(2) as i32);
        let first = fleet.running(&ids).await[0];
        *served.entry(tasks.iter().find(|(task, _)| *task == first).unwrap().1).or_default() += 1;
        fleet.end(first).await;
    }
    assert_eq!((served[&busy], served[&late]), (3, 1));
    fleet.stop().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_host_that_drains_or_lacks_what_is_needed_gets_nothing(pool: PgPool) {
    let fleet = Fleet::start(&pool, 9).await;
    let person = user(&pool).await;
    sqlx::query("UPDATE sandboxes SET draining = true").execute(&pool).await.unwrap();
    let plain = fleet.queue(&pool, person).await;
    let picky = created(&pool, person).await;
    sqlx::query("UPDATE tasks SET engine = 'adspower' WHERE id = $1").bind(picky.0).execute(&pool).await.unwrap();
    fleet.node.person(picky, Action::TaskCreated { task: picky }).await;
    fleet.pass().await;
    assert!(fleet.running(&[plain, picky]).await.is_empty());
    sqlx::query("UPDATE sandboxes SET draining = false").execute(&pool).await.unwrap();
    while fleet.running(&[plain, picky]).await != [plain] {
        fleet.pass().await;
    }
    fleet.pass().await;
    assert_eq!(fleet.running(&[plain, picky]).await, [plain]);
    sqlx::query("UPDATE sandboxes SET browser_engine = 'adspower'").execute(&pool).await.unwrap();
    while fleet.running(&[plain, picky]).await.len() < 2 {
        fleet.pass().await;
    }
    assert_eq!(fleet.node.row(picky).await.sandbox_id, Some(fleet.sandbox));
    fleet.stop().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn another_attempt_is_made_on_another_host(pool: PgPool) {
    let fleet = Fleet::start(&pool, 9).await;
    let other = registered(&fleet.node.core.store, "other", 9).await;
    let mut tx = fleet.node.core.store.begin().await.unwrap();
    let opening = Opening { sandbox: other, build: "test".into(), boot: uuid::Uuid::nil(), capacity: 9 };
    agents::open_sessions(&mut tx, NodeId::new(), &[opening]).await.unwrap();
    store::db::commit(tx, "connecting").await.unwrap();
    let task = fleet.queue(&pool, user(&pool).await).await;
    let mut tried = Vec::new();
    for _ in 0..2 {
        while fleet.running(&[task]).await.is_empty() {
            fleet.pass().await;
        }
        let host = fleet.node.row(task).await.sandbox_id.unwrap();
        tried.push(host);
        // The one that failed is the emptiest from then on.
        sqlx::query("UPDATE sandboxes SET current_load = current_load + 4 WHERE id <> $1")
            .bind(host.0)
            .execute(&pool)
            .await
            .unwrap();
        let failure = Failure::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, "its disk is full");
        fleet.node.report(task, Report::Failed { failure, screenshot: None }).await;
    }
    tried.sort();
    let mut both = [fleet.sandbox, other];
    both.sort();
    assert_eq!(tried, both);
    fleet.stop().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_site_is_asked_to_bear_no_more_than_its_limit(pool: PgPool) {
    let fleet = Fleet::start(&pool, 9).await;
    sqlx::query("INSERT INTO site_limits (site, running_max) VALUES ('crumb.example', 1)")
        .execute(&pool)
        .await
        .unwrap();
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let task = created(&pool, user(&pool).await).await;
        sqlx::query("UPDATE tasks SET site = 'crumb.example' WHERE id = $1").bind(task.0).execute(&pool).await.unwrap();
        fleet.node.person(task, Action::TaskCreated { task }).await;
        tasks.push(task);
    }
    let free = fleet.queue(&pool, user(&pool).await).await;
    for _ in 0..3 {
        while fleet.running(&tasks).await.is_empty() {
            fleet.pass().await;
        }
        fleet.pass().await;
        let running = fleet.running(&tasks).await;
        assert_eq!(running.len(), 1, "one at once");
        assert!(fleet.node.row(running[0]).await.placed_at.is_some());
        assert_eq!(fleet.running(&[free]).await, [free], "and nobody else waits for that");
        fleet.end(running[0]).await;
    }
    fleet.stop().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_dispatcher_that_takes_over_knows_everything(pool: PgPool) {
    let mut fleet = Fleet::start(&pool, 3).await;
    let ada = user(&pool).await;
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(fleet.queue(&pool, ada).await);
    }
    while fleet.running(&tasks).await.len() < 3 {
        fleet.pass().await;
    }
    fleet.dispatcher.stop_and_wait(None, None).await.unwrap();
    sqlx::query("UPDATE sandboxes SET capacity = 9").execute(&pool).await.unwrap();
    let bob = fleet.queue(&pool, user(&pool).await).await;
    fleet.dispatcher = Dispatcher::spawn(None, Dispatcher, Arc::clone(&fleet.node.core)).await.unwrap().0;
    while fleet.running(&[bob]).await.is_empty() {
        fleet.pass().await;
    }
    fleet.pass().await;
    assert_eq!(fleet.running(&tasks).await.len(), 3, "three of Ada's at once, whoever placed them");
    fleet.stop().await;
}

/// What is waited for is told by one statement ([`store::queue::waiting`]); what is done is the planner's.
#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_place_in_the_queue_is_the_one_the_planner_takes(pool: PgPool) {
    let (host, _) = sandbox(&pool, 99).await;
    let node = Node::start(&pool, host).await;
    let now = Utc::now();
    let at = |second: i64| now - TimeDelta::hours(1) + TimeDelta::seconds(second);
    let queued = async |user: UserId, since: DateTime<Utc>| {
        let task = created(&pool, user).await;
        sqlx::query("UPDATE tasks SET status = 'queued', queued_at = $2 WHERE id = $1")
            .bind(task.0)
            .bind(since)
            .execute(&pool)
            .await
            .unwrap();
        task
    };
    let read = async |planner: &mut Planner, tasks: &[TaskId]| {
        let mut tx = node.core.store.begin().await.unwrap();
        let mut facts = queue::facts(&mut tx, tasks).await.unwrap();
        facts.sort_by_key(|fact| tasks.iter().position(|task| *task == fact.id));
        facts.iter().for_each(|fact| planner.apply(fact, now));
        let hosts = queue::sandboxes(&mut tx, 0).await.unwrap();
        hosts.into_iter().for_each(|host| planner.apply_sandbox(host));
    };
    let mut planner = Planner::default();
    let mut people = Vec::new();
    for tier in ["starter", "free", "pro", "free", "starter"] {
        let person = user(&pool).await;
        sqlx::query("UPDATE users SET subscription_tier = $2 WHERE id = $1")
            .bind(person.0)
            .bind(tier)
            .execute(&pool)
            .await
            .unwrap();
        people.push(person);
    }
    let (early, late) = (&people[..4], people[4]);
    let mut tasks = Vec::new();
    for second in 0..16 {
        tasks.push(queued(early[second as usize % 4], at(second)).await);
    }
    read(&mut planner, &tasks).await;
    // Two turns are over: one of a weight of two, and one of one.
    let placed = planner.plan(now, 3);
    for (second, Placement { task, sandbox, .. }) in (100..).zip(&placed) {
        sqlx::query(
            "UPDATE tasks SET status = 'in_progress', lease_id = $2, sandbox_id = $3, placed_at = $4 WHERE id = $1",
        )
        .bind(task.0)
        .bind(Uuid::now_v7())
        .bind(sandbox.0)
        .bind(at(second))
        .execute(&pool)
        .await
        .unwrap();
    }
    sqlx::query("UPDATE sandboxes SET current_load = 3").execute(&pool).await.unwrap();
    for second in 200..204 {
        tasks.push(queued(late, at(second)).await);
    }
    read(&mut planner, &tasks).await;
    let order: Vec<TaskId> = planner.plan(now, 99).iter().map(|placement| placement.task).collect();
    assert_eq!(order.len(), 12, "three of each person's in all");
    let mut tx = node.core.store.begin().await.unwrap();
    let mut told = Vec::new();
    for task in &order {
        told.push(queue::waiting(&mut tx, *task, now).await.unwrap().unwrap().position());
    }
    drop(tx);
    assert_eq!(told, (1..=12).collect::<Vec<u32>>());
    node.kill().await;
}
