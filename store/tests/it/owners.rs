//! One writer per task: generations and shard epochs.

use sqlx::PgPool;
use store::journal::{CommitError, Writer};
use store::tasks::{self, Adopted};

use crate::support::{World, step};

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn adopting_throws_the_earlier_owner_out(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let task = world.task(user, 0).await;
    let adopted = world.adopt(task.id).await;
    assert_eq!(adopted.generation, task.generation + 1);
    assert!(matches!(world.commit(&[step(&task)]).await, Err(CommitError::Stale)));
    world.commit(&[step(&adopted)]).await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_coordinator_that_lost_its_shards_writes_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let task = world.task(user, 0).await;
    let next = world.take_shards().await;
    assert!(next.iter().all(|held| held.epoch == 2));

    let fenced = world.commit(&[step(&task)]).await;
    assert!(matches!(fenced, Err(CommitError::Fenced)), "{fenced:?}");
    let mut tx = world.tx().await;
    let adopted = tasks::adopt(&mut tx, &world.held, task.id).await.unwrap();
    assert!(matches!(adopted, Adopted::NotOurs), "{adopted:?}");
    store::db::commit(tx, "adopting").await.unwrap();
    // The owner was not disturbed by either.
    Writer::new(world.store.clone()).commit(&next, &[step(&task)]).await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn what_is_not_there_is_not_adopted(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.tx().await;
    let adopted = tasks::adopt(&mut tx, &world.held, protocol::ids::TaskId::new()).await.unwrap();
    assert!(matches!(adopted, Adopted::Missing));
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn an_adoption_waits_for_the_commit_that_is_under_way(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let task = world.task(user, 0).await;
    // A commit whose answer was lost: its transaction still holds the row.
    let mut lost = world.tx().await;
    sqlx::query("UPDATE tasks SET progress = 42, generation = generation + 1 WHERE id = $1")
        .bind(task.id.0)
        .execute(&mut lost)
        .await
        .unwrap();
    let adopting = world.adopt(task.id);
    let ending = async {
        // Until the adoption waits for the row.
        let waiting = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&world.pool).await.unwrap() == 0 {}
        store::db::commit(lost, "the lost commit").await.unwrap();
    };
    let (adopted, ()) = futures::future::join(adopting, ending).await;
    assert_eq!((adopted.progress, adopted.generation), (42, task.generation + 2));
}
