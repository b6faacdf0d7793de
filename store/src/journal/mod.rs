//! The commit path of the actors: many decided steps in one transaction.
//!
//! Called by the coordinator's journal with the steps that gathered while the previous commit was under way. Lock
//! order is shards, tasks, sandboxes, users, each by id: batches that took them in other orders deadlocked when tried.
//! What is decided here is only whether the facts a step was decided from still hold: its generation, its shard's
//! epoch, the slot it takes, its user's cap.

mod object;
mod row;
mod writes;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use protocol::event::Event;
use protocol::form::Digest;
use protocol::ids::{ArtifactId, FieldId, LeaseId, PermitId, QaEntryId, SandboxId, UserId};
use protocol::planted::{Bug, planted};
use serde_json::Value as Json;

use crate::bus::Message;
use crate::db::{self, Connection};
use crate::shards::Held;
use crate::tasks::{PermitState, Review, Task};
use crate::{Store, StoreError, Transaction, user_events};
pub use object::Object;
use row::TaskStep;

/// Tasks of one person that may hold a place at the same time, as in the original system.
pub const USER_CAP: i64 = 3;

/// One decided step of one task.
#[derive(Debug, Clone)]
pub struct Step {
    /// The task as it is to be, with the generation after the one that the step was decided from. Shared with its
    /// actor, which goes on from it once it is committed.
    pub task: Arc<Task>,
    pub slot: Slot,
    pub events: Vec<TaskEvent>,
    /// Messages for the person's screens, in order; stored, numbered, then published.
    pub told: Vec<Event>,
    pub writes: Vec<Write>,
}

/// What a step does to a sandbox's slots. Claiming a task and taking its slot are one transaction, and so are
/// letting it go and giving the slot back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Keep,
    Take { sandbox: SandboxId, epoch: i64 },
    Give { sandbox: SandboxId },
}

/// A row of the task's history.
#[derive(Debug, Clone)]
pub struct TaskEvent {
    pub event_type: &'static str,
    pub from_status: Option<&'static str>,
    pub to_status: Option<&'static str>,
    pub data: Object,
}

/// Rows beside the task's own.
#[derive(Debug, Clone)]
pub enum Write {
    /// Replaces the review.
    Review(Box<Review>),
    PermitGranted {
        id: PermitId,
        lease: LeaseId,
        grant: i32,
        form: Digest,
        values: Digest,
    },
    PermitClosed {
        id: PermitId,
        state: PermitState,
    },
    /// Replaces the per-field record of what was entered (or sent).
    Results(Vec<ResultRow>),
    /// Pictures of the page that newer ones replace: their rows go, their files after the commit.
    PicturesDropped(Vec<ArtifactId>),
    /// Bank entries whose answers were sent.
    AnswersUsed(Vec<QaEntryId>),
    /// An answer the person gave and wants kept; replaces an entry with the same question.
    AnswerLearned {
        category: String,
        question: String,
        answer: String,
    },
    /// The task's site asked to be left alone.
    SitePaused {
        until: DateTime<Utc>,
    },
    /// Crashes of the task's actor count from anew.
    CrashesForgotten,
    Notification {
        kind: &'static str,
        title: String,
        body: &'static str,
        metadata: Json,
    },
}

/// One field of an application, for `application_results` and `application_fields`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    pub field_name: String,
    pub field_type: &'static str,
    pub value: Option<String>,
    pub source: &'static str,
    pub confidence: f32,
    pub qa_bank_entry_id: Option<QaEntryId>,
    pub user_overridden: bool,
    pub field: FieldId,
    pub section: String,
    /// It is what the employer got, not only what was entered.
    pub sent: bool,
}

/// Why a step did not become true.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The task moved on: this actor is not its owner any more.
    #[error("the task changed after it was read")]
    Stale,
    /// Another coordinator owns the shard now.
    #[error("the shard has another owner")]
    Fenced,
    /// The slot could not be taken: full, draining, or another session. Nothing changed.
    #[error("the sandbox has no slot for this task")]
    NoSlot,
    /// The user has as many tasks running as allowed. Nothing changed.
    #[error("the user's tasks fill their cap")]
    UserCap,
    /// The database certainly did not take it.
    #[error("the step was not written")]
    Failed(#[source] StoreError),
    /// Nobody knows whether the database took it: the task must be adopted afresh.
    #[error("it is not known whether the step was written")]
    InDoubt(#[source] StoreError),
}

/// An error of the way to the database and back.
impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::InDoubt(error)
    }
}

/// Writes batches over a connection of its own, which is made anew after every failure.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    connection: Option<Connection>,
}

impl Writer {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, connection: None }
    }

    /// Commits the steps, at most one per task, all or none of them. Returns what is to be published now.
    ///
    /// # Errors
    /// For a single step, why it failed. For several, that some did: commit them in halves to find which.
    pub async fn commit(&mut self, held: &[Held], steps: &[Step]) -> Result<Vec<Message>, CommitError> {
        // Taken out: whatever is dropped in the middle of a conversation is not used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.store.connection().await.map_err(CommitError::Failed)?,
        };
        let written = db::in_time("committing a batch", batch(&mut connection, held, steps)).await;
        let broken = match &written {
            Err(CommitError::Failed(error)) => error.is_outage(),
            Err(CommitError::InDoubt(_)) => true,
            _ => false,
        };
        if !broken {
            self.connection = Some(connection);
        }
        written
    }
}

async fn batch(connection: &mut Connection, held: &[Held], steps: &[Step]) -> Result<Vec<Message>, CommitError> {
    let mut tx = connection.begin().await.map_err(failed("beginning a batch"))?;
    let told = match write(&mut tx, held, steps).await {
        Ok(told) => told,
        Err(error) => {
            // Nothing of it is left for the next batch on this connection to stand in.
            tx.rollback().await.map_err(failed("giving up a batch"))?;
            return Err(error);
        }
    };
    // From here on, only a word that the server rolled it back is one.
    tx.commit().await.map_err(|source| match StoreError::during("committing a batch")(source) {
        error if error.is_rolled_back() => CommitError::Failed(error),
        error => CommitError::InDoubt(error),
    })?;
    Ok(told)
}

async fn write(db: &mut Transaction<'_>, held: &[Held], steps: &[Step]) -> Result<Vec<Message>, CommitError> {
    lock_shards(db, held, steps).await?;
    write_tasks(db, steps).await?;
    writes::all(db, steps).await?;
    write_slots(db, steps).await?;
    let told = write_told(db, steps).await?;
    check_caps(db, steps).await?;
    Ok(told)
}

async fn lock_shards(db: &mut Transaction<'_>, held: &[Held], steps: &[Step]) -> Result<(), CommitError> {
    let epochs: HashMap<i16, i64> = held.iter().map(|held| (held.shard, held.epoch)).collect();
    let mut wanted: Vec<i16> = steps.iter().map(|step| step.task.shard).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let rows = sqlx::query!("SELECT id, epoch FROM shards WHERE id = ANY($1) ORDER BY id FOR SHARE", &wanted)
        .fetch_all(db)
        .await
        .map_err(failed("locking shards"))?;
    let ours = rows.iter().filter(|row| epochs.get(&row.id) == Some(&row.epoch)).count();
    if ours == wanted.len() || planted(Bug::Unfenced) { Ok(()) } else { Err(CommitError::Fenced) }
}

async fn write_tasks(db: &mut Transaction<'_>, steps: &[Step]) -> Result<(), CommitError> {
    let rows: Vec<TaskStep<'_>> = steps.iter().map(|step| TaskStep::from(&*step.task)).collect();
    let written = sqlx::query_file_scalar!("sql/journal/tasks.sql", &rows as _)
        .fetch_all(db)
        .await
        .map_err(failed("writing tasks"))?;
    if written.len() == steps.len() || planted(Bug::StaleWriter) { Ok(()) } else { Err(CommitError::Stale) }
}

/// An `UPDATE … FROM` applies only one of two rows that hit the same target, so changes are summed per sandbox first.
async fn write_slots(db: &mut Transaction<'_>, steps: &[Step]) -> Result<(), CommitError> {
    let mut changes: BTreeMap<SandboxId, (i32, i32, i64)> = BTreeMap::new();
    for step in steps {
        match step.slot {
            Slot::Keep => {}
            Slot::Take { sandbox, epoch } => {
                let change = changes.entry(sandbox).or_default();
                if change.1 > 0 && change.2 != epoch {
                    return Err(CommitError::NoSlot);
                }
                *change = (change.0 + 1, change.1 + 1, epoch);
            }
            Slot::Give { .. } if planted(Bug::SlotKept) => {}
            Slot::Give { sandbox } => changes.entry(sandbox).or_default().0 -= 1,
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    let sandboxes: Vec<uuid::Uuid> = changes.keys().map(|id| id.0).collect();
    let deltas: Vec<i32> = changes.values().map(|change| change.0).collect();
    let takes: Vec<i32> = changes.values().map(|change| change.1).collect();
    let epochs: Vec<i64> = changes.values().map(|change| change.2).collect();
    if planted(Bug::DrainIgnored) {
        let lifted = sqlx::query("UPDATE sandboxes SET draining = false WHERE id = ANY($1)").bind(&sandboxes);
        lifted.execute(&mut *db).await.map_err(failed("planting a bug"))?;
    }
    let written = sqlx::query_file_scalar!("sql/journal/slots.sql", &sandboxes, &deltas, &takes, &epochs)
        .fetch_all(db)
        .await
        .map_err(failed("moving slots"))?;
    // A slot given back to a sandbox that was deleted meanwhile is gone with it.
    let taken = changes.iter().filter(|(_, change)| change.1 > 0);
    for (sandbox, _) in taken {
        if !written.contains(&sandbox.0) {
            return Err(CommitError::NoSlot);
        }
    }
    Ok(())
}

async fn write_told(db: &mut Transaction<'_>, steps: &[Step]) -> Result<Vec<Message>, CommitError> {
    let told: Vec<(UserId, Json)> =
        steps.iter().flat_map(|step| step.told.iter().map(|told| (step.task.user_id, told.to_json()))).collect();
    // A claim locks its user's row too, so that two claims of one user are checked one after the other.
    let claiming: Vec<UserId> =
        steps.iter().filter(|step| matches!(step.slot, Slot::Take { .. })).map(|step| step.task.user_id).collect();
    user_events::append_all(db, told, &claiming).await.map_err(CommitError::Failed)
}

async fn check_caps(db: &mut Transaction<'_>, steps: &[Step]) -> Result<(), CommitError> {
    let claiming: HashSet<uuid::Uuid> =
        steps.iter().filter(|step| matches!(step.slot, Slot::Take { .. })).map(|step| step.task.user_id.0).collect();
    if claiming.is_empty() {
        return Ok(());
    }
    let users: Vec<uuid::Uuid> = claiming.into_iter().collect();
    let over = sqlx::query_scalar!(
        "SELECT user_id FROM tasks WHERE user_id = ANY($1) AND lease_id IS NOT NULL AND status = 'in_progress'
          GROUP BY user_id HAVING count(*) > $2 LIMIT 1",
        &users,
        USER_CAP
    )
    .fetch_optional(db)
    .await
    .map_err(failed("checking caps"))?;
    if over.is_some() { Err(CommitError::UserCap) } else { Ok(()) }
}

/// Before the commit is sent, a lost answer means that nothing was written: the transaction dies with its connection.
fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> CommitError {
    move |source| CommitError::Failed(StoreError::during(doing)(source))
}

fn corrupt(doing: &'static str) -> CommitError {
    CommitError::Failed(StoreError::Corrupt { doing })
}
