//! Tasks whose actor crashes again and again.
//!
//! Written by the tasks' supervisors, beside the journal: the actor that would write is the one that crashes. The count
//! is kept in the row, so that a restart of the coordinator does not begin it anew.

use chrono::Utc;
use protocol::event::Event;
use protocol::ids::{LeaseId, SandboxId, TaskId, UserId};
use protocol::task::{ErrorCode, InteractionKind, Outcome, Status};
use serde_json::json;

use crate::bus::Message;
use crate::shards::Held;
use crate::{StoreError, Transaction, user_events};

/// Crashes, each within an hour of the one before, after which a task is ended: a bug that a restart passes by shows
/// once or twice, one in the task's own data each time.
pub const CRASHES_MAX: i32 = 5;
/// Crashes after which it is ended without its actor, which crashes even at that.
pub const SHELVED_AT: i32 = CRASHES_MAX + 3;

/// Counts a crash of the task's actor; returns how many there are now, 0 when there is no such task.
///
/// # Errors
/// When the database does not answer.
pub async fn count_crash(db: &mut Transaction<'_>, task: TaskId) -> Result<i32, StoreError> {
    let crashes = sqlx::query_scalar!(
        "UPDATE tasks SET crashed_at = now(),
                          crashes = CASE WHEN crashed_at > now() - interval '1 hour' THEN crashes + 1 ELSE 1 END
          WHERE id = $1 RETURNING crashes",
        task.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("counting a crash"))?;
    Ok(crashes.unwrap_or(0))
}

/// What was done to a task that was ended without its actor.
#[derive(Debug)]
pub struct Shelved {
    /// Its place, given back.
    pub released: Option<(SandboxId, LeaseId)>,
    /// To be published once it is committed.
    pub told: Vec<Message>,
}

/// Ends a task whose actor cannot: failed, or the question how its click ended when a permit is out. What the actor
/// stumbles over stays in the row, except what it was waiting for. `None` when the shard is not ours.
///
/// # Errors
/// When the database does not answer.
pub async fn shelve(db: &mut Transaction<'_>, held: &[Held], task: TaskId) -> Result<Option<Shelved>, StoreError> {
    let doing = "shelving a task";
    let shard = sqlx::query!(
        "SELECT s.id, s.epoch FROM shards s JOIN tasks t ON t.shard = s.id WHERE t.id = $1 FOR SHARE OF s",
        task.0
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    if !shard.is_some_and(|shard| held.contains(&Held { shard: shard.id, epoch: shard.epoch })) {
        return Ok(None);
    }
    let was = sqlx::query!(
        r#"SELECT user_id, status::text AS "status!", sandbox_id, lease_id, permit_id,
                  coalesce(permit_state IN ('granted', 'unknown'), false) AS "open!"
             FROM tasks WHERE id = $1 FOR NO KEY UPDATE"#,
        task.0
    )
    .fetch_one(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    let status: Status = was.status.parse().map_err(|_| StoreError::Corrupt { doing })?;
    let next = match status {
        _ if was.open => Status::WaitingHuman,
        status if status.is_terminal() => status,
        _ => Status::Failed,
    };
    let failed = next == Status::Failed && status != Status::Failed;
    let code = ErrorCode::Quarantined;
    sqlx::query!(
        "UPDATE tasks
            SET generation = generation + 1, updated_at = now(), status = $2::text::task_status, phase = NULL,
                lease_id = NULL, pending = NULL, held_until = NULL, wake_at = NULL, queued_at = NULL,
                interaction_type = $3, interaction_data = NULL,
                outcome = CASE WHEN $4 THEN $5::text::task_outcome ELSE outcome END,
                permit_state = CASE WHEN $4 THEN 'unknown' ELSE permit_state END,
                error_code = CASE WHEN $6 THEN $7 ELSE error_code END,
                error_message = CASE WHEN $6 THEN $8 ELSE error_message END,
                completed_at = CASE WHEN $6 THEN now() ELSE completed_at END
          WHERE id = $1",
        task.0,
        next.as_str(),
        was.open.then_some(InteractionKind::OutcomeUnknown.as_str()),
        was.open,
        Outcome::Unknown.as_str(),
        failed,
        code.as_str(),
        code.sentence()
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    if let (true, Some(permit)) = (was.open, was.permit_id) {
        sqlx::query!("UPDATE permits SET state = 'unknown', closed_at = now() WHERE id = $1", permit)
            .execute(&mut *db)
            .await
            .map_err(StoreError::during(doing))?;
    }
    sqlx::query!(
        "INSERT INTO task_events (id, task_id, event_type, from_status, to_status, event_data)
         VALUES ($1, $2, 'error', $3, $4, $5)",
        uuid::Uuid::now_v7(),
        task.0,
        status.as_str(),
        next.as_str(),
        json!({ "code": code, "message": "its actor crashed each time it was started" })
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    let released = was.sandbox_id.map(SandboxId).zip(was.lease_id.map(LeaseId));
    if let Some((sandbox, _)) = released {
        sqlx::query!("UPDATE sandboxes SET current_load = current_load - 1 WHERE id = $1", sandbox.0)
            .execute(&mut *db)
            .await
            .map_err(StoreError::during(doing))?;
    }
    let user = UserId(was.user_id);
    let update = Event::TaskUpdate {
        task_id: task,
        status: next,
        progress: 0,
        current_step: if was.open { InteractionKind::OutcomeUnknown.sentence() } else { code.sentence() }.into(),
        phase: None,
    };
    let told = user_events::append(db, user, &[update.to_json()]).await?;
    if failed || was.open {
        let title = if was.open { "Did your application arrive?" } else { "Not sent: your application" };
        let body = if was.open { InteractionKind::OutcomeUnknown.sentence() } else { code.sentence() };
        sqlx::query!(
            "INSERT INTO notifications (id, user_id, type, title, body, metadata, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            uuid::Uuid::now_v7(),
            user.0,
            if was.open { "task_needs_human" } else { "task_failed" },
            title,
            body,
            json!({ "taskId": task, "code": code }),
            Utc::now()
        )
        .execute(db)
        .await
        .map_err(StoreError::during(doing))?;
    }
    Ok(Some(Shelved { released, told }))
}
