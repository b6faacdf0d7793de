//! Who owns which users. Users hash to shards; a coordinator owns a shard by its row, with an epoch that only grows.

use protocol::ids::{NodeId, UserId};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use crate::StoreError;

/// Number of shards, as the migration made them. Enough to spread over a hundred coordinators evenly.
const SHARDS: u16 = 256;

/// The shard of a user.
#[must_use]
pub fn shard_of(user: UserId) -> i16 {
    // UUIDv7 begins with the time: hash it, or users of one day share few shards.
    let hash = Sha256::digest(user.0.as_bytes());
    (u16::from_be_bytes([hash[0], hash[1]]) % SHARDS) as i16
}

/// A shard held, with the epoch it is held under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub shard: i16,
    pub epoch: i64,
}

/// Registers the node and takes every shard. For a single coordinator: whoever held them before is fenced off by the
/// new epoch.
///
/// # Errors
/// When the database does not answer.
pub async fn take_all(db: &mut PgConnection, node: NodeId, address: &str) -> Result<Vec<Held>, StoreError> {
    sqlx::query!("INSERT INTO nodes (id, address) VALUES ($1, $2)", node.0, address)
        .execute(&mut *db)
        .await
        .map_err(StoreError::during("registering the node"))?;
    // Locked in id order, as the journal locks them: else the two could wait for each other in a circle.
    sqlx::query!("SELECT id FROM shards ORDER BY id FOR UPDATE")
        .fetch_all(&mut *db)
        .await
        .map_err(StoreError::during("taking the shards"))?;
    let rows = sqlx::query!("UPDATE shards SET node_id = $1, epoch = epoch + 1 RETURNING id, epoch", node.0)
        .fetch_all(&mut *db)
        .await
        .map_err(StoreError::during("taking the shards"))?;
    sqlx::query!("DELETE FROM nodes WHERE renewed_at < now() - interval '1 day'")
        .execute(db)
        .await
        .map_err(StoreError::during("forgetting old nodes"))?;
    Ok(rows.into_iter().map(|row| Held { shard: row.id, epoch: row.epoch }).collect())
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
