//! What a person does to a task. Each is a command; the answer is the task as it stands once the command is durable.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use protocol::cluster::{Action, Done};
use protocol::form::{FIELDS_MAX, VALUE_MAX};
use protocol::ids::{FieldId, PermitId, TaskId};
use protocol::task::Mode;
use serde::Serialize;
use store::db;
use utoipa::ToSchema;
use uuid::Uuid;

use super::create::no_rival;
use super::review::FIELD_ID_MAX;
use super::shape::{self, TaskResponse};
use crate::app::{App, AppState};
use crate::auth::caller::Caller;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Id, Input, Nothing, int, list, named, text, texts, uuid};

const NOTES_MAX: usize = 1_000;
/// Longest name an override may go by: a field's label.
const NAME_MAX: usize = 2_000;
/// Minutes a held browser can be asked for at once.
const HOLD_MAX: i64 = 30;

/// # Errors
/// 404 unless the task is the caller's: routers trust the gateway with that.
pub async fn own(app: &App, caller: &Caller, id: TaskId) -> Result<(), ApiError> {
    let mut tx = app.store.begin().await?;
    let theirs = store::task_reads::is_of(&mut tx, caller.user, id).await?;
    theirs.then_some(()).ok_or_else(ApiError::task_not_found)
}

/// Has an action on the caller's own task done and answers with the task.
async fn perform(app: &App, caller: &Caller, id: TaskId, action: Action) -> Result<Json<TaskResponse>, ApiError> {
    own(app, caller, id).await?;
    app.coordinator.send(caller.user, action).await?;
    let mut tx = app.store.begin().await?;
    Ok(Json(shape::one(app, &mut tx, caller.user, id).await?))
}

/// Gives the application up. Refused once it is over, or while nobody knows whether it was sent.
#[utoipa::path(delete, path = "/api/v1/tasks/{id}", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn cancel(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<StatusCode, ApiError> {
    own(&app, &caller, id).await?;
    app.coordinator.send(caller.user, Action::Cancel { task: id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ApproveRequest {
    /// Last changes, by field id or name.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    field_overrides: Vec<(String, String)>,
    /// Fields whose values are kept in the bank of answers.
    #[schema(value_type = Option<Vec<String>>)]
    remember: Vec<FieldId>,
    /// The revision the person was looking at.
    revision: Option<i64>,
}

impl Input for ApproveRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let field_overrides = fields.may("fieldOverrides", texts(FIELDS_MAX, NAME_MAX, VALUE_MAX));
        let remember = fields.may("remember", list(FIELDS_MAX, text(1, FIELD_ID_MAX)));
        let revision = fields.may("revision", int(0, i64::MAX));
        Some(Self {
            field_overrides: field_overrides?.unwrap_or_default(),
            remember: remember?.unwrap_or_default().into_iter().map(FieldId).collect(),
            revision: revision?,
        })
    }
}

/// The person has read the review and wants it sent.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/approve", tag = "tasks", params(("id" = Uuid, Path)),
    request_body = ApproveRequest,
    responses((status = 200, body = TaskResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn approve(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(asked): Body<ApproveRequest>,
) -> Result<Json<TaskResponse>, ApiError> {
    let overrides: BTreeMap<String, String> = asked.field_overrides.into_iter().collect();
    let action = Action::Approve { task: id, revision: asked.revision, overrides, remember: asked.remember };
    perform(&app, &caller, id, action).await
}

/// Tries a failed application again. Autopilot's only while no other application to the job was or may be sent.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/retry", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 200, body = TaskResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn retry(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<TaskResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let task = store::task_reads::get(&mut tx, caller.user, id).await?.ok_or_else(ApiError::task_not_found)?;
    if let (Some(job), true) = (&task.canonical_job, task.mode == Mode::Autopilot.as_str()) {
        // Held until the task is queued: it is a rival to others from then on.
        store::task_intake::outlast_a_command(&mut tx).await?;
        store::task_intake::lock(&mut tx, caller.user).await?;
        no_rival(&mut tx, caller.user, job, Some(id)).await?;
    }
    let retried = perform(&app, &caller, id, Action::Retry { task: id }).await;
    drop(tx);
    retried
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ResolveBlockerRequest {
    #[schema(value_type = Option<String>, default = "human")]
    resolved_by: String,
    #[schema(max_length = 1000)]
    notes: Option<String>,
}

impl Input for ResolveBlockerRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let resolved_by = fields.or("resolvedBy", named(&["human", "system"]), "human".to_owned());
        let notes = fields.may("notes", text(0, NOTES_MAX));
        Some(Self { resolved_by: resolved_by?, notes: notes? })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolveBlockerResponse {
    task_id: Uuid,
    status: String,
    message: String,
}

/// The person dealt with what was in the way: the browser looks again.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/resolve-blocker", tag = "tasks", params(("id" = Uuid, Path)),
    request_body = ResolveBlockerRequest,
    responses((status = 200, body = ResolveBlockerResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn resolve_blocker(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(asked): Body<ResolveBlockerRequest>,
) -> Result<Json<ResolveBlockerResponse>, ApiError> {
    own(&app, &caller, id).await?;
    let action = Action::ResolveBlocker { task: id, by: asked.resolved_by, note: asked.notes };
    app.coordinator.send(caller.user, action).await?;
    let mut tx = app.store.begin().await?;
    let task = store::task_reads::get(&mut tx, caller.user, id).await?.ok_or_else(ApiError::task_not_found)?;
    let message = "Thank you. The application goes on.".to_owned();
    Ok(Json(ResolveBlockerResponse { task_id: id.0, status: task.status, message }))
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct UpdateExternalStatusRequest {
    #[schema(required = true)]
    external_status: Option<String>,
}

impl Input for UpdateExternalStatusRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const STATUSES: &[&str] = &["applied", "viewed", "interview", "rejected", "offer", "ghosted"];
        let given = fields.may_null("externalStatus", named(STATUSES))?;
        if given.is_none() {
            fields.need("externalStatus", named::<String>(STATUSES));
        }
        Some(Self { external_status: given? })
    }
}

/// Notes what the employer did, whatever the task's status.
#[utoipa::path(patch, path = "/api/v1/tasks/{id}/external-status", tag = "tasks", params(("id" = Uuid, Path)),
    request_body = UpdateExternalStatusRequest,
    responses((status = 200, body = TaskResponse), (status = 404, body = ErrorResponse)))]
pub async fn external_status(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(asked): Body<UpdateExternalStatusRequest>,
) -> Result<Json<TaskResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let status = asked.external_status.as_deref();
    if !store::task_intake::set_external_status(&mut tx, caller.user, id, status).await? {
        return Err(ApiError::task_not_found());
    }
    let response = shape::one(&app, &mut tx, caller.user, id).await?;
    db::commit(tx, "noting an external status").await?;
    Ok(Json(response))
}

#[derive(Debug, ToSchema)]
pub struct OutcomeRequest {
    /// `sent` or `not_sent`.
    #[schema(value_type = String)]
    answer: Sent,
    #[schema(max_length = 1000)]
    note: Option<String>,
    /// The interaction's `permit`: which click is meant. May be left out only while there has been no second one.
    #[schema(value_type = Option<Uuid>)]
    permit: Option<PermitId>,
}

#[derive(Debug, Clone, Copy)]
struct Sent(bool);

impl std::str::FromStr for Sent {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "sent" => Ok(Self(true)),
            "not_sent" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

impl Input for OutcomeRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let answer = fields.need("answer", named::<Sent>(&["sent", "not_sent"]));
        let note = fields.may("note", text(0, NOTES_MAX));
        let permit = fields.may("permit", uuid());
        Some(Self { answer: answer?, note: note?, permit: permit? })
    }
}

/// Whether a click nobody saw the end of did send the application.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/outcome", tag = "tasks", params(("id" = Uuid, Path)),
    request_body = OutcomeRequest,
    responses((status = 200, body = TaskResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn outcome(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(asked): Body<OutcomeRequest>,
) -> Result<Json<TaskResponse>, ApiError> {
    let OutcomeRequest { answer: Sent(sent), note, permit } = asked;
    let action = match permit {
        Some(permit) => Action::AnswerOutcomeOf { task: id, permit, sent, note },
        None => Action::AnswerOutcome { task: id, sent, note },
    };
    perform(&app, &caller, id, action).await
}

#[derive(Debug, ToSchema)]
pub struct HoldRequest {
    #[schema(minimum = 1, maximum = 30)]
    minutes: u32,
}

impl Input for HoldRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let minutes = fields.need("minutes", int(1, HOLD_MAX))?;
        Some(Self { minutes: u32::try_from(minutes).ok()? })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldResponse {
    held_until: Option<Date>,
}

/// Keeps the browser that waits for the person a while longer.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/hold", tag = "tasks", params(("id" = Uuid, Path)),
    request_body = HoldRequest,
    responses((status = 200, body = HoldResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn hold(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(asked): Body<HoldRequest>,
) -> Result<Json<HoldResponse>, ApiError> {
    own(&app, &caller, id).await?;
    let action = Action::ExtendHold { task: id, minutes: asked.minutes };
    let held_until = match app.coordinator.send(caller.user, action).await? {
        Done::HeldUntil { at_ms } => DateTime::<Utc>::from_timestamp_millis(at_ms).map(Date),
        Done::Ok => None,
    };
    Ok(Json(HoldResponse { held_until }))
}
