//! Tasks and their history as people read them.

use chrono::{DateTime, Utc};
use protocol::ids::{TaskId, UserId};
use protocol::task::{Platform, Status};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{StoreError, Transaction};

/// A task's row, less what only its actor needs.
#[derive(Debug, Clone)]
pub struct Task {
    pub id: Uuid,
    pub user_id: Uuid,
    pub job_url: String,
    pub platform: String,
    pub status: String,
    pub mode: String,
    pub resume_id: Option<Uuid>,
    pub job_title: Option<String>,
    pub company_name: Option<String>,
    pub job_location: Option<String>,
    pub external_status: Option<String>,
    pub progress: i32,
    pub current_step: Option<String>,
    pub confidence_score: Option<f32>,
    pub match_score: Option<f32>,
    pub fields_filled: i32,
    pub duration_seconds: Option<i32>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub retry_count: i32,
    pub workflow_run_id: Option<String>,
    pub browser_profile_id: Option<Uuid>,
    pub llm_usage: Json,
    pub notes: Option<String>,
    pub sandbox_id: Option<Uuid>,
    pub interaction_type: Option<String>,
    pub interaction_data: Option<Json>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub phase: Option<String>,
    pub ats: String,
    pub outcome: String,
    pub confirmation: Option<Json>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub canonical_job: Option<String>,
    /// Until when a browser is held for the person; none when no browser is.
    pub held_until: Option<DateTime<Utc>>,
    /// The permit that is out or was last out.
    pub permit_id: Option<Uuid>,
}

/// Column lists cannot be shared by checked queries otherwise.
macro_rules! tasks_where {
    ($tail:literal $(, $arg:expr)* $(,)?) => {
        sqlx::query_as!(
            Task,
            r#"SELECT id, user_id, job_url, platform::text AS "platform!", status::text AS "status!",
                      mode::text AS "mode!", resume_id, job_title, company_name, job_location,
                      external_status::text AS "external_status", progress, current_step, confidence_score,
                      match_score, fields_filled, duration_seconds, error_code, error_message, retry_count,
                      workflow_run_id, browser_profile_id, llm_usage, notes, sandbox_id, interaction_type,
                      interaction_data, created_at, updated_at, started_at, completed_at, phase, ats,
                      outcome::text AS "outcome!", confirmation, submitted_at, canonical_job, held_until, permit_id
                 FROM tasks "# + $tail,
            $($arg),*
        )
    };
}

protocol::named_enum! {
    /// What a list of tasks is sorted by.
    pub enum SortBy {
        CreatedAt = "createdAt",
        UpdatedAt = "updatedAt",
        Status = "status",
        JobTitle = "jobTitle",
        CompanyName = "companyName",
    }
}

/// Which tasks, in which order.
#[derive(Debug, Clone)]
pub struct Filter {
    pub status: Option<Status>,
    pub platform: Option<Platform>,
    /// Found in title, company or address, ignoring case.
    pub search: Option<String>,
    pub sort_by: SortBy,
    pub descending: bool,
    pub limit: i64,
    pub offset: i64,
}

/// # Errors
/// When the database fails.
pub async fn get(db: &mut Transaction<'_>, user: UserId, task: TaskId) -> Result<Option<Task>, StoreError> {
    tasks_where!("WHERE user_id = $1 AND id = $2", user.0, task.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("reading a task"))
}

/// Whether there is such a task, and it is this person's.
///
/// # Errors
/// When the database fails.
pub async fn is_of(db: &mut Transaction<'_>, user: UserId, task: TaskId) -> Result<bool, StoreError> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM tasks WHERE id = $2 AND user_id = $1) AS "is!""#, user.0, task.0)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("looking for a task"))
}

/// One page.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Transaction<'_>, user: UserId, filter: &Filter) -> Result<Vec<Task>, StoreError> {
    tasks_where!(
        "WHERE user_id = $1 AND ($2::text IS NULL OR status = $2::text::task_status)
           AND ($3::text IS NULL OR platform = $3::text::platform)
           AND ($4::text IS NULL OR job_title ILIKE $4 OR company_name ILIKE $4 OR job_url ILIKE $4)
         ORDER BY
           CASE WHEN NOT $6 AND $5 = 'createdAt' THEN created_at WHEN NOT $6 AND $5 = 'updatedAt' THEN updated_at END ASC,
           CASE WHEN $6 AND $5 = 'createdAt' THEN created_at WHEN $6 AND $5 = 'updatedAt' THEN updated_at END DESC,
           CASE WHEN NOT $6 AND $5 = 'status' THEN status END ASC,
           CASE WHEN $6 AND $5 = 'status' THEN status END DESC,
           CASE WHEN NOT $6 AND $5 = 'jobTitle' THEN job_title WHEN NOT $6 AND $5 = 'companyName' THEN company_name END ASC,
           CASE WHEN $6 AND $5 = 'jobTitle' THEN job_title WHEN $6 AND $5 = 'companyName' THEN company_name END DESC,
           created_at DESC, id DESC
         LIMIT $7 OFFSET $8",
        user.0,
        filter.status.map(Status::as_str),
        filter.platform.map(Platform::as_str),
        filter.search.as_deref().map(contains),
        filter.sort_by.as_str(),
        filter.descending,
        filter.limit,
        filter.offset,
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing tasks"))
}

/// Tasks the filter lets through, on all pages.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &mut Transaction<'_>, user: UserId, filter: &Filter) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM tasks
            WHERE user_id = $1 AND ($2::text IS NULL OR status = $2::text::task_status)
              AND ($3::text IS NULL OR platform = $3::text::platform)
              AND ($4::text IS NULL OR job_title ILIKE $4 OR company_name ILIKE $4 OR job_url ILIKE $4)"#,
        user.0,
        filter.status.map(Status::as_str),
        filter.platform.map(Platform::as_str),
        filter.search.as_deref().map(contains)
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("counting tasks"))
}

/// A piece of the person's whole history, newest first: what comes after `(created_at, id)`.
///
/// # Errors
/// When the database fails.
pub async fn history(
    db: &mut Transaction<'_>,
    user: UserId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Task>, StoreError> {
    let (at, id) = after.unzip();
    tasks_where!(
        "WHERE user_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
         ORDER BY created_at DESC, id DESC LIMIT $4",
        user.0,
        at,
        id,
        limit
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("exporting tasks"))
}

/// One line of a task's history.
#[derive(Debug, Clone)]
pub struct TaskEvent {
    pub id: Uuid,
    pub task_id: Uuid,
    pub event_type: String,
    pub from_status: Option<String>,
    pub to_status: Option<String>,
    pub event_data: Json,
    pub created_at: DateTime<Utc>,
}

/// Newest first.
///
/// # Errors
/// When the database fails.
pub async fn events(
    db: &mut Transaction<'_>,
    task: TaskId,
    event_type: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<TaskEvent>, StoreError> {
    sqlx::query_as!(
        TaskEvent,
        "SELECT id, task_id, event_type, from_status, to_status, event_data, created_at FROM task_events
          WHERE task_id = $1 AND ($2::text IS NULL OR event_type = $2)
          ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4",
        task.0,
        event_type,
        limit,
        offset
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing a task's events"))
}

/// # Errors
/// When the database fails.
pub async fn count_events(db: &mut Transaction<'_>, task: TaskId, event_type: Option<&str>) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM task_events WHERE task_id = $1 AND ($2::text IS NULL OR event_type = $2)"#,
        task.0,
        event_type
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("counting a task's events"))
}

/// The lease a browser works on the task under; none when it has no browser (or is not the person's).
///
/// # Errors
/// When the database fails.
pub async fn lease(db: &mut Transaction<'_>, user: UserId, task: TaskId) -> Result<Option<Uuid>, StoreError> {
    let lease = sqlx::query_scalar!("SELECT lease_id FROM tasks WHERE user_id = $1 AND id = $2", user.0, task.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("looking for a task's browser"))?;
    Ok(lease.flatten())
}

/// A pattern that finds the text itself, whatever it holds.
fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_stand_for_themselves() {
        assert_eq!(contains(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
