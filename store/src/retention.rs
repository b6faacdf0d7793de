//! What is kept for a while only, and deleted by the coordinators once its time is over.
//!
//! The history of an application (`task_events`) is not among it: it stays as long as the application does.

use crate::{StoreError, Transaction};

/// A screen that was away for longer than this fetches its lists anew: a holiday week is bridged, and what is kept stays
/// in proportion to what happens in a week.
pub const EVENTS_DAYS: i32 = 7;
/// A coordinator that does not renew its row is gone after seconds; for a day the row tells who it was.
const NODES_DAYS: i32 = 1;
/// Ten thousand hosts renew half a million certificates a day; what a host did a month ago is told by its enrolments.
pub const RENEWALS_DAYS: i32 = 30;
/// Rows deleted in one statement: a few ten milliseconds, so that others who write wait for none of it.
pub const BATCH: i64 = 2_000;

/// Deletes up to [`BATCH`] rows of each kind, the oldest first; how many of the kind of which there were most. Those that
/// another deletes already are passed over.
///
/// # Errors
/// When the database fails.
pub async fn forget(db: &mut Transaction<'_>) -> Result<u64, StoreError> {
    let events = sqlx::query!(
        "WITH old AS (
             SELECT user_id, seq FROM user_events WHERE created_at < now() - make_interval(days => $1)
              ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         DELETE FROM user_events e USING old WHERE e.user_id = old.user_id AND e.seq = old.seq",
        EVENTS_DAYS,
        BATCH
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during("forgetting old messages"))?;
    // Of people who did not come back: those who sign in forget their own.
    let tokens = sqlx::query!(
        "WITH old AS (
             SELECT id FROM refresh_tokens WHERE expires_at < now()
              ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         DELETE FROM refresh_tokens t USING old WHERE t.id = old.id",
        BATCH
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during("forgetting expired sessions"))?;
    let renewals = sqlx::query!(
        "WITH old AS (
             SELECT id FROM audit_trail WHERE action = 'agent.renewed' AND created_at < now() - make_interval(days => $1)
              ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         DELETE FROM audit_trail a USING old WHERE a.id = old.id",
        RENEWALS_DAYS,
        BATCH
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during("forgetting renewals"))?;
    sqlx::query!("DELETE FROM nodes WHERE renewed_at < now() - make_interval(days => $1)", NODES_DAYS)
        .execute(db)
        .await
        .map_err(StoreError::during("forgetting nodes"))?;
    Ok(events.rows_affected().max(tokens.rows_affected()).max(renewals.rows_affected()))
}
