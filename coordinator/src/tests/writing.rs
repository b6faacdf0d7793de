//! Many actors writing at once, and steps that the database refuses.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::cluster::{Action, RejectCode};
use protocol::ids::CommandId;
use protocol::task::{ErrorCode, Status};
use protocol::wire::message::Report;
use sqlx::PgPool;
use store::journal::{Slot, Step};
use tokio::time::Instant;

use super::support::{Node, at, created, sandbox, user};
use crate::journal::Lost;
use crate::task::handle::TaskError;
use crate::task::machine::testing::form;
use crate::task::machine::{Input, Refused};

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn one_poisoned_step_fails_alone(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let mut steps = Vec::new();
    for n in 0..40 {
        let mut task = node.row(created(&pool, user(&pool).await).await).await;
        task.current_step = Some(if n == 23 { "a NUL \0 in it".into() } else { format!("step {n}").into() });
        task.generation += 1;
        let task = Arc::new(task);
        steps.push(Step { task, slot: Slot::Keep, events: Vec::new(), told: Vec::new(), writes: Vec::new() });
    }
    let commits = steps.iter().map(|step| node.core.journal.commit(step.clone()));
    let done = futures::future::join_all(commits).await;
    for (n, (done, step)) in done.into_iter().zip(&steps).enumerate() {
        let expected = if n == 23 { Err(Lost::Poison) } else { Ok(()) };
        assert_eq!(done, expected, "step {n}");
        let written = node.row(step.task.id).await.current_step;
        assert_eq!(written.is_some(), n != 23);
    }
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_report_that_cannot_be_stored_ends_its_task_and_is_acknowledged(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let task = created(&pool, user(&pool).await).await;
    node.person(task, Action::TaskCreated { task }).await;
    node.claim(task, sandbox, epoch).await.unwrap();
    let mut hostile = form("", "");
    hostile.fields[0].label = "Name\0".into();
    let lease = node.row(task).await.lease_id.unwrap();
    let report = || Report::Observed { form: hostile.clone(), screenshot: None };
    let input = || Input::Report { lease, number: 1, report: Box::new(report()) };
    node.input(task, input()).await.unwrap();
    let row = node.row(task).await;
    assert_eq!((row.status, row.error_code), (Status::Failed, Some(ErrorCode::Quarantined)));
    // The agent repeats it, and then says that it closed the page.
    node.input(task, input()).await.unwrap();
    node.report(task, Report::Ended).await;
    assert_eq!(node.row(task).await.lease_id, None);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_command_sent_twice_counts_once(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let (ada, eve) = (user(&pool).await, user(&pool).await);
    let task = created(&pool, ada).await;
    let cancel = |id| Input::Person { id, action: Action::Cancel { task } };
    let stranger = node.tasks.input(at(task), Some(eve), cancel(CommandId::new())).await;
    assert!(matches!(stranger, Err(TaskError::NotFound)), "{stranger:?}");
    let id = CommandId::new();
    node.tasks.input(at(task), Some(ada), cancel(id)).await.unwrap();
    let generation = node.row(task).await.generation;
    node.tasks.input(at(task), Some(ada), cancel(id)).await.unwrap();
    assert_eq!(node.row(task).await.generation, generation);
    let Err(TaskError::Refused(Refused::Rejected(rejected))) =
        node.tasks.input(at(task), Some(ada), cancel(CommandId::new())).await
    else {
        panic!("cancelled twice")
    };
    assert_eq!(rejected.code, RejectCode::NotCancellable);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn many_claims_at_once_fill_a_host_and_no_more(pool: PgPool) {
    const CAPACITY: i32 = 5;
    let (sandbox, epoch) = sandbox(&pool, CAPACITY).await;
    let node = Node::start(&pool, sandbox).await;
    let mut tasks = Vec::new();
    for _ in 0..12 {
        let user = user(&pool).await;
        let task = created(&pool, user).await;
        node.person(task, Action::TaskCreated { task }).await;
        tasks.push(task);
    }
    let claims = tasks.iter().map(|task| node.claim(*task, sandbox, epoch));
    let claimed = futures::future::join_all(claims).await;
    let placed = claimed.iter().filter(|claim| claim.is_ok()).count();
    assert_eq!(placed, CAPACITY as usize);
    assert!(claimed.iter().all(|claim| matches!(claim, Ok(()) | Err(TaskError::NoPlace))), "{claimed:?}");
    // Given back all at once, in whatever batches.
    for (task, _) in tasks.iter().zip(&claimed).filter(|(_, claim)| claim.is_ok()) {
        node.person(*task, Action::Cancel { task: *task }).await;
    }
    let ended = tasks
        .iter()
        .zip(&claimed)
        .filter(|(_, claim)| claim.is_ok())
        .map(|(task, _)| node.report(*task, Report::Ended));
    futures::future::join_all(ended).await;
    let load: i32 = sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(&pool).await.unwrap();
    assert_eq!(load, 0);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn deadlines_are_in_the_databases_time_whatever_the_host_thinks(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let task = created(&pool, user(&pool).await).await;
    node.person(task, Action::TaskCreated { task }).await;
    // The database says that it is an hour earlier than this host believes.
    let (now, earlier) = (Instant::now(), Utc::now() - TimeDelta::hours(1));
    node.core.clock.set(earlier, now, now);
    node.claim(task, sandbox, epoch).await.unwrap();
    let row = node.row(task).await;
    let near =
        |time: Option<DateTime<Utc>>, expected: DateTime<Utc>| (time.unwrap() - expected).abs() < TimeDelta::minutes(1);
    assert!(near(row.placed_at, earlier), "{row:?}");
    assert!(near(row.wake_at, earlier + crate::task::machine::WORK_PATIENCE), "{row:?}");
    node.kill().await;
}
