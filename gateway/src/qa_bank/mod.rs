//! The caller's bank of answers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use protocol::ids::QaEntryId;
use serde::Serialize;
use serde_json::Value;
use store::qa_bank::{ENTRIES_MAX, Entry, NewEntry};
use store::{Tx, db};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Id, Input, Query, json_object, named, text};

const QUESTION_MAX: usize = 1_000;
const ANSWER_MAX: usize = 5_000;
/// Questions of one discovery: more than any form asks.
const DISCOVER_MAX: usize = 200;
const CATEGORIES: &[&str] = &["work_authorization", "experience", "compensation", "availability", "identity", "custom"];
const USAGE_MODES: &[&str] = &["always_use", "ask_each_time", "decline_to_answer"];
const SOURCES: &[&str] = &["user_input", "resume_inferred", "application_learned"];

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(discover)).routes(routes!(update, delete))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QaEntry {
    id: Uuid,
    user_id: Uuid,
    category: String,
    question: String,
    answer: String,
    usage_mode: String,
    source: String,
    times_used: i32,
    created_at: Date,
    updated_at: Date,
}

impl From<Entry> for QaEntry {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.0,
            user_id: entry.user_id.0,
            category: entry.category,
            question: entry.question,
            answer: entry.answer,
            usage_mode: entry.usage_mode,
            source: entry.source,
            times_used: entry.times_used,
            created_at: entry.created_at.into(),
            updated_at: entry.updated_at.into(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QaListResponse {
    data: Vec<QaEntry>,
}

struct Category(Option<String>);

impl Input for Category {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.may("category", text(0, 50)).map(Self)
    }
}

/// Last updated first.
#[utoipa::path(get, path = "/api/v1/qa-bank", tag = "qa-bank", params(("category" = Option<String>, Query)),
    responses((status = 200, body = QaListResponse)))]
async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(Category(category)): Query<Category>,
) -> Result<Json<QaListResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let data = store::qa_bank::list(&mut tx, caller.user, category.as_deref()).await?;
    Ok(Json(QaListResponse { data: data.into_iter().map(Into::into).collect() }))
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateQaEntryRequest {
    category: String,
    #[schema(min_length = 1, max_length = 1000)]
    question: String,
    #[schema(min_length = 1, max_length = 5000)]
    answer: String,
    #[schema(default = "always_use")]
    usage_mode: String,
    #[schema(default = "user_input")]
    source: String,
}

impl Input for CreateQaEntryRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let category = fields.need("category", named(CATEGORIES));
        let question = fields.need("question", text(1, QUESTION_MAX));
        let answer = fields.need("answer", text(1, ANSWER_MAX));
        let usage_mode = fields.or("usageMode", named(USAGE_MODES), "always_use".to_owned());
        let source = fields.or("source", named(SOURCES), "user_input".to_owned());
        Some(Self {
            category: category?,
            question: question?,
            answer: answer?,
            usage_mode: usage_mode?,
            source: source?,
        })
    }
}

async fn need_room(tx: &mut Tx, caller: &Caller, wanted: usize) -> Result<(), ApiError> {
    let room = store::qa_bank::room(tx, caller.user).await?;
    if (wanted as i64) > room {
        return Err(ApiError::conflict(format!("The bank holds at most {ENTRIES_MAX} answers")));
    }
    Ok(())
}

/// Adds an answer.
#[utoipa::path(post, path = "/api/v1/qa-bank", tag = "qa-bank", request_body = CreateQaEntryRequest,
    responses((status = 201, body = QaEntry), (status = 400, body = ErrorResponse)))]
async fn create(
    State(app): State<AppState>,
    caller: Caller,
    Body(new): Body<CreateQaEntryRequest>,
) -> Result<Response, ApiError> {
    let mut tx = app.store.begin().await?;
    need_room(&mut tx, &caller, 1).await?;
    let entry = NewEntry {
        category: &new.category,
        question: &new.question,
        answer: &new.answer,
        usage_mode: &new.usage_mode,
        source: &new.source,
    };
    let entry = store::qa_bank::insert(&mut tx, caller.user, entry).await?;
    db::commit(tx, "adding an answer").await?;
    Ok((StatusCode::CREATED, Json(QaEntry::from(entry))).into_response())
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct UpdateQaEntryRequest {
    #[schema(min_length = 1, max_length = 5000)]
    answer: Option<String>,
    usage_mode: Option<String>,
}

impl Input for UpdateQaEntryRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let answer = fields.may("answer", text(1, ANSWER_MAX));
        let usage_mode = fields.may("usageMode", named(USAGE_MODES));
        Some(Self { answer: answer?, usage_mode: usage_mode? })
    }
}

fn not_found() -> ApiError {
    ApiError::not_found("Q&A entry not found")
}

/// Changes an answer or how it is used.
#[utoipa::path(put, path = "/api/v1/qa-bank/{id}", tag = "qa-bank", params(("id" = Uuid, Path)),
    request_body = UpdateQaEntryRequest,
    responses((status = 200, body = QaEntry), (status = 404, body = ErrorResponse)))]
async fn update(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<QaEntryId>,
    Body(change): Body<UpdateQaEntryRequest>,
) -> Result<Json<QaEntry>, ApiError> {
    let mut tx = app.store.begin().await?;
    let (answer, usage_mode) = (change.answer.as_deref(), change.usage_mode.as_deref());
    let entry = store::qa_bank::update(&mut tx, caller.user, id, answer, usage_mode).await?;
    let entry = entry.ok_or_else(not_found)?;
    db::commit(tx, "changing an answer").await?;
    Ok(Json(entry.into()))
}

/// Removes an answer.
#[utoipa::path(delete, path = "/api/v1/qa-bank/{id}", tag = "qa-bank", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ErrorResponse)))]
async fn delete(State(app): State<AppState>, caller: Caller, Id(id): Id<QaEntryId>) -> Result<StatusCode, ApiError> {
    let mut tx = app.store.begin().await?;
    if !store::qa_bank::delete(&mut tx, caller.user, id).await? {
        return Err(not_found());
    }
    db::commit(tx, "deleting an answer").await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, ToSchema)]
pub struct DiscoverRequest {
    questions: Vec<DiscoveredQuestion>,
}

#[derive(Debug, ToSchema)]
pub struct DiscoveredQuestion {
    question: String,
    category: String,
}

impl Input for DiscoveredQuestion {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let question = fields.need("question", text(1, QUESTION_MAX));
        let category = fields.need("category", named(CATEGORIES));
        Some(Self { question: question?, category: category? })
    }
}

impl Input for DiscoverRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let one = |value: &Value| Fields::read::<DiscoveredQuestion>(json_object(value)?);
        let questions = fields.need("questions", crate::input::list(DISCOVER_MAX, one));
        Some(Self { questions: questions? })
    }
}

/// Notes questions a form asked: known ones are returned, new ones kept without an answer, to be asked each time.
#[utoipa::path(post, path = "/api/v1/qa-bank/discover", tag = "qa-bank", request_body = DiscoverRequest,
    responses((status = 200, body = QaListResponse), (status = 400, body = ErrorResponse)))]
async fn discover(
    State(app): State<AppState>,
    caller: Caller,
    request: axum::extract::Request,
) -> Result<Json<QaListResponse>, ApiError> {
    // Counted before the body is looked at, so that refused ones count too.
    caller.count(&app, "qa-discover", app.options.limits.qa_discover).await?;
    let Body(asked) = <Body<DiscoverRequest> as axum::extract::FromRequest<()>>::from_request(request, &()).await?;
    let mut tx = app.store.begin().await?;
    need_room(&mut tx, &caller, asked.questions.len()).await?;
    let mut data = Vec::with_capacity(asked.questions.len());
    for asked in &asked.questions {
        let known = store::qa_bank::by_question(&mut tx, caller.user, &asked.question).await?;
        let entry = match known {
            Some(known) => known,
            None => {
                let new = NewEntry {
                    category: &asked.category,
                    question: &asked.question,
                    answer: "",
                    usage_mode: "ask_each_time",
                    source: "application_learned",
                };
                store::qa_bank::insert(&mut tx, caller.user, new).await?
            }
        };
        data.push(entry.into());
    }
    db::commit(tx, "noting discovered questions").await?;
    Ok(Json(QaListResponse { data }))
}
