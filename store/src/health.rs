//! Questions whose answers say whether the parts are there.

use sqlx::PgConnection;

use crate::StoreError;

/// Agents whose connection a coordinator holds.
///
/// # Errors
/// When the database fails, which is an answer of its own.
pub async fn agents_connected(db: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM sandboxes WHERE connected AND revoked_at IS NULL"#)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("counting agents"))
}
