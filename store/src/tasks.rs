//! Tasks as their actors own them: the columns that only [`crate::journal`] writes once a task is taken up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use protocol::form::{Digest, FormModel};
use protocol::ids::{ArtifactId, CommandId, LeaseId, PermitId, ResumeId, SandboxId, TaskId, UserId};
use protocol::plan::{FillPlan, FillResult};
use protocol::task::{Ats, ErrorCode, Mode, Outcome, Phase, Platform, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::shards::Held;
use crate::{StoreError, Transaction};

protocol::named_enum! {
    /// What became of a permit.
    pub enum PermitState {
        /// Out: the agent may use it, or have used it.
        Granted = "granted",
        /// Certainly not used, and never will be.
        Returned = "returned",
        /// Used; the employer's page refused the form.
        Rejected = "rejected",
        Sent = "sent",
        /// Used or perhaps used, end not seen.
        Unknown = "unknown",
    }
}

protocol::named_enum! {
    /// Why a browser that was held for its person was closed before the person came.
    pub enum Parked {
        /// It was held for as long as it may be.
        Time = "time",
        /// Another task needed the place.
        PlaceNeeded = "place_needed",
        /// Its host stops, or an admin drains it.
        HostDraining = "host_draining",
        HostLost = "host_lost",
    }
}

protocol::named_enum! {
    pub enum ReviewStatus {
        Open = "open",
        Approved = "approved",
        Closed = "closed",
    }
}

/// What the coordinator asked of an agent (or of itself) and waits for. Kept in the row, so that it is asked again
/// after a crash; commands carry their id, so that asking twice does it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Pending {
    /// The job is to be opened and the page observed.
    Start,
    /// The person dealt with a blocker; the page is to be looked at again.
    Recheck {
        command: CommandId,
    },
    /// Values are to be planned for the observed form; `round` counts forms that grew while being filled.
    Plan {
        round: u8,
    },
    Fill {
        command: CommandId,
        round: u8,
    },
    /// Approved: corrections to be entered and everything read back; `tries` counts permits that ran out.
    Prepare {
        command: CommandId,
        tries: u8,
    },
    /// A permit is out.
    Submit {
        command: CommandId,
        tries: u8,
    },
    /// The page is to be closed; the slot is given back when it is.
    End {
        command: CommandId,
    },
}

/// A picture of the page, as listed in the task's `screenshots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    pub id: ArtifactId,
    pub step: String,
    pub taken_at: DateTime<Utc>,
    pub width: u32,
    pub height: u32,
}

/// The `screenshots` column. GhostHands tasks put other members there, which are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pictures {
    #[serde(default)]
    pub items: Vec<Picture>,
    #[serde(flatten)]
    pub other: serde_json::Map<String, Json>,
}

/// The columns of `tasks` that actors read and write; names are the columns'. Each step is decided on a copy, so what
/// is long and seldom changes is shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub user_id: UserId,
    pub shard: i16,
    /// Of the row this value was read from or committed as.
    pub generation: i64,
    pub job_url: Arc<str>,
    pub mode: Mode,
    pub resume_id: Option<ResumeId>,
    pub platform: Platform,
    pub ats: Ats,
    pub job_title: Option<Arc<str>>,
    pub company_name: Option<Arc<str>>,
    pub job_location: Option<Arc<str>>,
    pub status: Status,
    pub phase: Option<Phase>,
    pub progress: i32,
    pub current_step: Option<Cow<'static, str>>,
    pub confidence_score: Option<f32>,
    pub fields_filled: i32,
    pub duration_seconds: Option<i32>,
    pub error_code: Option<ErrorCode>,
    pub error_message: Option<String>,
    pub retry_count: i32,
    pub screenshots: Pictures,
    pub sandbox_id: Option<SandboxId>,
    pub interaction_type: Option<String>,
    pub interaction_data: Option<Json>,
    pub outcome: Outcome,
    pub confirmation: Option<Arc<Json>>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub lease_id: Option<LeaseId>,
    pub last_report: i64,
    pub attempt: i32,
    pub permit_id: Option<PermitId>,
    pub permit_state: Option<PermitState>,
    pub grants: i32,
    pub review_revision: i64,
    pub pending: Option<Pending>,
    pub recent_commands: Arc<Vec<CommandId>>,
    pub held_until: Option<DateTime<Utc>>,
    pub wake_at: Option<DateTime<Utc>>,
    pub queued_at: Option<DateTime<Utc>>,
    pub site: Option<String>,
    pub placed_at: Option<DateTime<Utc>>,
    /// Crashes of the task's actor; counted by [`crate::quarantine`], never written by the journal.
    pub crashes: i32,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

impl Task {
    /// A permit is out or its end is not known: nothing else may be sent, and nothing may be called off.
    #[must_use]
    pub fn permit_open(&self) -> bool {
        matches!(self.permit_state, Some(PermitState::Granted | PermitState::Unknown))
    }
}

/// What a person reviews, and what a permit refers to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    pub revision: i64,
    pub status: ReviewStatus,
    /// The page as last read back. Shared, as the rest that is large: most steps leave it as it is.
    pub form: Arc<FormModel>,
    pub plan: Arc<FillPlan>,
    pub results: Arc<Vec<FillResult>>,
    pub screenshot: Option<ArtifactId>,
    /// What the person's last word was given for; an approval that finds another form does not count.
    pub approved: Option<Approved>,
}

/// The digests of what was approved: the form with every approved value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    pub form: Digest,
    pub values: Digest,
}

impl Review {
    /// Whether this is the other one, to the last value. What is shared is the same without a look.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(one: &Arc<T>, other: &Arc<T>) -> bool {
            Arc::ptr_eq(one, other) || one == other
        }
        let small = |review: &Self| (review.revision, review.status, review.screenshot, review.approved);
        small(self) == small(other)
            && same(&self.form, &other.form)
            && same(&self.plan, &other.plan)
            && same(&self.results, &other.results)
    }

    #[must_use]
    pub fn form_digest(&self) -> Digest {
        self.form.form_digest()
    }

    #[must_use]
    pub fn values_digest(&self) -> Digest {
        self.form.values_digest()
    }
}

fn from_json<T: serde::de::DeserializeOwned>(json: Json, doing: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(json).map_err(|error| {
        // The error's text may quote a stored value: keep only where it happened.
        tracing::error!(category = ?error.classify(), "{doing}: a stored value is not understood");
        StoreError::Corrupt { doing }
    })
}

/// What taking a task over found.
#[derive(Debug)]
pub enum Adopted {
    Task(Box<Task>, Option<Box<Review>>),
    /// There is no such task.
    Missing,
    /// Its shard has another owner: nothing was touched.
    NotOurs,
}

/// Takes a task over: bumps its generation, so that whatever an earlier owner still has on the way matches no row,
/// waits for such a commit if one is under way, and reads the outcome. Only the owner of the shard may: another one's
/// bump would throw the true owner out.
///
/// # Errors
/// When the database does not answer or a stored value is not understood.
pub async fn adopt(db: &mut Transaction<'_>, held: &[Held], id: TaskId) -> Result<Adopted, StoreError> {
    let doing = "taking over a task";
    let shard = sqlx::query!(
        "SELECT s.id, s.epoch FROM shards s JOIN tasks t ON t.shard = s.id WHERE t.id = $1 FOR SHARE OF s",
        id.0
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    let Some(shard) = shard else { return Ok(Adopted::Missing) };
    if !held.contains(&Held { shard: shard.id, epoch: shard.epoch }) {
        return Ok(Adopted::NotOurs);
    }
    let row = sqlx::query_scalar!(
        r#"UPDATE tasks SET generation = generation + 1 WHERE id = $1 RETURNING to_jsonb(tasks.*) AS "task!""#,
        id.0
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    let Some(row) = row else { return Ok(Adopted::Missing) };
    let task = from_json(row, doing)?;
    let review = review(db, id).await?;
    Ok(Adopted::Task(Box::new(task), review.map(Box::new)))
}

/// # Errors
/// When the database does not answer or a stored value is not understood.
pub async fn review(db: &mut Transaction<'_>, id: TaskId) -> Result<Option<Review>, StoreError> {
    let doing = "reading a review";
    let row = sqlx::query!(
        r#"SELECT revision, status::text AS "status!", form, plan, results, screenshot_id, approved FROM task_reviews WHERE task_id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during(doing))?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Review {
        revision: row.revision,
        status: row.status.parse().map_err(|_| StoreError::Corrupt { doing })?,
        form: from_json(row.form, doing)?,
        plan: from_json(row.plan, doing)?,
        results: from_json(row.results, doing)?,
        screenshot: row.screenshot_id.map(ArtifactId),
        approved: row.approved.map(|approved| from_json(approved, doing)).transpose()?,
    }))
}

/// A task and the shard of its user, which says who owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskAt {
    pub id: TaskId,
    pub shard: i16,
}

/// Where a task is owned; `None` when there is no such task.
///
/// # Errors
/// When the database does not answer.
pub async fn place(db: &mut Transaction<'_>, id: TaskId) -> Result<Option<TaskAt>, StoreError> {
    let shard = sqlx::query_scalar!("SELECT shard FROM tasks WHERE id = $1", id.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("looking for a task"))?;
    Ok(shard.map(|shard| TaskAt { id, shard }))
}

/// A task as last committed, for those who do not own it.
///
/// # Errors
/// When the database does not answer or a stored value is not understood.
pub async fn read(db: &mut Transaction<'_>, id: TaskId) -> Result<Option<Task>, StoreError> {
    let doing = "reading a task";
    let row = sqlx::query_scalar!(r#"SELECT to_jsonb(tasks.*) AS "task!" FROM tasks WHERE id = $1"#, id.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during(doing))?;
    row.map(|row| from_json(row, doing)).transpose()
}

/// Tasks of these shards whose time has come, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn due(
    db: &mut Transaction<'_>,
    shards: &[i16],
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<TaskAt>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, shard FROM tasks WHERE wake_at <= $2 AND shard = ANY($1) ORDER BY wake_at LIMIT $3",
        shards,
        now,
        limit
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("looking for due tasks"))?;
    Ok(rows.into_iter().map(|row| TaskAt { id: TaskId(row.id), shard: row.shard }).collect())
}

/// A task that holds a place on a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    pub task: TaskAt,
    pub lease: LeaseId,
    pub last_report: i64,
    /// The permit that is out or was last out.
    pub permit: Option<PermitId>,
    /// What is waited for from the agent.
    pub asked: Option<Asked>,
}

/// See [`Pending`]; planning is asked of nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To open the job.
    Start,
    Command(CommandId),
}

/// Every lease on a sandbox, as committed.
///
/// # Errors
/// When the database does not answer.
pub async fn leased(db: &mut Transaction<'_>, sandbox: SandboxId) -> Result<Vec<Leased>, StoreError> {
    Ok(leased_on(db, &[sandbox]).await?.remove(&sandbox).unwrap_or_default())
}

/// Every lease on each of these sandboxes, as committed; those without any are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn leased_on(
    db: &mut Transaction<'_>,
    sandboxes: &[SandboxId],
) -> Result<HashMap<SandboxId, Vec<Leased>>, StoreError> {
    let ids: Vec<Uuid> = sandboxes.iter().map(|sandbox| sandbox.0).collect();
    let rows = sqlx::query!(
        r#"SELECT id, shard, sandbox_id AS "sandbox_id!", lease_id AS "lease_id!", last_report, permit_id,
                  (pending ->> 'command')::uuid AS command, coalesce(pending ->> 'kind' = 'start', false) AS "starts!"
             FROM tasks WHERE sandbox_id = ANY ($1) AND lease_id IS NOT NULL"#,
        &ids
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading leases"))?;
    let mut leased: HashMap<SandboxId, Vec<Leased>> = HashMap::new();
    for row in rows {
        leased.entry(SandboxId(row.sandbox_id)).or_default().push(Leased {
            task: TaskAt { id: TaskId(row.id), shard: row.shard },
            lease: LeaseId(row.lease_id),
            last_report: row.last_report,
            permit: row.permit_id.map(PermitId),
            asked: row.command.map(|command| Asked::Command(CommandId(command))).or(row.starts.then_some(Asked::Start)),
        });
    }
    Ok(leased)
}

/// A place on a connected sandbox that does no work: its browser is held for a person, or is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    pub task: TaskId,
    pub sandbox: SandboxId,
    /// Of the sandbox.
    pub capacity: i32,
    /// Until when it is held at most.
    pub until: Option<DateTime<Utc>>,
    pub state: IdleState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleState {
    /// Held, and may be parked.
    Held,
    /// Held, but an edit is being entered or a click waits for the person.
    Busy,
    /// The page is being closed: the place is about to be free.
    Closing,
}

/// Every idle place of the sandboxes that may be given work, the hold that ends first coming first.
///
/// # Errors
/// When the database does not answer.
pub async fn idle(db: &mut Transaction<'_>) -> Result<Vec<Idle>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT t.id, s.id AS sandbox, s.capacity, t.held_until,
                  coalesce(t.pending ->> 'kind' = 'end', false) AS "closing!",
                  t.pending IS NULL AND t.permit_state IS DISTINCT FROM 'granted' AS "parkable!"
             FROM tasks t JOIN sandboxes s ON s.id = t.sandbox_id
            WHERE t.lease_id IS NOT NULL AND s.connected AND NOT s.draining AND s.revoked_at IS NULL
              AND s.status = 'active' AND (t.status = 'waiting_human' OR t.pending ->> 'kind' = 'end')
            ORDER BY t.held_until, t.id"#
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading held browsers"))?;
    Ok(rows
        .into_iter()
        .map(|row| Idle {
            task: TaskId(row.id),
            sandbox: SandboxId(row.sandbox),
            capacity: row.capacity,
            until: row.held_until,
            state: match (row.closing, row.parkable) {
                (true, _) => IdleState::Closing,
                (false, true) => IdleState::Held,
                (false, false) => IdleState::Busy,
            },
        })
        .collect())
}

/// Sandboxes that hold leases and have no session at a coordinator that lives.
///
/// # Errors
/// When the database does not answer.
pub async fn sandboxes_left_alone(db: &mut Transaction<'_>) -> Result<Vec<SandboxId>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"SELECT DISTINCT s.id FROM tasks t JOIN sandboxes s ON s.id = t.sandbox_id
            WHERE t.lease_id IS NOT NULL
              AND NOT (s.connected AND EXISTS (SELECT 1 FROM nodes n WHERE n.id = s.node_id
                          AND n.renewed_at > clock_timestamp() - make_interval(secs => $1)))"#,
        crate::nodes::TTL_SECONDS
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading leased sandboxes"))?;
    Ok(rows.into_iter().map(SandboxId).collect())
}
