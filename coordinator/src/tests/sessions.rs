//! Agents' sessions with the real actors of their sandboxes, at one of two coordinators.

use protocol::cluster::Action;
use protocol::ids::{LeaseId, SandboxId};
use protocol::task::Status;
use protocol::wire::message::{JobDown, Report};
use sqlx::PgPool;

use super::agent::{Agent, hello};
use super::cluster::{at, command, pair, user_of};
use super::support::{Node, PATIENCE, created, sandbox};
use crate::task::handle::TaskError;
use crate::task::machine::Input;

/// What the row says of the sandbox's session.
async fn session(pool: &PgPool, sandbox: SandboxId) -> (bool, String) {
    let row = sqlx::query_as("SELECT connected, status::text FROM sandboxes WHERE id = $1").bind(sandbox.0);
    row.fetch_one(pool).await.unwrap()
}

/// Waits for the row to say so.
async fn until(pool: &PgPool, sandbox: SandboxId, connected: bool, status: &str) {
    let wanted = (connected, status.to_owned());
    let said = tokio::time::timeout(PATIENCE, async {
        while session(pool, sandbox).await != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    if said.await.is_err() {
        panic!("the row says {:?}, not {wanted:?}", session(pool, sandbox).await);
    }
}

/// Two nodes whose rows stay fresh; the second looks after its sandboxes itself.
async fn nodes(pool: &PgPool, sandbox: SandboxId) -> (Node, Node) {
    let (first, mut second) = pair(pool, sandbox).await;
    sqlx::query("UPDATE nodes SET renewed_at = now() + interval '1 hour'").execute(pool).await.unwrap();
    second.with_sandboxes().await;
    (first, second)
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn an_agent_that_stops_is_reached_by_every_coordinator_until_it_is_gone(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let (first, second) = nodes(&pool, sandbox).await;
    let mut agent = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    let user = user_of(&first, &pool).await;
    let (task, late) = (created(&pool, user).await, created(&pool, user).await);
    for task in [task, late] {
        first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    }
    let lease = LeaseId::new();
    let claim = |lease| Input::Claimed { sandbox, epoch: agent.epoch, lease };
    first.tasks.input(at(task, user), None, claim(lease)).await.unwrap();
    let late_claim = claim(LeaseId::new());
    let JobDown::Start(start) = agent.job().await else { panic!("no job") };
    assert_eq!(start.lease, lease);

    agent.drain(vec![lease]).await;
    until(&pool, sandbox, true, "stopping").await;
    let refused = first.tasks.input(at(late, user), None, late_claim).await;
    assert!(matches!(refused, Err(TaskError::NoPlace)), "nothing is placed there: {refused:?}");
    let mut tx = first.core.store.begin().await.unwrap();
    assert!(store::tasks::sandboxes_left_alone(&mut tx).await.unwrap().is_empty());
    drop(tx);
    // The owner of the task, at another node, still has its say.
    first.tasks.input(at(task, user), Some(user), command(Action::Cancel { task })).await.unwrap();
    assert!(matches!(agent.command(lease).await, JobDown::End { .. }));
    agent.report(lease, 1, Report::Ended).await.unwrap();
    assert_eq!((first.row(task).await.status, first.row(task).await.lease_id), (Status::Cancelled, None));

    agent.leave();
    until(&pool, sandbox, false, "stopped").await;
    let _back = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    assert_eq!(session(&pool, sandbox).await, (true, "active".to_owned()), "its next life takes work again");
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_session_that_nobody_holds_is_taken_out_of_its_row(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let (first, second) = nodes(&pool, sandbox).await;
    let agent = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    let user = user_of(&first, &pool).await;
    let task = created(&pool, user).await;
    first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    let claim = Input::Claimed { sandbox, epoch: agent.epoch, lease: LeaseId::new() };
    first.tasks.input(at(task, user), None, claim).await.unwrap();
    // The sandbox's actor dies, and its agent with it: nobody says hello again.
    let actor = second.core.sandboxes.get(&sandbox).unwrap().actor.clone();
    actor.kill();
    agent.closed().await;
    agent.leave();
    until(&pool, sandbox, false, "active").await;
    let over = tokio::time::timeout(PATIENCE, async {
        while first.row(task).await.lease_id.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    over.await.expect("its lease is over");
    let load: i32 = sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(&pool).await.unwrap();
    assert_eq!(load, 0);
    first.kill().await;
    second.kill().await;
}
