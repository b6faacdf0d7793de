//! A coordinator that starts on very many open tasks.

use protocol::cluster::Action;
use protocol::ids::{CommandId, TaskId, UserId};
use protocol::task::Status;
use sqlx::PgPool;
use store::tasks::TaskAt;

use super::support::*;
use crate::task::machine::Input;
use crate::wakes;

const OPEN: i64 = 10_000;

/// Rows as parked tasks leave them, of many people, and one that is new.
#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn ten_thousand_open_tasks_cost_rows_and_those_that_are_due_an_actor(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 2).await;
    let users: Vec<uuid::Uuid> = (0..100).map(|_| uuid::Uuid::new_v4()).collect();
    sqlx::query(
        "INSERT INTO users (id, email, name) SELECT u, u || '@example.com', 'Ada' FROM unnest($1::uuid[]) AS n (u)",
    )
    .bind(&users)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO tasks (id, user_id, job_url, mode, status, shard, wake_at, interaction_type)
         SELECT gen_random_uuid(), ($1::uuid[])[1 + n % 100], 'https://jobs.example/' || n, 'copilot', 'waiting_human',
                ($2::smallint[])[1 + n % 100], now() + interval '1 day', 'captcha'
           FROM generate_series(1, $3::bigint) AS n",
    )
    .bind(&users)
    .bind(users.iter().map(|user| store::shards::shard_of(UserId(*user))).collect::<Vec<i16>>())
    .bind(OPEN)
    .execute(&pool)
    .await
    .unwrap();
    let new = created(&pool, user(&pool).await).await;

    let node = Node::start(&pool, sandbox).await;
    wakes::pass(&node.core).await.unwrap();
    assert_eq!(node.row(new).await.status, Status::Queued);
    assert_eq!(node.core.tasks.len(), 1, "the others stay rows");
    // One that is answered comes alive by itself.
    let (task, shard): (uuid::Uuid, i16) = sqlx::query_as("SELECT id, shard FROM tasks WHERE id <> $1 LIMIT 1")
        .bind(new.0)
        .fetch_one(&pool)
        .await
        .unwrap();
    let (task, action) = (TaskId(task), Action::Cancel { task: TaskId(task) });
    let input = Input::Person { id: CommandId::new(), action };
    node.tasks.input(TaskAt { id: task, shard }, None, input).await.unwrap();
    assert_eq!(node.row(task).await.status, Status::Cancelled);
    assert!(node.core.tasks.len() <= 2);
    node.kill().await;
}
