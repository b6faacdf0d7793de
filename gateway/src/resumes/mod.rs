//! The caller's resumes: upload, list, default, parse again, delete. Parsing itself is the coordinator's.

mod upload;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use protocol::cluster::Action;
use protocol::ids::ResumeId;
use serde::Serialize;
use serde_json::Value;
use store::db;
use store::resumes::{Reparse, Resume};
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::Id;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, delete))
        .routes(routes!(set_default))
        .routes(routes!(retry))
        .merge(upload::routes())
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Resume)]
pub struct ResumeView {
    id: Uuid,
    user_id: Uuid,
    filename: String,
    mime_type: String,
    file_size_bytes: i32,
    is_default: bool,
    status: String,
    #[schema(value_type = Option<Object>)]
    parsed_data: Option<Value>,
    parsing_confidence: Option<f32>,
    /// Why it could not be read; only beside `parse_failed`.
    parse_error: Option<ParseError>,
    created_at: Date,
    parsed_at: Option<Date>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ParseError {
    /// A stable code.
    code: String,
    /// For the person.
    message: String,
}

impl From<Resume> for ResumeView {
    fn from(resume: Resume) -> Self {
        Self {
            id: resume.id.0,
            user_id: resume.user_id.0,
            filename: resume.filename,
            mime_type: resume.mime_type,
            file_size_bytes: resume.file_size_bytes,
            is_default: resume.is_default,
            status: resume.status,
            parsed_data: resume.parsed_data,
            parsing_confidence: resume.parsing_confidence,
            parse_error: resume
                .parse_error_code
                .zip(resume.parse_error)
                .map(|(code, message)| ParseError { code, message }),
            created_at: resume.created_at.into(),
            parsed_at: resume.parsed_at.map(Date),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ResumeListResponse {
    data: Vec<ResumeView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ResumeUploadResponse {
    id: Uuid,
    status: &'static str,
}

fn not_found() -> ApiError {
    ApiError::not_found("Resume not found")
}

/// Newest first.
#[utoipa::path(get, path = "/api/v1/resumes", tag = "resumes", responses((status = 200, body = ResumeListResponse)))]
async fn list(State(app): State<AppState>, caller: Caller) -> Result<Json<ResumeListResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let data = store::resumes::list(&mut tx, caller.user).await?;
    Ok(Json(ResumeListResponse { data: data.into_iter().map(Into::into).collect() }))
}

/// One resume.
#[utoipa::path(get, path = "/api/v1/resumes/{id}", tag = "resumes", params(("id" = Uuid, Path)),
    responses((status = 200, body = ResumeView), (status = 404, body = ErrorResponse)))]
async fn get(State(app): State<AppState>, caller: Caller, Id(id): Id<ResumeId>) -> Result<Json<ResumeView>, ApiError> {
    let mut tx = app.store.begin().await?;
    let resume = store::resumes::get(&mut tx, caller.user, id).await?.ok_or_else(not_found)?;
    Ok(Json(resume.into()))
}

/// Makes this one the default and no other.
#[utoipa::path(put, path = "/api/v1/resumes/{id}/default", tag = "resumes", params(("id" = Uuid, Path)),
    responses((status = 200, body = ResumeView), (status = 404, body = ErrorResponse)))]
async fn set_default(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<ResumeId>,
) -> Result<Json<ResumeView>, ApiError> {
    let mut tx = app.store.begin().await?;
    if !store::resumes::set_default(&mut tx, caller.user, id).await? {
        return Err(not_found());
    }
    let resume = store::resumes::get(&mut tx, caller.user, id).await?.ok_or_else(not_found)?;
    db::commit(tx, "choosing the default resume").await?;
    Ok(Json(resume.into()))
}

/// Parses a resume again that was not parsed well before.
#[utoipa::path(post, path = "/api/v1/resumes/{id}/retry", tag = "resumes", params(("id" = Uuid, Path)),
    responses((status = 202, body = ResumeUploadResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
async fn retry(State(app): State<AppState>, caller: Caller, Id(id): Id<ResumeId>) -> Result<Response, ApiError> {
    let mut tx = app.store.begin().await?;
    match store::resumes::reparse(&mut tx, caller.user, id).await? {
        Reparse::Asked => db::commit(tx, "asking to parse a resume again").await?,
        Reparse::AlreadyParsed => return Err(ApiError::conflict("This resume has already been parsed")),
        Reparse::NotFound => return Err(not_found()),
    }
    app.tell(caller.user, Action::ParseResume { resume: id });
    Ok((StatusCode::ACCEPTED, Json(ResumeUploadResponse { id: id.0, status: "parsing" })).into_response())
}

/// Removes the resume and its file; tasks made with it stay.
#[utoipa::path(delete, path = "/api/v1/resumes/{id}", tag = "resumes", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ErrorResponse)))]
async fn delete(State(app): State<AppState>, caller: Caller, Id(id): Id<ResumeId>) -> Result<StatusCode, ApiError> {
    let mut tx = app.store.begin().await?;
    let file = store::resumes::delete(&mut tx, caller.user, id).await?.ok_or_else(not_found)?;
    db::commit(tx, "deleting a resume").await?;
    // The row is what makes it exist; a file left behind is seen in the log and belongs to nobody.
    if let Err(error) = app.files.delete(&file).await {
        warn!(resume.id = %id, %error, "the file of a deleted resume could not be removed");
    }
    Ok(StatusCode::NO_CONTENT)
}
