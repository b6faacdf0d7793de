//! A task as it is answered: the contract's members and ours beside them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use protocol::ids::{ArtifactId, TaskId, UserId};
use protocol::plan::Band;
use protocol::task::InteractionKind;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::Tx;
use store::artifacts::Artifact;
use store::task_reads::Task;
use utoipa::ToSchema;
use uuid::Uuid;

use super::review::banded;
use crate::app::App;
use crate::artifacts::link;
use crate::dates::Date;
use crate::error::ApiError;

/// Screenshots shown with one task, and with each task of a list.
const SCREENSHOTS: i64 = 50;
const SCREENSHOTS_IN_LIST: i64 = 1;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskResponse {
    id: Uuid,
    user_id: Uuid,
    job_url: String,
    platform: String,
    status: String,
    mode: String,
    resume_id: Option<Uuid>,
    job_title: Option<String>,
    company_name: Option<String>,
    job_location: Option<String>,
    external_status: Option<String>,
    progress: i32,
    current_step: Option<String>,
    confidence_score: Option<f32>,
    match_score: Option<f32>,
    fields_filled: i32,
    duration_seconds: Option<i32>,
    error_code: Option<String>,
    error_message: Option<String>,
    retry_count: i32,
    workflow_run_id: Option<String>,
    browser_profile_id: Option<Uuid>,
    screenshots: Screenshots,
    #[schema(value_type = Object)]
    llm_usage: Value,
    notes: Option<String>,
    sandbox_id: Option<Uuid>,
    interaction_type: Option<String>,
    #[schema(value_type = Option<Object>)]
    interaction_data: Option<Value>,
    created_at: Date,
    updated_at: Date,
    started_at: Option<Date>,
    completed_at: Option<Date>,
    /// What is being done while in progress.
    phase: Option<String>,
    /// The employer's system, finer than `platform`.
    ats: String,
    /// Whether the application reached the employer: `none`, `sent` or `unknown`.
    outcome: String,
    confirmation: Option<Confirmation>,
    submitted_at: Option<Date>,
    /// While it waits for the person: until when its browser is kept open; null when it is closed.
    held_until: Option<Date>,
    /// The open question; only in answers about one task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TaskInteraction>, nullable)]
    interaction: Option<Option<TaskInteraction>>,
    /// The job of the companion service; none of ours has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable)]
    gh_job: Option<Option<Value>>,
    /// What waits to be reviewed, in short; only in answers about one task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReviewSummary>, nullable)]
    review: Option<Option<ReviewSummary>>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Screenshots {
    items: Vec<Screenshot>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Screenshot {
    id: Uuid,
    /// Usable as an image's address until it expires.
    url: String,
    step: String,
    label: String,
    taken_at: Date,
    width: i32,
    height: i32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Confirmation {
    text: String,
    number: Option<String>,
    url: Option<String>,
    at: Option<Value>,
    /// Whose word it is: `site` or `person`.
    by: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskInteraction {
    #[serde(rename = "type")]
    kind: InteractionName,
    screenshot_url: Option<String>,
    page_url: Option<String>,
    timeout_seconds: Option<i64>,
    message: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    paused_at: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Of `outcome_unknown`: the permit of the click that is asked about. The answer names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    permit: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InteractionName {
    Captcha,
    TwoFactor,
    LoginRequired,
    BotCheck,
    RateLimited,
    Verification,
    Question,
    OutcomeUnknown,
}

impl InteractionName {
    /// A review is shown as a review, not as a question.
    fn of(name: &str) -> Option<Self> {
        Some(match name.parse::<InteractionKind>().ok()? {
            InteractionKind::Review => return None,
            InteractionKind::Captcha => Self::Captcha,
            InteractionKind::TwoFactor => Self::TwoFactor,
            InteractionKind::LoginRequired => Self::LoginRequired,
            InteractionKind::BotCheck => Self::BotCheck,
            InteractionKind::RateLimited => Self::RateLimited,
            InteractionKind::Verification => Self::Verification,
            InteractionKind::Question => Self::Question,
            InteractionKind::OutcomeUnknown => Self::OutcomeUnknown,
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewSummary {
    revision: i64,
    fields: usize,
    needs_you: usize,
    worth_a_look: usize,
}

/// One task with everything about it.
///
/// # Errors
/// 404 when the caller has no such task.
pub async fn one(app: &App, tx: &mut Tx, user: UserId, id: TaskId) -> Result<TaskResponse, ApiError> {
    let task = store::task_reads::get(tx, user, id).await?.ok_or_else(ApiError::task_not_found)?;
    let pictures = store::artifacts::of_tasks(tx, &[id.0], SCREENSHOTS).await?;
    let review = store::reviews::of_task(tx, id).await?.map(|review| {
        let bands = banded(&review);
        let count = |band: Band| bands.iter().filter(|found| **found == band).count();
        ReviewSummary {
            revision: review.revision,
            fields: bands.len(),
            needs_you: count(Band::NeedsYou),
            worth_a_look: count(Band::WorthALook),
        }
    });
    let interaction = interaction(app, &task);
    let mut response = row(app, task, pictures);
    response.interaction = Some(interaction);
    response.gh_job = Some(None);
    response.review = Some(review);
    Ok(response)
}

/// Tasks of a list, each with its latest screenshot.
///
/// # Errors
/// When the database fails.
pub async fn many(app: &App, tx: &mut Tx, tasks: Vec<Task>) -> Result<Vec<TaskResponse>, ApiError> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let mut pictures: HashMap<Uuid, Vec<Artifact>> = HashMap::new();
    for picture in store::artifacts::of_tasks(tx, &ids, SCREENSHOTS_IN_LIST).await? {
        pictures.entry(picture.task_id.0).or_default().push(picture);
    }
    Ok(tasks
        .into_iter()
        .map(|task| {
            let pictures = pictures.remove(&task.id).unwrap_or_default();
            row(app, task, pictures)
        })
        .collect())
}

/// The row alone, as the contract answers a creation.
pub fn row(app: &App, task: Task, pictures: Vec<Artifact>) -> TaskResponse {
    let confirmation = confirmation(&task);
    TaskResponse {
        id: task.id,
        user_id: task.user_id,
        job_url: task.job_url,
        platform: task.platform,
        status: task.status,
        mode: task.mode,
        resume_id: task.resume_id,
        job_title: task.job_title,
        company_name: task.company_name,
        job_location: task.job_location,
        external_status: task.external_status,
        progress: task.progress,
        current_step: task.current_step,
        confidence_score: task.confidence_score,
        match_score: task.match_score,
        fields_filled: task.fields_filled,
        duration_seconds: task.duration_seconds,
        error_code: task.error_code,
        error_message: task.error_message,
        retry_count: task.retry_count,
        workflow_run_id: task.workflow_run_id,
        browser_profile_id: task.browser_profile_id,
        screenshots: Screenshots { items: pictures.into_iter().map(|picture| screenshot(app, picture)).collect() },
        llm_usage: task.llm_usage,
        notes: task.notes,
        sandbox_id: task.sandbox_id,
        interaction_type: task.interaction_type,
        interaction_data: task.interaction_data,
        created_at: task.created_at.into(),
        updated_at: task.updated_at.into(),
        started_at: task.started_at.map(Date),
        completed_at: task.completed_at.map(Date),
        phase: task.phase,
        ats: task.ats,
        outcome: task.outcome,
        confirmation,
        submitted_at: task.submitted_at.map(Date),
        held_until: task.held_until.map(Date),
        interaction: None,
        gh_job: None,
        review: None,
    }
}

fn screenshot(app: &App, picture: Artifact) -> Screenshot {
    let label = match picture.step.as_str() {
        "observed" => "The form before filling",
        "filled" => "The filled form",
        "submitted" => "After submitting",
        "blocked" => "Where a person is needed",
        "failed" => "Where it failed",
        other => other,
    };
    Screenshot {
        id: picture.id.0,
        url: link(app, picture.id, Utc::now()),
        label: label.to_owned(),
        step: picture.step,
        taken_at: picture.created_at.into(),
        width: picture.width,
        height: picture.height,
    }
}

fn confirmation(task: &Task) -> Option<Confirmation> {
    let stored = task.confirmation.as_ref()?.as_object()?;
    let text = |name: &str| stored.get(name).and_then(Value::as_str).map(str::to_owned);
    let at = stored.get("at").filter(|at| at.is_string()).cloned();
    Some(Confirmation {
        text: text("text").unwrap_or_default(),
        number: text("number"),
        url: text("url"),
        by: if text("by").as_deref() == Some("person") { "person" } else { "site" },
        at: at.or_else(|| task.submitted_at.map(|at| json!(Date(at)))),
    })
}

/// Seconds from the pause to the end of the hold, which the person may have put off: clients count down from these.
fn held_for(task: &Task, paused_at: Option<&Value>) -> Option<i64> {
    let paused: DateTime<Utc> = paused_at?.as_str()?.parse().ok()?;
    Some((task.held_until? - paused).num_seconds())
}

/// The stored question in the contract's words. Members may be stored in either case.
fn interaction(app: &App, task: &Task) -> Option<TaskInteraction> {
    let kind = InteractionName::of(task.interaction_type.as_deref()?)?;
    let empty = Map::new();
    let data = task.interaction_data.as_ref().and_then(Value::as_object).unwrap_or(&empty);
    let member =
        |snake: &str, camel: &str| data.get(snake).or_else(|| data.get(camel)).filter(|value| !value.is_null());
    let text = |snake: &str, camel: &str| member(snake, camel).and_then(Value::as_str).map(str::to_owned);
    let picture = text("screenshot_id", "screenshotId").and_then(|id| id.parse::<ArtifactId>().ok());
    Some(TaskInteraction {
        kind,
        screenshot_url: picture.map(|id| link(app, id, Utc::now())).or_else(|| text("screenshot_url", "screenshotUrl")),
        page_url: text("page_url", "pageUrl"),
        timeout_seconds: held_for(task, member("paused_at", "pausedAt"))
            .or_else(|| member("timeout_seconds", "timeoutSeconds").and_then(Value::as_i64)),
        message: text("message", "message"),
        paused_at: member("paused_at", "pausedAt").cloned().unwrap_or_else(|| json!(Date(task.updated_at))),
        description: text("description", "description"),
        metadata: data.get("metadata").filter(|metadata| metadata.is_object()).cloned(),
        permit: task.permit_id.filter(|_| matches!(kind, InteractionName::OutcomeUnknown)),
    })
}
