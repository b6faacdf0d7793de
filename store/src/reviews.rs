//! Open and past reviews, as the coordinator keeps them.

use chrono::{DateTime, Utc};
use protocol::form::FormModel;
use protocol::ids::{ArtifactId, TaskId, UserId};
use protocol::plan::{FillPlan, FillResult};
use sqlx::types::Json;

use crate::{StoreError, Transaction};

#[derive(Debug)]
pub struct Review {
    pub revision: i64,
    pub status: String,
    pub form: Json<FormModel>,
    pub plan: Json<FillPlan>,
    pub results: Json<Vec<FillResult>>,
    pub form_digest: Vec<u8>,
    pub values_digest: Vec<u8>,
    pub screenshot_id: Option<ArtifactId>,
    pub updated_at: DateTime<Utc>,
}

/// An application of the same person to the same job that was sent, may have been, or is being sent.
#[derive(Debug, Clone, Copy)]
pub struct Earlier {
    pub task: TaskId,
    pub at: DateTime<Utc>,
}

/// # Errors
/// When the database fails or a stored part is not understood.
pub async fn of_task(db: &mut Transaction<'_>, task: TaskId) -> Result<Option<Review>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT revision, status::text AS "status!", form AS "form: Json<FormModel>", plan AS "plan: Json<FillPlan>",
                  results AS "results: Json<Vec<FillResult>>", form_digest, values_digest, screenshot_id, updated_at
             FROM task_reviews WHERE task_id = $1"#,
        task.0
    )
    .fetch_optional(db)
    .await
    .map_err(|error| match error {
        sqlx::Error::ColumnDecode { .. } => StoreError::Corrupt { doing: "reading a review" },
        error => StoreError::during("reading a review")(error),
    })?;
    Ok(row.map(|row| Review {
        revision: row.revision,
        status: row.status,
        form: row.form,
        plan: row.plan,
        results: row.results,
        form_digest: row.form_digest,
        values_digest: row.values_digest,
        screenshot_id: row.screenshot_id.map(ArtifactId),
        updated_at: row.updated_at,
    }))
}

/// The latest other task of the person for this job that was sent, may have been, or is being sent now.
///
/// # Errors
/// When the database fails.
pub async fn sent_before(
    db: &mut Transaction<'_>,
    user: UserId,
    canonical_job: &str,
    except: TaskId,
) -> Result<Option<Earlier>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT id, coalesce(submitted_at, completed_at, updated_at) AS "at!" FROM tasks
            WHERE user_id = $1 AND canonical_job = $2 AND id <> $3
              AND (status = 'completed' OR outcome IN ('sent', 'unknown') OR permit_state = 'granted')
            ORDER BY updated_at DESC LIMIT 1"#,
        user.0,
        canonical_job,
        except.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("looking for an earlier application"))?;
    Ok(row.map(|row| Earlier { task: TaskId(row.id), at: row.at }))
}
