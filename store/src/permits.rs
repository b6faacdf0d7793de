//! Permits that agents' ledgers name. A database that lost its last commits, as when it failed over to a replica that was
//! behind, may know nothing of them; what was sent with them was sent all the same.
//!
//! Every other word about permits is written by [`crate::journal`].

use protocol::ids::{PermitId, SandboxId, TaskId};
use uuid::Uuid;

use crate::{StoreError, Transaction};

/// A permit that was or may have been used, of which nothing is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrecorded {
    pub permit: PermitId,
    pub task: TaskId,
    /// The task is or was last on the sandbox whose agent names the permit.
    pub here: bool,
}

/// Of permits that were or may have been used by a sandbox's agent, those that the database or their task's row knows nothing of. Each is kept
/// as one whose end nobody saw: while it stands so, its task gets no other. A task that has another one out keeps that.
///
/// To be called before anything else of a transaction is locked: it may wait for a commit that grants one.
///
/// # Errors
/// When the database does not answer.
pub async fn keep_unrecorded(
    db: &mut Transaction<'_>,
    sandbox: SandboxId,
    used: &[(PermitId, TaskId)],
) -> Result<Vec<Unrecorded>, StoreError> {
    if used.is_empty() {
        return Ok(Vec::new());
    }
    let (permits, tasks): (Vec<Uuid>, Vec<Uuid>) = used.iter().map(|(permit, task)| (permit.0, task.0)).unzip();
    let rows = sqlx::query_file!("sql/permits/keep_unrecorded.sql", &permits, &tasks, Uuid::nil(), sandbox.0)
        .fetch_all(db)
        .await
        .map_err(StoreError::during("looking for permits that are not recorded"))?;
    let unrecorded =
        rows.into_iter().map(|row| Unrecorded { permit: PermitId(row.permit), task: TaskId(row.task), here: row.here });
    Ok(unrecorded.collect())
}
