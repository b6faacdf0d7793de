//! Drains against claims, on a real Postgres.

use chrono::Utc;
use protocol::cluster::Action;
use protocol::task::{Phase, Status};
use protocol::wire::message::{JobDown, Report};
use sqlx::PgPool;
use store::drains::{self, Drain};

use super::support::{Node, at_phase, created, sandbox, user};
use crate::task::handle::TaskError;
use crate::task::machine::Input;

async fn load(pool: &PgPool) -> i32 {
    sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(pool).await.unwrap()
}

/// Commits a drain (or its end), as the gateway does, and returns once that is acknowledged.
async fn drain(node: &Node, sandbox: protocol::ids::SandboxId, on: bool) {
    let drain = on.then(|| Drain { reason: "a test".to_owned() });
    let mut tx = node.core.store.begin().await.unwrap();
    assert!(drains::set(&mut tx, sandbox, drain.as_ref()).await.unwrap());
    store::db::commit(tx, "draining").await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn nothing_is_placed_once_a_drain_is_acknowledged(pool: PgPool) {
    const TASKS: usize = 24;
    /// Until claims were seen on both sides, which takes longer on a busy machine.
    const ROUNDS: std::ops::Range<usize> = 6..40;
    let (sandbox, epoch) = sandbox(&pool, 1_000).await;
    let node = Node::start(&pool, sandbox).await;
    let (mut before, mut after) = (0, 0);
    for round in 0..ROUNDS.end {
        if round >= ROUNDS.start && before > 0 && after > 0 {
            break;
        }
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let task = created(&pool, user(&pool).await).await;
            node.person(task, Action::TaskCreated { task }).await;
            tasks.push(task);
        }
        let claims = futures::future::join_all(tasks.iter().map(|task| node.claim(*task, sandbox, epoch)));
        let drained = async {
            // Let some through, more each time.
            for _ in 0..round * 40 {
                tokio::task::yield_now().await;
            }
            drain(&node, sandbox, true).await;
            load(&pool).await
        };
        let (claimed, at_drain) = tokio::join!(claims, drained);
        assert_eq!(load(&pool).await, at_drain, "a place was taken after the drain was acknowledged");
        assert!(claimed.iter().all(|claim| matches!(claim, Ok(()) | Err(TaskError::NoPlace))), "{claimed:?}");
        before += claimed.iter().filter(|claim| claim.is_ok()).count();
        after += claimed.iter().filter(|claim| claim.is_err()).count();
        drain(&node, sandbox, false).await;
        // Whoever was refused may be placed again.
        for (task, claim) in tasks.iter().zip(&claimed) {
            if claim.is_err() {
                node.claim(*task, sandbox, epoch).await.unwrap();
                break;
            }
        }
    }
    assert!(before > 0 && after > 0, "claims on both sides of the drain: {before} before, {after} after");
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn what_a_drain_parks_says_so(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 2).await;
    let mut node = Node::start(&pool, sandbox).await;
    let working = at_phase(&mut node, &pool, sandbox, epoch, Phase::Filling).await;
    let held = at_phase(&mut node, &pool, sandbox, epoch, Phase::Reviewing).await;
    drain(&node, sandbox, true).await;
    let mut tx = node.core.store.begin().await.unwrap();
    let blockers = drains::blockers(&mut tx, sandbox, 9).await.unwrap();
    assert_eq!(blockers.len(), 2);
    drop(tx);
    assert!(matches!(node.input(working, Input::Drained).await, Err(TaskError::Refused(_))), "work goes on");
    node.input(held, Input::Drained).await.unwrap();
    assert!(matches!(node.sent().await, JobDown::End { .. }));
    node.report(held, Report::Ended).await;
    let mut tx = node.core.store.begin().await.unwrap();
    let facts = store::explain::facts(&mut tx, held, None, Utc::now()).await.unwrap().unwrap();
    assert_eq!(facts.parked.as_deref(), Some("host_draining"));
    assert!(!facts.holds_place && facts.host.unwrap().draining);
    let blockers = drains::blockers(&mut tx, sandbox, 9).await.unwrap();
    assert_eq!(blockers.iter().map(|blocker| blocker.task).collect::<Vec<_>>(), [working]);
    drop(tx);
    assert_eq!(node.row(held).await.status, Status::WaitingHuman);
    node.kill().await;
}
