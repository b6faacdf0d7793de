//! The gateway's own writes to tasks: taking one in, and the person's note of what the employer said. Everything
//! else about a task is its actor's to write.

use protocol::ids::{ResumeId, TaskId, UserId};
use protocol::task::{Ats, Mode};

use crate::shards::shard_of;
use crate::{StoreError, Transaction};

#[derive(Debug, Clone)]
pub struct NewTask<'a> {
    pub user: UserId,
    pub job_url: &'a str,
    /// The address without tracking parameters; one per job.
    pub canonical_job: &'a str,
    pub ats: Ats,
    /// As [`protocol::site::of`] names it.
    pub site: Option<&'a str>,
    pub mode: Mode,
    pub resume: ResumeId,
    pub notes: Option<&'a str>,
    pub idempotency_key: Option<&'a str>,
}

/// A task of the same person for the same job that speaks against another one.
#[derive(Debug, Clone)]
pub struct Rival {
    pub task: TaskId,
    pub status: String,
}

/// The task that was made with this key, and the URL it was made for.
#[derive(Debug, Clone)]
pub struct Made {
    pub task: TaskId,
    pub job_url: String,
    pub resume: Option<ResumeId>,
}

/// Makes the person's other attempts to take in a task (or to try a failed one again) wait until this transaction ends,
/// so that what is read next still holds when the task is inserted or queued.
///
/// # Errors
/// When the database fails.
pub async fn lock(db: &mut Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    crate::users::lock(db, "tasks", user).await
}

/// Lets this transaction, and with it the lock, outlast a command to a coordinator, which may take ten seconds; else the
/// server would end it in between.
///
/// # Errors
/// When the database fails.
pub async fn outlast_a_command(db: &mut Transaction<'_>) -> Result<(), StoreError> {
    sqlx::query!("SET LOCAL idle_in_transaction_session_timeout = '15s'")
        .execute(db)
        .await
        .map_err(StoreError::during("keeping a lock"))?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn by_idempotency_key(db: &mut Transaction<'_>, user: UserId, key: &str) -> Result<Option<Made>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, job_url, resume_id FROM tasks WHERE user_id = $1 AND idempotency_key = $2",
        user.0,
        key
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("looking up an idempotency key"))?;
    Ok(row.map(|row| Made { task: TaskId(row.id), job_url: row.job_url, resume: row.resume_id.map(ResumeId) }))
}

/// A task for this job other than `except` that is live, completed, sent or possibly sent; the newest.
///
/// # Errors
/// When the database fails.
pub async fn rival(
    db: &mut Transaction<'_>,
    user: UserId,
    canonical_job: &str,
    except: Option<TaskId>,
) -> Result<Option<Rival>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT id, status::text AS "status!" FROM tasks
            WHERE user_id = $1 AND canonical_job = $2 AND id IS DISTINCT FROM $3
              AND (status NOT IN ('failed', 'cancelled') OR outcome IN ('sent', 'unknown'))
            ORDER BY created_at DESC LIMIT 1"#,
        user.0,
        canonical_job,
        except.map(|task| task.0)
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("looking for another task of the same job"))?;
    Ok(row.map(|row| Rival { task: TaskId(row.id), status: row.status }))
}

/// Inserts the task as `created`, due at once, with the first line of its history.
///
/// # Errors
/// [`StoreError::Conflict`] when the idempotency key was used meanwhile.
pub async fn insert(db: &mut Transaction<'_>, new: NewTask<'_>) -> Result<TaskId, StoreError> {
    let id = TaskId::new();
    sqlx::query!(
        "INSERT INTO tasks (id, user_id, job_url, canonical_job, platform, ats, mode, resume_id, notes, idempotency_key,
                            shard, site, wake_at)
         VALUES ($1, $2, $3, $4, $5::text::platform, $6, $7::text::application_mode, $8, $9, $10, $11, $12, now())",
        id.0,
        new.user.0,
        new.job_url,
        new.canonical_job,
        new.ats.platform().as_str(),
        new.ats.as_str(),
        new.mode.as_str(),
        new.resume.0,
        new.notes,
        new.idempotency_key,
        shard_of(new.user),
        new.site
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during("taking in a task"))?;
    sqlx::query!(
        "INSERT INTO task_events (id, task_id, event_type, to_status, event_data)
         VALUES ($1, $2, 'state_change', 'created', jsonb_build_object('message', 'Application created'))",
        uuid::Uuid::now_v7(),
        id.0
    )
    .execute(db)
    .await
    .map_err(StoreError::during("beginning a task's history"))?;
    Ok(id)
}

/// Notes what the employer did with the application; false when the person has no such task. `status` is a name of
/// `external_status`.
///
/// # Errors
/// When the database fails.
pub async fn set_external_status(
    db: &mut Transaction<'_>,
    user: UserId,
    task: TaskId,
    status: Option<&str>,
) -> Result<bool, StoreError> {
    let known = sqlx::query!(
        "UPDATE tasks SET external_status = $3::text::external_status, updated_at = now() WHERE user_id = $1 AND id = $2",
        user.0,
        task.0,
        status
    )
    .execute(db)
    .await
    .map_err(StoreError::during("noting an external status"))?;
    Ok(known.rows_affected() > 0)
}
