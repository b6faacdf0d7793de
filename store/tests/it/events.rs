//! Numbers of a person's messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::ids::UserId;
use serde_json::json;
use sqlx::PgPool;
use store::journal::Step;
use store::user_events;

use crate::support::{World, resumed, step};

async fn numbers(world: &World, user: UserId) -> Vec<i64> {
    sqlx::query_scalar("SELECT seq FROM user_events WHERE user_id = $1 ORDER BY seq")
        .bind(user.0)
        .fetch_all(&world.pool)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn numbers_have_no_gap_whoever_writes_at_the_same_time(pool: PgPool) {
    let world = World::new(pool).await;
    let users = [world.user().await, world.user().await, world.user().await];
    let mut batches = Vec::new();
    for round in 0..8_usize {
        let mut batch = Vec::new();
        for user in users {
            let task = world.task(user, 0).await;
            let told = (0..=round % 3).map(|_| resumed(&task)).collect();
            batch.push(Step { told, ..step(&task) });
        }
        // Batches take the users in different orders; the statements must not.
        batch.rotate_left(round % 3);
        batches.push(batch);
    }
    let resume_parsed = async {
        for user in users {
            let mut tx = world.tx().await;
            user_events::append(&mut tx, user, &[json!({ "type": "resume_parsed" })]).await.unwrap();
            store::db::commit(tx, "telling").await.unwrap();
        }
    };
    let commits = futures::future::join_all(batches.iter().map(|batch| world.commit(batch)));
    let (told, ()) = futures::future::join(commits, resume_parsed).await;

    let mut seen: BTreeMap<UserId, Vec<i64>> = BTreeMap::new();
    for told in told.into_iter().map(Result::unwrap) {
        let mut batch: BTreeMap<UserId, Vec<i64>> = BTreeMap::new();
        for told in told {
            batch.entry(told.user).or_default().push(told.seq.unwrap());
        }
        for (user, numbers) in batch {
            assert!(numbers.is_sorted(), "a batch is told in the order of its numbers");
            seen.entry(user).or_default().extend(numbers);
        }
    }
    for user in users {
        let stored = numbers(&world, user).await;
        assert_eq!(stored, (1..=stored.len() as i64).collect::<Vec<_>>());
        assert_eq!(seen[&user].len() + 1, stored.len(), "what is told is what is stored");
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_failed_batch_leaves_no_number_behind(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let task = world.task(user, 0).await;
    let told = vec![resumed(&task)];
    let mut stale = step(&task);
    stale.told.clone_from(&told);
    Arc::make_mut(&mut stale.task).generation -= 1;
    assert!(world.commit(&[stale]).await.is_err());
    let told = world.commit(&[Step { told, ..step(&task) }]).await.unwrap();
    assert_eq!(told[0].seq, Some(1));
    let message: serde_json::Value = serde_json::from_str(&told[0].json).unwrap();
    assert_eq!((message["seq"].as_i64(), message["type"].as_str()), (Some(1), Some("task_resumed")));
    assert!(message["at"].as_str().unwrap().ends_with('Z'));
}
