//! What is deleted once its time is over, and what stays.

use sqlx::PgPool;
use store::{retention, user_events};

use crate::support::World;

async fn count(pool: &PgPool, rows: &'static str) -> i64 {
    sqlx::query_scalar(rows).fetch_one(pool).await.unwrap()
}

async fn forget(world: &World) -> u64 {
    let mut tx = world.tx().await;
    let forgotten = retention::forget(&mut tx).await.unwrap();
    store::db::commit(tx, "forgetting").await.unwrap();
    forgotten
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn old_messages_go_in_batches_and_the_history_of_tasks_stays(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let user = world.user().await;
    let task = world.task(user, 0).await;
    let days = retention::EVENTS_DAYS;
    let old = retention::BATCH + 500;
    // Numbers up to `old` are past their time by an hour, the last ten have an hour left.
    sqlx::query(
        "INSERT INTO user_events (user_id, seq, payload, created_at)
         SELECT $1, n, '{\"type\":\"task_update\"}',
                now() - make_interval(days => $3) + make_interval(hours => CASE WHEN n > $2 THEN 1 ELSE -1 END)
           FROM generate_series(1, $2 + 10) n",
    )
    .bind(user.0)
    .bind(old)
    .bind(days)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO task_events (id, task_id, event_type, created_at) VALUES ($1, $2, 'state_change', now() - interval '2 years')",
    )
    .bind(uuid::Uuid::now_v7())
    .bind(task.id.0)
    .execute(&pool)
    .await
    .unwrap();

    assert_eq!(forget(&world).await, retention::BATCH.unsigned_abs());
    assert_eq!(forget(&world).await, 500);
    assert_eq!(forget(&world).await, 0);
    let left = user_events::after(&mut world.tx().await, user, 0, i64::MAX).await.unwrap();
    let numbers: Vec<i64> = left.iter().filter_map(|message| message.seq).collect();
    assert_eq!(numbers, (old + 1..=old + 10).collect::<Vec<_>>());
    assert_eq!(count(&pool, "SELECT count(*) FROM task_events").await, 1);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn sessions_that_ran_out_and_nodes_long_gone_are_forgotten(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let user = world.user().await;
    for ends in ["- interval '1 minute'", "+ interval '1 minute'"] {
        let token = format!(
            "INSERT INTO refresh_tokens (id, user_id, family, expires_at)
             VALUES (gen_random_uuid(), $1, gen_random_uuid(), now() {ends})"
        );
        sqlx::query(sqlx::AssertSqlSafe(token)).bind(user.0).execute(&pool).await.unwrap();
    }
    sqlx::query(
        "INSERT INTO nodes (id, address, renewed_at) VALUES (gen_random_uuid(), 'long gone', now() - interval '25 hours'),
                                                            (gen_random_uuid(), 'gone', now() - interval '23 hours')",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(forget(&world).await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM refresh_tokens WHERE expires_at > now()").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM refresh_tokens").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM nodes WHERE address LIKE '%gone'").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM nodes WHERE address = 'long gone'").await, 0);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn old_renewals_go_and_the_rest_of_the_audit_stays(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    sqlx::query(
        "INSERT INTO audit_trail (user_id, action, created_at)
         SELECT 'sandbox:1', action, now() - make_interval(days => days)
           FROM unnest(ARRAY[$1, 'agent.enrolled']) AS a (action), unnest(ARRAY[$2 - 1, $2 + 1]) AS d (days)",
    )
    .bind(store::audit::RENEWED)
    .bind(retention::RENEWALS_DAYS)
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(forget(&world).await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM audit_trail WHERE action = 'agent.renewed'").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM audit_trail").await, 3);
}
