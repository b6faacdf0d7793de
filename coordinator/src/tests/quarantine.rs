//! Tasks that their actors stumble over.

use std::time::Duration;

use protocol::ids::TaskId;
use protocol::task::{ErrorCode, Outcome, Phase, Status};
use protocol::wire::message::{JobDown, Report};
use sqlx::PgPool;
use store::quarantine::{CRASHES_MAX, SHELVED_AT};

use super::support::{Node, at, at_phase, sandbox};
use crate::sandbox::actor::SandboxMsg;
use crate::task::machine::Input;

/// Far longer than all the crashes and their back-offs take; reached only when something is missing.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, sqlx::FromRow)]
struct Stored {
    status: String,
    error_code: Option<String>,
    outcome: String,
    lease_id: Option<uuid::Uuid>,
    crashes: i32,
    current_load: i32,
}

async fn stored(pool: &PgPool, task: TaskId) -> Stored {
    sqlx::query_as(
        "SELECT t.status::text, t.error_code, t.outcome::text, t.lease_id, t.crashes, s.current_load
           FROM tasks t JOIN sandboxes s ON s.id = t.sandbox_id WHERE t.id = $1",
    )
    .bind(task.0)
    .fetch_one(pool)
    .await
    .unwrap()
}

/// Writes something into the task's row that its actor cannot read, and has it read the row until it is ended without it.
async fn stumble(pool: &PgPool, node: &Node, task: TaskId) -> Stored {
    let nonsense = "UPDATE tasks SET pending = '{\"kind\": \"dance\"}' WHERE id = $1";
    sqlx::query(nonsense).bind(task.0).execute(pool).await.unwrap();
    if let Some(live) = node.core.tasks.get(&task) {
        live.actor.kill();
    }
    let ended = async {
        loop {
            let row = stored(pool, task).await;
            if row.lease_id.is_none() {
                return row;
            }
            let _ = node.input(task, Input::Wake).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("it is ended")
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_task_that_no_actor_can_read_is_ended_without_one(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Filling).await;
    let lease = node.row(task).await.lease_id.unwrap();
    let row = stumble(&pool, &node, task).await;
    assert_eq!((row.status.as_str(), row.error_code.as_deref()), ("failed", Some("QUARANTINED")), "{row:?}");
    assert!(row.crashes >= SHELVED_AT && row.current_load == 0, "{row:?}");
    loop {
        if let SandboxMsg::Release { lease: released } = node.told().await {
            assert_eq!(released, lease);
            break;
        }
    }
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM notifications").fetch_one(&pool).await.unwrap();
    assert_eq!(told, 1, "its person hears of it once");
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn with_a_permit_out_its_person_is_asked(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Submitting).await;
    let row = stumble(&pool, &node, task).await;
    assert_eq!((row.status.as_str(), row.outcome.as_str(), row.current_load), ("waiting_human", "unknown", 0));
    let permit: String = sqlx::query_scalar("SELECT state::text FROM permits").fetch_one(&pool).await.unwrap();
    assert_eq!(permit, "unknown");
    // What the actor stumbled over is gone from the row, and the answer is taken.
    let action = protocol::cluster::Action::AnswerOutcome { task, sent: true, note: None };
    node.person(task, action).await;
    assert_eq!((node.row(task).await.status, node.row(task).await.outcome), (Status::Completed, Outcome::Sent));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn after_a_few_crashes_the_next_actor_ends_the_task(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Filling).await;
    node.kill().await;
    for crashes in [CRASHES_MAX - 1, CRASHES_MAX] {
        sqlx::query("UPDATE tasks SET crashes = $1, crashed_at = now()").bind(crashes).execute(&pool).await.unwrap();
        let mut next = Node::start(&pool, sandbox).await;
        next.tasks.repeat_owed(at(task)).await.unwrap();
        let sent = next.sent().await;
        if crashes < CRASHES_MAX {
            assert!(matches!(sent, JobDown::Fill { .. }), "it gets another chance: {sent:?}");
        } else {
            assert!(matches!(sent, JobDown::End { .. }), "{sent:?}");
            let row = next.row(task).await;
            assert_eq!((row.status, row.error_code), (Status::Failed, Some(ErrorCode::Quarantined)));
            next.report(task, Report::Ended).await;
            assert_eq!(stored(&pool, task).await.current_load, 0);
        }
        next.kill().await;
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_task_that_went_to_another_owner_has_not_crashed(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut old = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut old, &pool, sandbox, epoch, Phase::Filling).await;
    let next = Node::start(&pool, sandbox).await;
    for _ in 0..3 {
        let _ = old.input(task, Input::Crashing).await;
    }
    // Its supervisor has dealt with each crash before the actor is asked for anew, and the new owner counts none.
    next.tasks.repeat_owed(at(task)).await.unwrap();
    assert_eq!(next.row(task).await.crashes, 0);
    old.kill().await;
    next.kill().await;
}
