//! The facts behind "why is it not running?", read together; what a queued task waits for is [`queue::waiting`]'s.

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, TaskId, UserId};
use protocol::task::Status;
use protocol::waiting::Waiting;

use crate::{StoreError, Transaction, queue};

/// One task and what stands in its way.
#[derive(Debug, Clone)]
pub struct Facts {
    pub task: TaskId,
    pub user: UserId,
    pub status: String,
    pub phase: Option<String>,
    /// What is waited for from the agent: its kind.
    pub pending: Option<String>,
    pub attempt: i32,
    pub error_code: Option<String>,
    pub outcome: String,
    pub interaction: Option<String>,
    /// When it was or will be ready to start.
    pub queued_at: Option<DateTime<Utc>>,
    pub held_until: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    /// The host it is or was last on.
    pub host: Option<Host>,
    /// It holds a place there.
    pub holds_place: bool,
    /// Why its browser was closed the last time, see [`crate::tasks::Parked`].
    pub parked: Option<String>,
    /// What it waits for, while it is queued.
    pub waiting: Option<Waiting>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub id: SandboxId,
    pub name: String,
    pub connected: bool,
    pub draining: bool,
}

/// Everything about one task as it is `now`. `None` when there is no such task, or it is not the person's.
///
/// # Errors
/// When the database fails.
pub async fn facts(
    db: &mut Transaction<'_>,
    task: TaskId,
    user: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<Option<Facts>, StoreError> {
    let doing = "explaining a task";
    let row = sqlx::query!(
        r#"SELECT t.user_id, t.status::text AS "status!", t.phase, t.pending ->> 'kind' AS pending, t.attempt, t.error_code,
                  t.outcome::text AS "outcome!", t.interaction_type, t.queued_at, t.held_until, t.completed_at,
                  t.lease_id IS NOT NULL AS "holds_place!", s.id AS "host?", s.name AS "host_name?",
                  s.connected AS "connected?", s.draining AS "draining?",
                  (SELECT e.event_data ->> 'reason' FROM task_events e
                    WHERE e.task_id = t.id AND e.event_type = 'checkpoint' AND e.event_data ->> 'step' = 'parked'
                    ORDER BY e.created_at DESC LIMIT 1) AS parked
             FROM tasks t LEFT JOIN sandboxes s ON s.id = t.sandbox_id
            WHERE t.id = $1 AND ($2::uuid IS NULL OR t.user_id = $2)"#,
        task.0,
        user.map(|user| user.0)
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    let Some(row) = row else { return Ok(None) };
    let waiting = if row.status == Status::Queued.as_str() { queue::waiting(db, task, now).await? } else { None };
    let host = row.host.map(|id| Host {
        id: SandboxId(id),
        name: row.host_name.unwrap_or_default(),
        connected: row.connected.unwrap_or_default(),
        draining: row.draining.unwrap_or_default(),
    });
    Ok(Some(Facts {
        task,
        user: UserId(row.user_id),
        status: row.status,
        phase: row.phase,
        pending: row.pending,
        attempt: row.attempt,
        error_code: row.error_code,
        outcome: row.outcome,
        interaction: row.interaction_type,
        queued_at: row.queued_at,
        held_until: row.held_until,
        completed_at: row.completed_at,
        host,
        holds_place: row.holds_place,
        parked: row.parked,
        waiting,
    }))
}

/// Coordinators that own tasks: those whose actors a look at all actors must reach.
///
/// # Errors
/// When the database fails.
pub async fn owners(db: &mut Transaction<'_>) -> Result<Vec<protocol::ids::NodeId>, StoreError> {
    let rows = sqlx::query_scalar!(r#"SELECT DISTINCT node_id AS "node!" FROM shards WHERE node_id IS NOT NULL"#)
        .fetch_all(db)
        .await
        .map_err(StoreError::during("reading who owns the shards"))?;
    Ok(rows.into_iter().map(protocol::ids::NodeId).collect())
}
