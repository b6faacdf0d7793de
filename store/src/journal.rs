//! The commit path of the actors: many decided steps in one transaction.
//!
//! Called by the coordinator's journal with the steps that gathered while the previous commit was under way. Lock
//! order is shards, tasks, sandboxes, users, each by id: batches that took them in other orders deadlocked when tried.
//! What is decided here is only whether the facts a step was decided from still hold: its generation, its shard's
//! epoch, the slot it takes, its user's cap.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use protocol::form::Digest;
use protocol::ids::{ArtifactId, LeaseId, PermitId, QaEntryId, SandboxId, UserId};
use serde_json::{Value as Json, json};
use sqlx::PgConnection;

use crate::shards::Held;
use crate::tasks::{PermitState, Review, Task};
use crate::{Store, StoreError};

/// Tasks of one person that may hold a place at the same time, as in the original system.
pub const USER_CAP: i64 = 3;

/// One decided step of one task.
#[derive(Debug, Clone)]
pub struct Step {
    /// The task as it is to be; its `generation` is the one the step was decided from.
    pub task: Task,
    pub slot: Slot,
    pub events: Vec<TaskEvent>,
    /// Messages for the person's screens, in order; stored, numbered, then published.
    pub told: Vec<Json>,
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
    pub data: Json,
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
    /// Bank entries whose answers were sent.
    AnswersUsed(Vec<QaEntryId>),
    /// An answer the person gave and wants kept; replaces an entry with the same question.
    AnswerLearned {
        category: String,
        question: String,
        answer: String,
    },
    Notification {
        kind: &'static str,
        title: String,
        body: String,
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
    pub metadata: Json,
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

/// What is to be told after a commit.
#[derive(Debug, Clone)]
pub struct Told {
    pub user: UserId,
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub payload: Json,
}

/// Commits the steps, at most one per task, all or none of them.
///
/// # Errors
/// For a single step, why it failed. For several, that some did: commit them in halves to find which.
pub async fn commit(store: &Store, held: &[Held], steps: &[Step]) -> Result<Vec<Told>, CommitError> {
    let mut tx = store.begin().await.map_err(CommitError::Failed)?;
    let told = write(&mut tx, held, steps).await?;
    // From here on, a lost answer leaves the outcome open.
    tx.commit().await.map_err(|source| match StoreError::during("committing a batch")(source) {
        error @ StoreError::Unanswered { .. } => CommitError::InDoubt(error),
        error => CommitError::Failed(error),
    })?;
    Ok(told)
}

async fn write(db: &mut PgConnection, held: &[Held], steps: &[Step]) -> Result<Vec<Told>, CommitError> {
    lock_shards(db, held, steps).await?;
    write_tasks(db, steps).await?;
    write_beside(db, steps).await?;
    write_slots(db, steps).await?;
    let told = write_told(db, steps).await?;
    check_caps(db, steps).await?;
    Ok(told)
}

async fn lock_shards(db: &mut PgConnection, held: &[Held], steps: &[Step]) -> Result<(), CommitError> {
    let epochs: HashMap<i16, i64> = held.iter().map(|held| (held.shard, held.epoch)).collect();
    let mut wanted: Vec<i16> = steps.iter().map(|step| step.task.shard).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let rows = sqlx::query!("SELECT id, epoch FROM shards WHERE id = ANY($1) ORDER BY id FOR SHARE", &wanted)
        .fetch_all(db)
        .await
        .map_err(failed("locking shards"))?;
    let ours = rows.iter().filter(|row| epochs.get(&row.id) == Some(&row.epoch)).count();
    if ours == wanted.len() { Ok(()) } else { Err(CommitError::Fenced) }
}

async fn write_tasks(db: &mut PgConnection, steps: &[Step]) -> Result<(), CommitError> {
    let rows: Vec<&Task> = steps.iter().map(|step| &step.task).collect();
    let rows = serde_json::to_value(rows).map_err(|_| corrupt("encoding tasks"))?;
    let written =
        sqlx::query_file_scalar!("sql/journal/tasks.sql", rows).fetch_all(db).await.map_err(failed("writing tasks"))?;
    if written.len() == steps.len() { Ok(()) } else { Err(CommitError::Stale) }
}

async fn write_beside(db: &mut PgConnection, steps: &[Step]) -> Result<(), CommitError> {
    let events: Vec<Json> = steps
        .iter()
        .flat_map(|step| {
            step.events.iter().map(|event| {
                json!({
                    "id": uuid::Uuid::now_v7(), "task_id": step.task.id, "event_type": event.event_type,
                    "from_status": event.from_status, "to_status": event.to_status, "event_data": event.data,
                    "created_at": Utc::now(),
                })
            })
        })
        .collect();
    if !events.is_empty() {
        sqlx::query!(
            "INSERT INTO task_events SELECT * FROM jsonb_populate_recordset(NULL::task_events, $1)",
            json!(events)
        )
        .execute(&mut *db)
        .await
        .map_err(failed("writing task events"))?;
    }
    for step in steps {
        for write in &step.writes {
            write_one(db, &step.task, write).await?;
        }
    }
    Ok(())
}

async fn write_one(db: &mut PgConnection, task: &Task, write: &Write) -> Result<(), CommitError> {
    match write {
        Write::Review(review) => write_review(db, task, review).await,
        Write::PermitGranted { id, lease, grant, form, values } => {
            sqlx::query!(
                "INSERT INTO permits (id, task_id, lease_id, grant_number, form_digest, values_digest)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                id.0,
                task.id.0,
                lease.0,
                grant,
                &form.0[..],
                &values.0[..]
            )
            .execute(db)
            .await
            .map_err(failed("granting a permit"))?;
            Ok(())
        }
        Write::PermitClosed { id, state } => {
            sqlx::query!(
                "UPDATE permits SET state = $2::text::permit_state, closed_at = now() WHERE id = $1",
                id.0,
                state.as_str()
            )
            .execute(db)
            .await
            .map_err(failed("closing a permit"))?;
            Ok(())
        }
        Write::Results(rows) => write_results(db, task, rows).await,
        Write::AnswersUsed(entries) => {
            let ids: Vec<uuid::Uuid> = entries.iter().map(|entry| entry.0).collect();
            sqlx::query!(
                "UPDATE qa_bank SET times_used = times_used + 1 WHERE id = ANY($1) AND user_id = $2",
                &ids,
                task.user_id.0
            )
            .execute(db)
            .await
            .map_err(failed("counting used answers"))?;
            Ok(())
        }
        Write::AnswerLearned { category, question, answer } => {
            let known = sqlx::query!(
                "UPDATE qa_bank SET answer = $3, updated_at = now() WHERE user_id = $1 AND lower(question) = lower($2)",
                task.user_id.0,
                question,
                answer
            )
            .execute(&mut *db)
            .await
            .map_err(failed("keeping an answer"))?;
            if known.rows_affected() == 0 {
                sqlx::query!(
                    "INSERT INTO qa_bank (id, user_id, category, question, answer, source)
                     VALUES ($1, $2, $3, $4, $5, 'application_learned')",
                    QaEntryId::new().0,
                    task.user_id.0,
                    category,
                    question,
                    answer
                )
                .execute(db)
                .await
                .map_err(failed("keeping an answer"))?;
            }
            Ok(())
        }
        Write::Notification { kind, title, body, metadata } => {
            sqlx::query!(
                "INSERT INTO notifications (id, user_id, type, title, body, metadata) VALUES ($1, $2, $3, left($4, 255), $5, $6)",
                uuid::Uuid::now_v7(), task.user_id.0, kind, title, body, metadata
            )
            .execute(db)
            .await
            .map_err(failed("writing a notification"))?;
            Ok(())
        }
    }
}

async fn write_review(db: &mut PgConnection, task: &Task, review: &Review) -> Result<(), CommitError> {
    let encode = |value: Result<Json, serde_json::Error>| value.map_err(|_| corrupt("encoding a review"));
    sqlx::query!(
        "INSERT INTO task_reviews (task_id, revision, status, form, plan, results, form_digest, values_digest, screenshot_id,
                                   approved)
         VALUES ($1, $2, $3::text::review_status, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (task_id) DO UPDATE
            SET revision = EXCLUDED.revision, status = EXCLUDED.status, form = EXCLUDED.form, plan = EXCLUDED.plan,
                results = EXCLUDED.results, form_digest = EXCLUDED.form_digest, values_digest = EXCLUDED.values_digest,
                screenshot_id = EXCLUDED.screenshot_id, approved = EXCLUDED.approved, updated_at = now()",
        task.id.0,
        review.revision,
        review.status.as_str(),
        encode(serde_json::to_value(&review.form))?,
        encode(serde_json::to_value(&review.plan))?,
        encode(serde_json::to_value(&review.results))?,
        &review.form_digest().0[..],
        &review.values_digest().0[..],
        review.screenshot.map(|ArtifactId(id)| id),
        review.approved.map(|approved| serde_json::to_value(approved)).transpose().map_err(|_| corrupt("encoding a review"))?
    )
    .execute(db)
    .await
    .map_err(failed("writing a review"))?;
    Ok(())
}

async fn write_results(db: &mut PgConnection, task: &Task, rows: &[ResultRow]) -> Result<(), CommitError> {
    for table in ["results", "fields"] {
        let cleared = if table == "results" {
            sqlx::query!("DELETE FROM application_results WHERE task_id = $1", task.id.0).execute(&mut *db).await
        } else {
            sqlx::query!("DELETE FROM application_fields WHERE application_id = $1", task.id.0).execute(&mut *db).await
        };
        cleared.map_err(failed("replacing results"))?;
    }
    let now = Utc::now();
    let results: Vec<Json> = rows
        .iter()
        .map(|row| {
            json!({
                "id": uuid::Uuid::now_v7(), "task_id": task.id, "field_name": row.field_name, "field_type": row.field_type,
                "value": row.value, "source": row.source, "confidence": row.confidence,
                "qa_bank_entry_id": row.qa_bank_entry_id, "user_overridden": row.user_overridden,
                "metadata": row.metadata, "filled_at": now,
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO application_results SELECT * FROM jsonb_populate_recordset(NULL::application_results, $1)",
        json!(results)
    )
    .execute(&mut *db)
    .await
    .map_err(failed("writing results"))?;
    let fields: Vec<Json> = rows
        .iter()
        .map(|row| {
            json!({
                "id": uuid::Uuid::now_v7(), "application_id": task.id, "field_name": row.field_name,
                "field_value": row.value, "created_at": now,
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO application_fields SELECT * FROM jsonb_populate_recordset(NULL::application_fields, $1)",
        json!(fields)
    )
    .execute(db)
    .await
    .map_err(failed("writing fields"))?;
    Ok(())
}

/// An `UPDATE … FROM` applies only one of two rows that hit the same target, so changes are summed per sandbox first.
async fn write_slots(db: &mut PgConnection, steps: &[Step]) -> Result<(), CommitError> {
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

/// Numbers come from a counter row written in the same transaction: a sequence has gaps and late visibility.
async fn write_told(db: &mut PgConnection, steps: &[Step]) -> Result<Vec<Told>, CommitError> {
    let mut counts: BTreeMap<UserId, i64> = BTreeMap::new();
    for step in steps {
        // A claim locks its user's row too, so that two claims of one user are checked one after the other.
        if !step.told.is_empty() || matches!(step.slot, Slot::Take { .. }) {
            *counts.entry(step.task.user_id).or_default() += step.told.len() as i64;
        }
    }
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let users: Vec<uuid::Uuid> = counts.keys().map(|id| id.0).collect();
    let numbers: Vec<i64> = counts.values().copied().collect();
    let rows = sqlx::query!(
        r#"INSERT INTO user_streams (user_id, last_seq)
           SELECT u, n FROM unnest($1::uuid[], $2::bigint[]) AS c (u, n) ORDER BY u
           ON CONFLICT (user_id) DO UPDATE SET last_seq = user_streams.last_seq + EXCLUDED.last_seq
           RETURNING user_id, last_seq"#,
        &users,
        &numbers
    )
    .fetch_all(&mut *db)
    .await
    .map_err(failed("numbering events"))?;
    let mut next: HashMap<UserId, i64> = rows
        .iter()
        .map(|row| (UserId(row.user_id), row.last_seq - counts.get(&UserId(row.user_id)).copied().unwrap_or(0)))
        .collect();

    let at = Utc::now();
    let mut told = Vec::new();
    for step in steps {
        for payload in &step.told {
            let seq = next.entry(step.task.user_id).or_default();
            *seq += 1;
            told.push(Told { user: step.task.user_id, seq: *seq, at, payload: payload.clone() });
        }
    }
    let rows: Vec<Json> = told
        .iter()
        .map(|told| json!({ "user_id": told.user, "seq": told.seq, "payload": told.payload, "created_at": told.at }))
        .collect();
    sqlx::query!("INSERT INTO user_events SELECT * FROM jsonb_populate_recordset(NULL::user_events, $1)", json!(rows))
        .execute(db)
        .await
        .map_err(failed("storing events"))?;
    Ok(told)
}

async fn check_caps(db: &mut PgConnection, steps: &[Step]) -> Result<(), CommitError> {
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

/// Stores messages that belong to no task's step (a resume was parsed), numbered like the others.
///
/// # Errors
/// When the database does not answer.
pub async fn tell(db: &mut PgConnection, user: UserId, payload: Json) -> Result<Told, StoreError> {
    let seq = sqlx::query_scalar!(
        "INSERT INTO user_streams (user_id, last_seq) VALUES ($1, 1)
         ON CONFLICT (user_id) DO UPDATE SET last_seq = user_streams.last_seq + 1 RETURNING last_seq",
        user.0
    )
    .fetch_one(&mut *db)
    .await
    .map_err(StoreError::during("numbering an event"))?;
    let at = Utc::now();
    sqlx::query!(
        "INSERT INTO user_events (user_id, seq, payload, created_at) VALUES ($1, $2, $3, $4)",
        user.0,
        seq,
        payload,
        at
    )
    .execute(db)
    .await
    .map_err(StoreError::during("storing an event"))?;
    Ok(Told { user, seq, at, payload })
}

impl Told {
    /// The message as clients receive it.
    #[must_use]
    pub fn message(&self) -> crate::bus::Message {
        let mut payload = self.payload.clone();
        if let Some(members) = payload.as_object_mut() {
            members.insert("seq".to_owned(), json!(self.seq));
            members.insert("at".to_owned(), json!(self.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)));
        }
        crate::bus::Message { user: self.user, seq: Some(self.seq), json: payload.to_string().into() }
    }
}
