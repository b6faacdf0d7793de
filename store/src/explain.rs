//! The facts behind "why is it not running?", read together.

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, TaskId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

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
    /// While it is queued.
    pub place: Option<Place>,
    /// Tasks of its person that hold a place and work.
    pub running: i64,
    pub fleet: Fleet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub id: SandboxId,
    pub name: String,
    pub connected: bool,
    pub draining: bool,
}

/// Where a queued task stands; the first has number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub of_user: i64,
    pub of_all: i64,
    /// All that wait.
    pub waiting: i64,
}

/// The browser hosts that are in good standing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fleet {
    pub hosts: i64,
    /// Those whose agents do not stop.
    pub connected: i64,
    /// Of those that are connected.
    pub draining: i64,
    /// Places on connected hosts that take work.
    pub places: i64,
    pub free: i64,
}

/// Everything about one task. `None` when there is no such task, or it is not the person's.
///
/// # Errors
/// When the database fails.
pub async fn facts(db: &mut PgConnection, task: TaskId, user: Option<UserId>) -> Result<Option<Facts>, StoreError> {
    let doing = "explaining a task";
    let row = sqlx::query!(
        r#"SELECT t.user_id, t.status::text AS "status!", t.phase, t.pending ->> 'kind' AS pending, t.attempt, t.error_code,
                  t.outcome::text AS "outcome!", t.interaction_type, t.queued_at, t.held_until, t.completed_at,
                  t.lease_id IS NOT NULL AS "holds_place!", s.id AS "host?", s.name AS "host_name?",
                  s.connected AS "connected?", s.draining AS "draining?",
                  (SELECT e.event_data ->> 'reason' FROM task_events e
                    WHERE e.task_id = t.id AND e.event_type = 'checkpoint' AND e.event_data ->> 'step' = 'parked'
                    ORDER BY e.created_at DESC LIMIT 1) AS parked,
                  (SELECT count(*) FROM tasks o
                    WHERE o.user_id = t.user_id AND o.lease_id IS NOT NULL AND o.status = 'in_progress') AS "running!"
             FROM tasks t LEFT JOIN sandboxes s ON s.id = t.sandbox_id
            WHERE t.id = $1 AND ($2::uuid IS NULL OR t.user_id = $2)"#,
        task.0,
        user.map(|user| user.0)
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    let Some(row) = row else { return Ok(None) };
    let place = if row.status == "queued" { place(db, task).await? } else { None };
    let fleet = fleet(db).await?;
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
        place,
        running: row.running,
        fleet,
    }))
}

async fn place(db: &mut PgConnection, task: TaskId) -> Result<Option<Place>, StoreError> {
    let row = sqlx::query_file!("sql/tasks/place.sql", task.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("finding a task's place in the queue"))?;
    Ok(row.map(|row| Place { of_user: row.of_user, of_all: row.of_all, waiting: row.waiting }))
}

async fn fleet(db: &mut PgConnection) -> Result<Fleet, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "hosts!", count(*) FILTER (WHERE connected AND status = 'active') AS "connected!",
                  count(*) FILTER (WHERE connected AND status = 'active' AND draining) AS "draining!",
                  coalesce(sum(capacity) FILTER (WHERE connected AND NOT draining AND status = 'active'), 0) AS "places!",
                  coalesce(sum(capacity - current_load) FILTER (WHERE connected AND NOT draining AND status = 'active'), 0) AS "free!"
             FROM sandboxes WHERE revoked_at IS NULL AND status <> 'terminated'"#
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("counting hosts"))?;
    Ok(Fleet { hosts: row.hosts, connected: row.connected, draining: row.draining, places: row.places, free: row.free })
}

/// Coordinators that own tasks: those whose actors a look at all actors must reach.
///
/// # Errors
/// When the database fails.
pub async fn owners(db: &mut PgConnection) -> Result<Vec<protocol::ids::NodeId>, StoreError> {
    let rows = sqlx::query_scalar!(r#"SELECT DISTINCT node_id AS "node!" FROM shards WHERE node_id IS NOT NULL"#)
        .fetch_all(db)
        .await
        .map_err(StoreError::during("reading who owns the shards"))?;
    Ok(rows.into_iter().map(protocol::ids::NodeId).collect())
}
