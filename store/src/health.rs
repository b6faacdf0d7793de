//! Questions whose answers say whether the parts are there.

use crate::{StoreError, Transaction};

/// Whether every person's tasks have a coordinator that lives, by the rows it renews.
///
/// # Errors
/// When the database fails.
pub async fn all_owned(db: &mut Transaction<'_>) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (
               SELECT 1 FROM shards s LEFT JOIN nodes n
                   ON n.id = s.node_id AND n.renewed_at > clock_timestamp() - make_interval(secs => $1)
                WHERE n.id IS NULL) AS "owned!""#,
        crate::nodes::TTL_SECONDS
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("looking at who owns what"))
}

/// Agents whose connection a coordinator holds.
///
/// # Errors
/// When the database fails, which is an answer of its own.
pub async fn agents_connected(db: &mut Transaction<'_>) -> Result<i64, StoreError> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM sandboxes WHERE connected AND revoked_at IS NULL"#)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("counting agents"))
}
