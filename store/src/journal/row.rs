//! A task as the journal hands it over: the database's type `task_step`, column by column.

use chrono::{DateTime, Utc};
use protocol::ids::CommandId;
use serde_json::Value as Json;
use sqlx::Postgres;
use sqlx::postgres::{PgHasArrayType, PgTypeInfo};
use sqlx::types::Json as Jsonb;
use uuid::Uuid;

use crate::tasks::{Pending, Pictures, Task};

/// In the order of the type's attributes, which is all that counts.
#[derive(sqlx::Encode)]
pub(super) struct TaskStep<'a> {
    id: Uuid,
    generation: i64,
    platform: &'a str,
    ats: &'a str,
    job_title: Option<&'a str>,
    company_name: Option<&'a str>,
    job_location: Option<&'a str>,
    status: &'a str,
    phase: Option<&'a str>,
    progress: i32,
    current_step: Option<&'a str>,
    confidence_score: Option<f32>,
    fields_filled: i32,
    duration_seconds: Option<i32>,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    retry_count: i32,
    screenshots: Jsonb<&'a Pictures>,
    sandbox_id: Option<Uuid>,
    interaction_type: Option<&'a str>,
    interaction_data: Option<&'a Json>,
    outcome: &'a str,
    confirmation: Option<&'a Json>,
    submitted_at: Option<DateTime<Utc>>,
    lease_id: Option<Uuid>,
    last_report: i64,
    attempt: i32,
    permit_id: Option<Uuid>,
    permit_state: Option<&'a str>,
    grants: i32,
    review_revision: i64,
    pending: Option<Jsonb<&'a Pending>>,
    recent_commands: Jsonb<&'a [CommandId]>,
    held_until: Option<DateTime<Utc>>,
    wake_at: Option<DateTime<Utc>>,
    queued_at: Option<DateTime<Utc>>,
    placed_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

impl sqlx::Type<Postgres> for TaskStep<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("task_step")
    }
}

impl PgHasArrayType for TaskStep<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("task_step")
    }
}

impl<'a> From<&'a Task> for TaskStep<'a> {
    fn from(task: &'a Task) -> Self {
        Self {
            id: task.id.0,
            generation: task.generation,
            platform: task.platform.as_str(),
            ats: task.ats.as_str(),
            job_title: task.job_title.as_deref(),
            company_name: task.company_name.as_deref(),
            job_location: task.job_location.as_deref(),
            status: task.status.as_str(),
            phase: task.phase.map(|phase| phase.as_str()),
            progress: task.progress,
            current_step: task.current_step.as_deref(),
            confidence_score: task.confidence_score,
            fields_filled: task.fields_filled,
            duration_seconds: task.duration_seconds,
            error_code: task.error_code.map(|code| code.as_str()),
            error_message: task.error_message.as_deref(),
            retry_count: task.retry_count,
            screenshots: Jsonb(&task.screenshots),
            sandbox_id: task.sandbox_id.map(|id| id.0),
            interaction_type: task.interaction_type.as_deref(),
            interaction_data: task.interaction_data.as_ref(),
            outcome: task.outcome.as_str(),
            confirmation: task.confirmation.as_deref(),
            submitted_at: task.submitted_at,
            lease_id: task.lease_id.map(|id| id.0),
            last_report: task.last_report,
            attempt: task.attempt,
            permit_id: task.permit_id.map(|id| id.0),
            permit_state: task.permit_state.map(|state| state.as_str()),
            grants: task.grants,
            review_revision: task.review_revision,
            pending: task.pending.as_ref().map(Jsonb),
            recent_commands: Jsonb(&task.recent_commands),
            held_until: task.held_until,
            wake_at: task.wake_at,
            queued_at: task.queued_at,
            placed_at: task.placed_at,
            started_at: task.started_at,
            completed_at: task.completed_at,
        }
    }
}
