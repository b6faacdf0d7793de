//! Who deletes what is past its time.

use std::sync::Arc;
use std::time::Duration;

use ractor::Actor;
use sqlx::PgPool;

use super::cluster::pair;
use super::support::{sandbox, user};
use crate::cluster::owner::other_dispatcher;
use crate::retention::{Retention, pass};

/// Above what two batches take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn one_node_deletes_what_is_past_its_time_and_goes_on_until_nothing_is_left(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let (first, second) = pair(&pool, sandbox).await;
    let user = user(&pool).await;
    sqlx::query(
        "INSERT INTO user_events (user_id, seq, payload, created_at)
         SELECT $1, n, '{}', now() - interval '1 year' FROM generate_series(1, 2 * $2) n",
    )
    .bind(user.0)
    .bind(store::retention::BATCH)
    .execute(&pool)
    .await
    .unwrap();
    let (worker, idler) = if other_dispatcher(&first.core).is_some() { (&second, &first) } else { (&first, &second) };
    assert_eq!(pass(&idler.core).await.unwrap(), None);
    let (actor, _) = Actor::spawn(None, Retention, Arc::clone(&worker.core)).await.unwrap();
    let emptied = tokio::time::timeout(PATIENCE, async {
        while sqlx::query_scalar::<_, i64>("SELECT count(*) FROM user_events").fetch_one(&pool).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    emptied.await.expect("nothing old is left");
    actor.stop(None);
    first.kill().await;
    second.kill().await;
}
