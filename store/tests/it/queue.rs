//! Who is next.

use chrono::Utc;
use protocol::ids::TaskId;
use sqlx::PgPool;
use store::journal::USER_CAP;
use store::tasks;

use crate::support::World;

async fn queue(world: &World) -> Vec<TaskId> {
    let shards: Vec<i16> = world.held.iter().map(|held| held.shard).collect();
    let mut tx = world.tx().await;
    tasks::queued(&mut tx, &shards, Utc::now(), USER_CAP, 100).await.unwrap().iter().map(|task| task.id).collect()
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn people_take_turns(pool: PgPool) {
    let world = World::new(pool).await;
    let (busy, late) = (world.user().await, world.user().await);
    let mut many = Vec::new();
    for age in [50, 40, 30, 20, 10] {
        many.push(world.task(busy, age).await);
    }
    let (first, second) = (world.task(late, 5).await, world.task(late, 1).await);
    let turn = [many[0].id, first.id, many[1].id, second.id, many[2].id];
    assert_eq!(queue(&world).await, turn, "in turns, and nobody beyond the cap");

    // One of the busy person's runs: the one who has none goes first, however late they came.
    let (sandbox, epoch) = world.sandbox(1).await;
    world.claim(&mut many[0], sandbox, epoch).await.unwrap();
    assert_eq!(queue(&world).await, [first.id, many[1].id, second.id, many[2].id]);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_back_off_and_another_ones_shard_are_left_alone(pool: PgPool) {
    let mut world = World::new(pool).await;
    let user = world.user().await;
    world.task(user, -60).await;
    assert!(queue(&world).await.is_empty());
    let due = world.task(user, 1).await;
    assert_eq!(queue(&world).await, [due.id]);
    world.held.retain(|held| held.shard != store::shards::shard_of(user));
    assert!(queue(&world).await.is_empty());
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn what_waits_for_a_person_does_not_count_as_running(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(10).await;
    let user = world.user().await;
    for _ in 0..USER_CAP {
        let mut task = world.task(user, 9).await;
        world.claim(&mut task, sandbox, epoch).await.unwrap();
        task.status = protocol::task::Status::WaitingHuman;
        world.commit(&[crate::support::step(&task)]).await.unwrap();
    }
    let next = world.task(user, 1).await;
    assert_eq!(queue(&world).await, [next.id]);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn due_tasks_are_found_by_their_time(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let (mut past, mut future) = (world.task(user, 0).await, world.task(user, 0).await);
    past.wake_at = Some(Utc::now() - chrono::Duration::seconds(1));
    future.wake_at = Some(Utc::now() + chrono::Duration::hours(1));
    world.commit(&[crate::support::step(&past), crate::support::step(&future)]).await.unwrap();
    let shards: Vec<i16> = world.held.iter().map(|held| held.shard).collect();
    let mut tx = world.tx().await;
    let due = tasks::due(&mut tx, &shards, Utc::now(), 10).await.unwrap();
    assert_eq!(due, [tasks::TaskAt { id: past.id, shard: past.shard }]);
}
