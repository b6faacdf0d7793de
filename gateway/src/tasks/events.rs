//! A task's history.

use axum::Json;
use axum::extract::State;
use protocol::ids::TaskId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Fields, Id, Input, Query, named};
use crate::page::{Page, Pagination};

const EVENT_TYPES: &[&str] = &[
    "state_change",
    "field_filled",
    "screenshot_taken",
    "llm_decision",
    "error",
    "captcha_detected",
    "human_takeover",
    "checkpoint",
];

pub struct Asked {
    page: Page,
    event_type: Option<String>,
}

impl Input for Asked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let page = Page::read(fields, 50, 100);
        let event_type = fields.may("eventType", named(EVENT_TYPES));
        Some(Self { page: page?, event_type: event_type? })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskEvent {
    id: Uuid,
    task_id: Uuid,
    event_type: String,
    from_status: Option<String>,
    to_status: Option<String>,
    #[schema(value_type = Object)]
    event_data: Value,
    created_at: Date,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaskEventListResponse {
    data: Vec<TaskEvent>,
    pagination: Pagination,
}

/// Newest first.
#[utoipa::path(get, path = "/api/v1/tasks/{taskId}/events", tag = "tasks",
    params(("taskId" = Uuid, Path), ("page" = Option<i64>, Query), ("pageSize" = Option<i64>, Query),
        ("eventType" = Option<String>, Query)),
    responses((status = 200, body = TaskEventListResponse), (status = 404, body = ErrorResponse)))]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Id(task): Id<TaskId>,
    Query(asked): Query<Asked>,
) -> Result<Json<TaskEventListResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    store::task_reads::get(&mut tx, caller.user, task).await?.ok_or_else(ApiError::task_not_found)?;
    let event_type = asked.event_type.as_deref();
    let total = store::task_reads::count_events(&mut tx, task, event_type).await?;
    let (limit, offset) = (asked.page.page_size, asked.page.offset());
    let events = store::task_reads::events(&mut tx, task, event_type, limit, offset).await?;
    let data = events
        .into_iter()
        .map(|event| TaskEvent {
            id: event.id,
            task_id: event.task_id,
            event_type: event.event_type,
            from_status: event.from_status,
            to_status: event.to_status,
            event_data: event.event_data,
            created_at: event.created_at.into(),
        })
        .collect();
    Ok(Json(TaskEventListResponse { data, pagination: asked.page.of(total) }))
}
