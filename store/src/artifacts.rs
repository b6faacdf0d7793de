//! Screenshots of tasks: rows; the pictures themselves are in [`crate::files`].

use chrono::{DateTime, Utc};
use protocol::ids::{ArtifactId, LeaseId, TaskId};
use uuid::Uuid;

use crate::{StoreError, Transaction};

/// Pictures kept under one lease. A task lists the newest two dozen, and drops the rows of those that newer ones replace;
/// what no report names stays, so an agent must not make as many as it likes.
pub const PER_LEASE_MAX: i64 = 64;
/// And their bytes: that many of two megabytes each, which is a long form in full.
pub const BYTES_PER_LEASE_MAX: i64 = 128 << 20;

#[derive(Debug, Clone)]
pub struct Artifact {
    pub id: ArtifactId,
    pub task_id: TaskId,
    pub step: String,
    pub content_type: String,
    pub sha256: String,
    pub width: i32,
    pub height: i32,
    pub storage_key: String,
    pub created_at: DateTime<Utc>,
}

/// # Errors
/// When the database fails.
pub async fn get(db: &mut Transaction<'_>, id: ArtifactId) -> Result<Option<Artifact>, StoreError> {
    sqlx::query_as!(
        Artifact,
        r#"SELECT id AS "id: Uuid", task_id AS "task_id: Uuid", step, content_type, sha256, width, height, storage_key, created_at
             FROM artifacts WHERE id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading an artifact"))
}

/// The newest `per_task` of each task, oldest first within a task.
///
/// # Errors
/// When the database fails.
pub async fn of_tasks(db: &mut Transaction<'_>, tasks: &[Uuid], per_task: i64) -> Result<Vec<Artifact>, StoreError> {
    sqlx::query_as!(
        Artifact,
        r#"SELECT a.id AS "id: Uuid", a.task_id AS "task_id: Uuid", a.step, a.content_type, a.sha256, a.width, a.height,
                  a.storage_key, a.created_at
             FROM unnest($1::uuid[]) AS t (id)
            CROSS JOIN LATERAL (SELECT * FROM artifacts WHERE task_id = t.id ORDER BY created_at DESC, id DESC LIMIT $2) AS a
            ORDER BY a.task_id, a.created_at, a.id"#,
        tasks,
        per_task
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing artifacts"))
}

/// Where a task's picture lies in [`crate::files`].
#[must_use]
pub fn storage_key(task: TaskId, id: ArtifactId) -> String {
    format!("artifacts/{task}/{id}.jpg")
}

/// What is written about one stored picture.
#[derive(Debug, Clone)]
pub struct NewArtifact {
    pub id: ArtifactId,
    pub task: TaskId,
    pub lease: LeaseId,
    pub step: String,
    pub content_type: String,
    pub size: i64,
    pub sha256: String,
    pub width: i32,
    pub height: i32,
    pub storage_key: String,
}

/// Whether a picture may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Free,
    /// The same picture is stored already.
    Stored,
    /// Its lease has as much as it may have, or its id is another picture's.
    None,
}

/// Asked before the file is written. Pictures that come at the same moment do not see each other: a lease may have a few
/// more than the bounds say.
///
/// # Errors
/// When the database does not answer.
pub async fn room(db: &mut Transaction<'_>, new: &NewArtifact) -> Result<Room, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!", coalesce(sum(size_bytes), 0)::bigint AS "bytes!",
                  (SELECT lease_id = $2 AND sha256 = $4 FROM artifacts WHERE id = $3) AS same
             FROM artifacts WHERE task_id = $1 AND lease_id = $2"#,
        new.task.0,
        new.lease.0,
        new.id.0,
        new.sha256
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("counting a lease's artifacts"))?;
    let free = row.count < PER_LEASE_MAX && row.bytes.saturating_add(new.size) <= BYTES_PER_LEASE_MAX;
    Ok(match row.same {
        Some(true) => Room::Stored,
        None if free => Room::Free,
        Some(false) | None => Room::None,
    })
}

/// Records a stored file; a repeated one is fine.
///
/// # Errors
/// When the database does not answer, or the task is gone.
pub async fn insert(db: &mut Transaction<'_>, new: &NewArtifact) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO artifacts (id, task_id, lease_id, step, content_type, size_bytes, sha256, width, height, storage_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING",
        new.id.0,
        new.task.0,
        new.lease.0,
        new.step,
        new.content_type,
        new.size,
        new.sha256,
        new.width,
        new.height,
        new.storage_key
    )
    .execute(db)
    .await
    .map_err(StoreError::during("recording an artifact"))?;
    Ok(())
}
