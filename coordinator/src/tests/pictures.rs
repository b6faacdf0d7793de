//! What an agent may store, on a real Postgres.

use std::sync::Arc;

use bytes::Bytes;
use protocol::ids::{ArtifactId, LeaseId};
use protocol::task::Phase;
use protocol::wire::message::ArtifactHeader;
use sqlx::PgPool;
use store::artifacts::{BYTES_PER_LEASE_MAX, PER_LEASE_MAX, storage_key};

use super::support::{Node, at, at_phase, sandbox};
use crate::core::Leaseholder;
use crate::listener::{ArtifactRefused, Sessions as _};
use crate::sessions::CoreSessions;

fn picture(lease: LeaseId) -> ArtifactHeader {
    ArtifactHeader {
        artifact: ArtifactId::new(),
        lease,
        step: "filled".into(),
        content_type: "image/jpeg".into(),
        size: 4,
        sha256: "a digest".into(),
        width: 1,
        height: 1,
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_lease_stores_so_many_pictures_and_no_more(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Navigating).await;
    let lease = node.row(task).await.lease_id.unwrap();
    node.core.leases.insert(lease, Leaseholder { task: at(task), sandbox });
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let store =
        async |header: &ArtifactHeader| sessions.artifact(sandbox, header.clone(), Bytes::from_static(b"jpeg")).await;
    let first = picture(lease);
    assert_eq!(store(&first).await, Ok(()));
    // Small ones, as many as there may be.
    for _ in 1..PER_LEASE_MAX {
        assert_eq!(store(&picture(lease)).await, Ok(()));
    }
    let refused = picture(lease);
    assert_eq!(store(&refused).await, Err(ArtifactRefused::TooMuch));
    let file = node.core.files.get(&storage_key(task, refused.artifact)).await;
    assert!(file.is_err(), "nothing of it is kept");
    assert_eq!(store(&first).await, Ok(()), "what is there may come again");
    let other = ArtifactHeader { sha256: "another".into(), ..first.clone() };
    assert_eq!(store(&other).await, Err(ArtifactRefused::TooMuch), "and is not replaced by something else");
    // A large one.
    sqlx::query("DELETE FROM artifacts WHERE id <> $1").bind(first.artifact.0).execute(&pool).await.unwrap();
    assert_eq!(store(&picture(lease)).await, Ok(()));
    sqlx::query("UPDATE artifacts SET size_bytes = $1 WHERE id = $2")
        .bind(BYTES_PER_LEASE_MAX - 6)
        .bind(first.artifact.0)
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(store(&picture(lease)).await, Err(ArtifactRefused::TooMuch));
    node.kill().await;
}
