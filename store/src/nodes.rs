//! The coordinators that live: one row each, renewed each second. What a row that is not renewed held is free for the
//! others.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::ids::NodeId;

use crate::{StoreError, Transaction};

/// A node whose row is older than this is gone, for the others.
pub(crate) const TTL_SECONDS: f64 = 3.0;
/// How long a node may act on the last renewal of its row, counted from before it was sent: shorter than the others
/// wait, by more than clocks drift in that time.
pub const MAY_ACT: Duration = Duration::from_millis(2_500);

/// Plans placements for every coordinator.
pub const DISPATCHER: &str = "dispatcher";

/// A coordinator that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    /// Where other coordinators and gateways reach it.
    pub address: String,
    /// It hands over what it holds and takes nothing.
    pub leaving: bool,
}

/// Says that this node lives, and where. Returns the database's time.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(db: &mut Transaction<'_>, node: &Node) -> Result<DateTime<Utc>, StoreError> {
    sqlx::query_scalar!(
        "INSERT INTO nodes (id, address, leaving, renewed_at) VALUES ($1, $2, $3, clock_timestamp())
         ON CONFLICT (id) DO UPDATE
            SET address = EXCLUDED.address, leaving = EXCLUDED.leaving, renewed_at = EXCLUDED.renewed_at
         RETURNING renewed_at",
        node.id.0,
        node.address,
        node.leaving
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("renewing the node"))
}

/// The coordinators that live, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn live(db: &mut Transaction<'_>) -> Result<Vec<Node>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, address, leaving FROM nodes
          WHERE renewed_at > clock_timestamp() - make_interval(secs => $1) ORDER BY id",
        TTL_SECONDS
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading the nodes"))?;
    Ok(rows.into_iter().map(|row| Node { id: NodeId(row.id), address: row.address, leaving: row.leaving }).collect())
}

/// Which history of itself the database writes: another one than before means that it failed over, perhaps to a replica
/// that lacks the last commits.
///
/// # Errors
/// When the database does not answer, or does not tell.
pub async fn timeline(db: &mut Transaction<'_>) -> Result<String, StoreError> {
    sqlx::query_scalar!(r#"SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS "timeline!""#)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("reading the database's timeline"))
}

/// The node is gone for good; rows that nobody renewed for a day are forgotten with it.
///
/// # Errors
/// When the database does not answer.
pub async fn remove(db: &mut Transaction<'_>, node: NodeId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM nodes WHERE id = $1 OR renewed_at < clock_timestamp() - interval '1 day'", node.0)
        .execute(db)
        .await
        .map_err(StoreError::during("removing the node"))?;
    Ok(())
}

/// Who has a role, living or not.
///
/// # Errors
/// When the database does not answer.
pub async fn role(db: &mut Transaction<'_>, role: &str) -> Result<Option<NodeId>, StoreError> {
    let owner = sqlx::query_scalar!("SELECT node_id FROM roles WHERE name = $1", role)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("reading a role"))?;
    Ok(owner.flatten().map(NodeId))
}

/// Takes a role that has no living owner. `None` when another was faster.
///
/// # Errors
/// When the database does not answer.
pub async fn take_role(db: &mut Transaction<'_>, role: &str, node: NodeId) -> Result<Option<NodeId>, StoreError> {
    let taken = sqlx::query_scalar!(
        r#"WITH free AS (
             SELECT r.name FROM roles r
              WHERE r.name = $1
                AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = r.node_id
                                   AND n.renewed_at > clock_timestamp() - make_interval(secs => $3))
                FOR UPDATE OF r SKIP LOCKED
         )
         UPDATE roles r SET node_id = $2, epoch = epoch + 1 FROM free WHERE r.name = free.name
         RETURNING r.node_id AS "node!""#,
        role,
        node.0,
        TTL_SECONDS
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("taking a role"))?;
    Ok(taken.map(NodeId))
}

/// Lets go of every role.
///
/// # Errors
/// When the database does not answer.
pub async fn give_roles(db: &mut Transaction<'_>, node: NodeId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE roles SET node_id = NULL WHERE node_id = $1", node.0)
        .execute(db)
        .await
        .map_err(StoreError::during("giving roles away"))?;
    Ok(())
}
