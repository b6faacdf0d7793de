//! `POST /tasks`: check everything, insert the row, tell the coordinator.
//!
//! The row is what is accepted: should no coordinator hear of it now, one finds it by its scan of due tasks. While there
//! is none at all, nothing is accepted: an application that nobody takes up would only look as if it were under way.

use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use protocol::cluster::Action;
use protocol::ids::{ResumeId, TaskId, UserId};
use protocol::net::AllowList;
use protocol::task::Mode;
use serde_json::json;
use store::task_intake::{Made, NewTask};
use store::{StoreError, Tx, db};
use tracing::info;
use url::Url;
use utoipa::ToSchema;

use super::job_url;
use super::shape::{self, TaskResponse};
use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::consent::AUTOPILOT;
use crate::error::{ApiError, ErrorResponse, Place};
use crate::input::{Body, Checked, Fields, Input, Issue, named, text, uuid};
use crate::url_check;

/// Longest address taken, in characters. Browsers go further; job boards do not.
const URL_MAX: usize = 2_048;
const NOTES_MAX: usize = 1_000;
/// Longest `Idempotency-Key`, by the column.
const KEY_MAX: usize = 255;
const MODES: &[&str] = &["copilot", "autopilot"];

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateTaskRequest {
    #[schema(value_type = String, format = "uri")]
    job_url: Url,
    #[schema(value_type = String, default = "copilot")]
    mode: Mode,
    #[schema(value_type = Uuid)]
    resume_id: ResumeId,
    #[schema(max_length = 1000)]
    notes: Option<String>,
}

impl Input for CreateTaskRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let job_url = fields.need("jobUrl", any_url);
        let mode = fields.or("mode", named::<Mode>(MODES), Mode::Copilot);
        let resume_id = fields.need("resumeId", uuid());
        let notes = fields.may("notes", text(0, NOTES_MAX));
        Some(Self { job_url: job_url?, mode: mode?, resume_id: resume_id?, notes: notes? })
    }
}

/// Any address at all; whether it may be visited is [`url_check`]'s to say, with its own code.
fn any_url(value: &serde_json::Value) -> Checked<Url> {
    let text = text(0, URL_MAX)(value)?;
    Url::parse(text.trim()).map_err(|_| vec![Issue::new("invalid_string", "Invalid url").with("validation", "url")])
}

/// Takes in an application. With an `Idempotency-Key` header, the same key answers with the same task.
#[utoipa::path(post, path = "/api/v1/tasks", tag = "tasks", request_body = CreateTaskRequest,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = TaskResponse), (status = 200, body = TaskResponse), (status = 400, body = ErrorResponse),
        (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn create(
    State(app): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    caller.count(&app, "task-create", app.options.limits.task_create).await?;
    let Body(new) = Body::<CreateTaskRequest>::from_request(request, &()).await?;
    let key = idempotency_key(&headers)?;

    if let Some(key) = key {
        let mut tx = app.store.begin().await?;
        if let Some(made) = store::task_intake::by_idempotency_key(&mut tx, caller.user, key).await? {
            return replay(&app, &mut tx, &caller, &new, &made).await;
        }
    }
    url_check::check(&new.job_url, &app.options.allowed_private_hosts).await?;
    // Before the transaction: it must not be open while somebody is waited for.
    app.coordinator.present().await?;

    let mut tx = app.store.begin().await?;
    let resume = store::resumes::get(&mut tx, caller.user, new.resume_id).await?;
    if resume.is_none() {
        return Err(ApiError::not_found("Resume not found"));
    }
    if new.mode == Mode::Autopilot {
        let (kind, version) = AUTOPILOT;
        if store::consent::given_at(&mut tx, caller.user, kind, version).await?.is_none() {
            let message = "Autopilot sends applications without your review: agree to that first";
            return Err(ApiError::refused(StatusCode::FORBIDDEN, "CONSENT_REQUIRED", message)
                .with(json!({ "type": kind, "version": version })));
        }
    }
    store::task_intake::lock(&mut tx, caller.user).await?;
    let canonical = job_url::canonical(&new.job_url);
    if new.mode == Mode::Autopilot {
        no_rival(&mut tx, caller.user, &canonical, None).await?;
    }
    let ats = job_url::ats_of(&new.job_url);
    // What the operator allowed although it is private is theirs, and asks for no politeness of ours.
    let own = AllowList::new(&app.options.allowed_private_hosts).is_ok_and(|own| {
        let address = new.job_url.host_str().zip(new.job_url.port_or_known_default());
        address.is_some_and(|(host, port)| own.contains(host, port))
    });
    let site = protocol::site::of(&new.job_url, ats).filter(|_| !own);
    let row = NewTask {
        user: caller.user,
        job_url: new.job_url.as_str(),
        canonical_job: &canonical,
        ats,
        site: site.as_deref(),
        mode: new.mode,
        resume: new.resume_id,
        notes: new.notes.as_deref(),
        idempotency_key: key,
    };
    let id = match store::task_intake::insert(&mut tx, row).await {
        // The same key came twice at once: the other one has it.
        Err(StoreError::Conflict { .. }) => {
            drop(tx);
            let mut tx = app.store.begin().await?;
            let made = store::task_intake::by_idempotency_key(&mut tx, caller.user, key.unwrap_or_default()).await?;
            let made = made.ok_or(ApiError::Internal { doing: "finding the task of a key" })?;
            return replay(&app, &mut tx, &caller, &new, &made).await;
        }
        inserted => inserted?,
    };
    let response = answer(&app, &mut tx, &caller, id).await?;
    db::commit(tx, "taking in a task").await?;
    info!(task.id = %id, user.id = %caller.user, mode = %new.mode, "task {id} was taken in");
    app.tell(caller.user, Action::TaskCreated { task: id });
    Ok((StatusCode::CREATED, Json(response)).into_response())
}

/// Autopilot applies to a job once. Only under [`store::task_intake::lock`] does the answer hold.
///
/// # Errors
/// 409 when another task than `except` was, is being or may have been sent for the job.
pub async fn no_rival(tx: &mut Tx, user: UserId, job: &str, except: Option<TaskId>) -> Result<(), ApiError> {
    let Some(rival) = store::task_intake::rival(tx, user, job, except).await? else { return Ok(()) };
    let message = "There is an application to this job already; use copilot to send another one";
    Err(ApiError::refused(StatusCode::CONFLICT, "ALREADY_APPLIED", message)
        .with(json!({ "taskId": rival.task, "status": rival.status })))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let bad =
        |message: &str| ApiError::invalid(Place::Headers, vec![Issue::new("custom", message).at("idempotency-key")]);
    let key = value.to_str().map_err(|_| bad("Must be plain text"))?.trim();
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(bad("Must have 1 to 255 characters"));
    }
    Ok(Some(key))
}

async fn replay(
    app: &AppState,
    tx: &mut Tx,
    caller: &Caller,
    new: &CreateTaskRequest,
    made: &Made,
) -> Result<Response, ApiError> {
    // A deleted resume leaves no id to compare.
    if made.job_url != new.job_url.as_str() || made.resume.is_some_and(|resume| resume != new.resume_id) {
        let message = "This Idempotency-Key was used for another application";
        return Err(ApiError::refused(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_REUSED", message));
    }
    Ok(Json(answer(app, tx, caller, made.task).await?).into_response())
}

async fn answer(app: &AppState, tx: &mut Tx, caller: &Caller, id: TaskId) -> Result<TaskResponse, ApiError> {
    let task = store::task_reads::get(tx, caller.user, id).await?.ok_or_else(ApiError::task_not_found)?;
    Ok(shape::row(app, task, Vec::new()))
}
