//! Screenshots of tasks: rows; the pictures themselves are in [`crate::files`].

use chrono::{DateTime, Utc};
use protocol::ids::{ArtifactId, LeaseId, TaskId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;

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
pub async fn get(db: &mut PgConnection, id: ArtifactId) -> Result<Option<Artifact>, StoreError> {
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
pub async fn of_tasks(db: &mut PgConnection, tasks: &[Uuid], per_task: i64) -> Result<Vec<Artifact>, StoreError> {
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

/// Records a stored file; a repeated one is fine.
///
/// # Errors
/// When the database does not answer, or the task is gone.
pub async fn insert(db: &mut PgConnection, new: &NewArtifact) -> Result<(), StoreError> {
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
