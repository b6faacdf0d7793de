//! A person's figures.

use chrono::NaiveDate;
use protocol::ids::UserId;

use crate::{StoreError, Transaction};

/// Cancelled tasks count only in `total`.
#[derive(Debug, Clone, Copy)]
pub struct Stats {
    pub total: i64,
    pub completed: i64,
    /// Created, queued or in progress.
    pub in_progress: i64,
    /// Waiting for a person.
    pub needs_review: i64,
    pub failed: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct Day {
    pub date: NaiveDate,
    pub count: i64,
}

#[derive(Debug, Clone)]
pub struct Share {
    pub platform: String,
    pub count: i64,
}

/// # Errors
/// When the database fails.
pub async fn stats(db: &mut Transaction<'_>, user: UserId) -> Result<Stats, StoreError> {
    sqlx::query_as!(
        Stats,
        r#"SELECT count(*) AS "total!",
                  count(*) FILTER (WHERE status = 'completed') AS "completed!",
                  count(*) FILTER (WHERE status IN ('created', 'queued', 'in_progress')) AS "in_progress!",
                  count(*) FILTER (WHERE status = 'waiting_human') AS "needs_review!",
                  count(*) FILTER (WHERE status = 'failed') AS "failed!"
             FROM tasks WHERE user_id = $1"#,
        user.0
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("counting tasks"))
}

/// Tasks created on each of the last 30 days (UTC, today included), oldest first, empty days as 0.
///
/// # Errors
/// When the database fails.
pub async fn trends(db: &mut Transaction<'_>, user: UserId) -> Result<Vec<Day>, StoreError> {
    sqlx::query_as!(
        Day,
        r#"SELECT day::date AS "date!", count(t.id) AS "count!"
             FROM generate_series((now() AT TIME ZONE 'UTC')::date - 29, (now() AT TIME ZONE 'UTC')::date, '1 day') AS day
             LEFT JOIN tasks t ON t.user_id = $1
                  AND t.created_at >= day AT TIME ZONE 'UTC' AND t.created_at < (day + '1 day'::interval) AT TIME ZONE 'UTC'
            GROUP BY day ORDER BY day"#,
        user.0
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("counting tasks by day"))
}

/// Tasks per platform, most first.
///
/// # Errors
/// When the database fails.
pub async fn breakdown(db: &mut Transaction<'_>, user: UserId) -> Result<Vec<Share>, StoreError> {
    sqlx::query_as!(
        Share,
        r#"SELECT platform::text AS "platform!", count(*) AS "count!" FROM tasks WHERE user_id = $1
            GROUP BY platform ORDER BY count(*) DESC, platform"#,
        user.0
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("counting tasks by platform"))
}
