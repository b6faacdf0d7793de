//! Who owns which users. Users hash to shards; a coordinator owns a shard by its row, with an epoch that only grows.
//! Which coordinators live is told by their rows in [`crate::nodes`].

use protocol::ids::{NodeId, UserId};
use sha2::{Digest as _, Sha256};

use crate::nodes::TTL_SECONDS;
use crate::{StoreError, Transaction};

/// Number of shards, as the migration made them. Enough to spread over a hundred coordinators evenly.
pub const SHARDS: u16 = 256;

/// The shard of a user.
#[must_use]
pub fn shard_of(user: UserId) -> i16 {
    shard_of_id(user.0)
}

/// The shard an id hashes to; sandboxes without a session are looked after by the owner of theirs.
#[must_use]
pub fn shard_of_id(id: uuid::Uuid) -> i16 {
    // UUIDv7 begins with the time: hash it, or users of one day share few shards.
    let hash = Sha256::digest(id.as_bytes());
    (u16::from_be_bytes([hash[0], hash[1]]) % SHARDS) as i16
}

/// A shard held, with the epoch it is held under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub shard: i16,
    pub epoch: i64,
}

/// A shard's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub id: i16,
    pub node: Option<NodeId>,
    pub epoch: i64,
}

/// Every shard, in order.
///
/// # Errors
/// When the database does not answer.
pub async fn all(db: &mut Transaction<'_>) -> Result<Vec<Shard>, StoreError> {
    let rows = sqlx::query!("SELECT id, node_id, epoch FROM shards ORDER BY id")
        .fetch_all(db)
        .await
        .map_err(StoreError::during("reading the shards"))?;
    Ok(rows.into_iter().map(|row| Shard { id: row.id, node: row.node_id.map(NodeId), epoch: row.epoch }).collect())
}

/// Takes again, under new epochs, what an earlier life of this node held: whatever that still has on the way is fenced
/// off.
///
/// # Errors
/// When the database does not answer.
pub async fn retake(db: &mut Transaction<'_>, node: NodeId) -> Result<(), StoreError> {
    let doing = "taking the node's shards again";
    // Locked in id order, as the journal locks them: else the two could wait for each other in a circle.
    sqlx::query!("SELECT id FROM shards WHERE node_id = $1 ORDER BY id FOR UPDATE", node.0)
        .fetch_all(&mut *db)
        .await
        .map_err(StoreError::during(doing))?;
    sqlx::query!("UPDATE shards SET epoch = epoch + 1 WHERE node_id = $1", node.0)
        .execute(&mut *db)
        .await
        .map_err(StoreError::during(doing))?;
    crate::nodes::give_roles(db, node).await
}

/// Takes those of the wanted shards that have no living owner. One that a commit of its last owner still holds locked
/// is left for the next time.
///
/// # Errors
/// When the database does not answer.
pub async fn take(db: &mut Transaction<'_>, node: NodeId, wanted: &[i16]) -> Result<Vec<Held>, StoreError> {
    let rows = sqlx::query!(
        "WITH free AS (
             SELECT s.id FROM shards s
              WHERE s.id = ANY($2)
                AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = s.node_id AND n.id <> $1
                                   AND n.renewed_at > clock_timestamp() - make_interval(secs => $3))
                AND s.node_id IS DISTINCT FROM $1
              ORDER BY s.id FOR UPDATE OF s SKIP LOCKED
         )
         UPDATE shards s SET node_id = $1, epoch = s.epoch + 1 FROM free WHERE s.id = free.id
         RETURNING s.id, s.epoch",
        node.0,
        wanted,
        TTL_SECONDS
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("taking shards"))?;
    Ok(rows.into_iter().map(|row| Held { shard: row.id, epoch: row.epoch }).collect())
}

/// Lets go of shards, once no commit under them is under way.
///
/// # Errors
/// When the database does not answer.
pub async fn give(db: &mut Transaction<'_>, node: NodeId, shards: &[i16]) -> Result<(), StoreError> {
    let doing = "giving shards away";
    sqlx::query!("SELECT id FROM shards WHERE id = ANY($2) AND node_id = $1 ORDER BY id FOR UPDATE", node.0, shards)
        .fetch_all(&mut *db)
        .await
        .map_err(StoreError::during(doing))?;
    sqlx::query!("UPDATE shards SET node_id = NULL WHERE id = ANY($2) AND node_id = $1", node.0, shards)
        .execute(db)
        .await
        .map_err(StoreError::during(doing))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_a_person_never_changes() {
        let user: UserId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        assert_eq!(shard_of(user), SHARD_OF_THAT_USER);
    }

    /// First two bytes of SHA-256 of the sixteen, modulo 256; computed apart from this program.
    const SHARD_OF_THAT_USER: i16 = 233;
}
