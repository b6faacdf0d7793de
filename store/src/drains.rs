//! Drains: a host that is given no more work.
//!
//! The row of the sandbox is what counts. The statement that takes a slot refuses a draining host while it holds the
//! row's lock, so once a drain is committed nothing is placed there any more, whatever was planned before.

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, TaskId};

use crate::{StoreError, Transaction};

/// A drain that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    pub reason: String,
}

/// A sandbox as far as its drain goes.
#[derive(Debug, Clone)]
pub struct State {
    pub name: String,
    pub drain: Option<Drain>,
    pub connected: bool,
    pub load: i32,
    pub capacity: i32,
}

/// A task that still holds a place on a host.
#[derive(Debug, Clone)]
pub struct Blocker {
    pub task: TaskId,
    pub status: String,
    pub phase: Option<String>,
    /// What the agent was asked for and has not answered yet.
    pub pending: Option<String>,
    /// A permit is out, or nobody knows what became of it.
    pub permit_open: bool,
    pub held_until: Option<DateTime<Utc>>,
    /// When the coordinator looks at the task again whatever happens.
    pub wake_at: Option<DateTime<Utc>>,
}

/// The drain of a sandbox; none when it takes work (or is not known).
///
/// # Errors
/// When the database does not answer.
pub async fn read(db: &mut Transaction<'_>, sandbox: SandboxId) -> Result<Option<Drain>, StoreError> {
    let row = sqlx::query_scalar!("SELECT drain_reason FROM sandboxes WHERE id = $1 AND draining", sandbox.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("reading a drain"))?;
    Ok(row.map(|reason| Drain { reason: reason.unwrap_or_default() }))
}

/// Begins a drain (or changes its reason), or ends it with `None`. False when there is no such sandbox.
///
/// # Errors
/// When the database does not answer.
pub async fn set(db: &mut Transaction<'_>, sandbox: SandboxId, drain: Option<&Drain>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE sandboxes SET draining = $2, drain_reason = $3, updated_at = now() WHERE id = $1 AND status <> 'terminated'",
        sandbox.0,
        drain.is_some(),
        drain.map(|drain| drain.reason.as_str())
    )
    .execute(db)
    .await
    .map_err(StoreError::during("writing a drain"))?;
    Ok(done.rows_affected() == 1)
}

/// # Errors
/// When the database does not answer.
pub async fn state(db: &mut Transaction<'_>, sandbox: SandboxId) -> Result<Option<State>, StoreError> {
    let row = sqlx::query!(
        "SELECT name, draining, drain_reason, connected, current_load, capacity FROM sandboxes WHERE id = $1",
        sandbox.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a sandbox"))?;
    Ok(row.map(|row| State {
        name: row.name,
        drain: row.draining.then(|| Drain { reason: row.drain_reason.unwrap_or_default() }),
        connected: row.connected,
        load: row.current_load,
        capacity: row.capacity,
    }))
}

/// Tasks that hold a place on the sandbox, those that end last of their own accord first.
///
/// # Errors
/// When the database does not answer.
pub async fn blockers(db: &mut Transaction<'_>, sandbox: SandboxId, limit: i64) -> Result<Vec<Blocker>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, status::text AS "status!", phase, pending ->> 'kind' AS pending,
                  coalesce(permit_state IN ('granted', 'unknown'), false) AS "permit_open!", held_until, wake_at
             FROM tasks WHERE sandbox_id = $1 AND lease_id IS NOT NULL ORDER BY wake_at DESC, id LIMIT $2"#,
        sandbox.0,
        limit
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading who holds a sandbox"))?;
    Ok(rows
        .into_iter()
        .map(|row| Blocker {
            task: TaskId(row.id),
            status: row.status,
            phase: row.phase,
            pending: row.pending,
            permit_open: row.permit_open,
            held_until: row.held_until,
            wake_at: row.wake_at,
        })
        .collect())
}
