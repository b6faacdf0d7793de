//! What agents say of themselves, written for many at once.

use futures::FutureExt as _;
use futures::future::join_all;
use protocol::ids::{NodeId, SandboxId};
use sqlx::PgPool;
use store::Store;
use store::agents::{self, Opening, Standing};

use super::support::registered;
use crate::sandbox::rows::{Beat, Rows, Said, Superseded};

fn said(sandbox: SandboxId) -> Said {
    let opening = Opening { sandbox, build: "test".into(), boot: uuid::Uuid::nil(), capacity: 2 };
    Said { opening, certificate: [7; 32], used: Vec::new() }
}

fn beat(sandbox: SandboxId, epoch: i64) -> Beat {
    Beat { sandbox, epoch, idle: true, named: Vec::new() }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn each_hello_of_a_batch_has_its_own_answer(pool: PgPool) {
    let store = Store::from_pool(pool.clone());
    let good = registered(&store, "good", 2).await;
    let revoked = registered(&store, "revoked", 2).await;
    let other = registered(&store, "other", 2).await;
    let mut tx = store.begin().await.unwrap();
    agents::revoke(&mut tx, revoked, "a test").await.unwrap().unwrap();
    store::db::commit(tx, "revoking").await.unwrap();
    let rows = Rows::start(&store, NodeId::new());
    let unknown = SandboxId::new();
    let answers = join_all([good, revoked, other, unknown].map(|sandbox| rows.open(said(sandbox)))).await;
    let answers: Vec<_> =
        answers.into_iter().map(|answer| answer.unwrap().map(|greeted| greeted.opened.epoch)).collect();
    assert_eq!(answers, [Ok(1), Err(Standing::Revoked), Ok(1), Err(Standing::Revoked)]);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_heartbeat_of_a_session_that_is_not_the_latest_says_so(pool: PgPool) {
    let store = Store::from_pool(pool.clone());
    let (sandbox, other) = (registered(&store, "one", 2).await, registered(&store, "other", 2).await);
    let (first, second) = (NodeId::new(), NodeId::new());
    let (here, there) = (Rows::start(&store, first), Rows::start(&store, second));
    assert_eq!(here.open(said(sandbox)).await.unwrap().unwrap().opened.before, None);
    assert_eq!(here.open(said(other)).await.unwrap().unwrap().opened.epoch, 1);
    let moved = there.open(said(sandbox)).await.unwrap().unwrap().opened;
    assert_eq!((moved.epoch, moved.before), (2, Some(first)));
    let (stale, fine) = tokio::join!(here.record(beat(sandbox, 1)), here.record(beat(other, 1)));
    assert_eq!(stale.unwrap().unwrap_err(), Superseded);
    assert_eq!(fine.unwrap().unwrap().epoch, 1);
    assert_eq!(there.record(beat(sandbox, 2)).await.unwrap().unwrap().epoch, 2);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_hello_that_nobody_waits_for_any_more_opens_nothing(pool: PgPool) {
    let store = Store::from_pool(pool.clone());
    let (sandbox, other) = (registered(&store, "one", 2).await, registered(&store, "other", 2).await);
    let rows = Rows::start(&store, NodeId::new());
    // Asked, and given up at once, while it waits for others.
    assert!(rows.open(said(sandbox)).now_or_never().is_none());
    assert_eq!(rows.open(said(other)).await.unwrap().unwrap().opened.epoch, 1);
    assert_eq!(rows.open(said(sandbox)).await.unwrap().unwrap().opened.epoch, 1);
}
