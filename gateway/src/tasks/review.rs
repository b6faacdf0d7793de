//! The review: what will be sent, field by field, with where each value comes from and how sure we are.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::Utc;
use protocol::cluster::{Action, Edit};
use protocol::form::{FIELDS_MAX, Field, FieldKind, Rect, VALUE_MAX, Value};
use protocol::ids::{FieldId, TaskId, UserId};
use protocol::plan::{Band, FillResult, FillStatus, PlannedField, Source};
use serde::Serialize;
use serde_json::{Value as Any, json};
use store::reviews::Review;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, AppState};
use crate::artifacts::link;
use crate::auth::caller::Caller;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Id, Input, flag, int, json_object, list, text};

/// Complaints of the page shown with a review.
const ERRORS_MAX: usize = 3;
/// Longest field id: ours are digests.
pub const FIELD_ID_MAX: usize = 200;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Review)]
pub struct ReviewView {
    task_id: Uuid,
    revision: i64,
    form_digest: String,
    values_digest: String,
    page_url: String,
    /// `open`, `approved` or `closed`.
    status: String,
    screenshot: Option<ReviewScreenshot>,
    counts: Counts,
    warnings: Vec<Warning>,
    fields: Vec<ReviewField>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewScreenshot {
    id: Uuid,
    url: String,
    width: i32,
    height: i32,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    total: usize,
    sure: usize,
    worth_a_look: usize,
    needs_you: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Warning {
    code: &'static str,
    message: String,
    #[schema(value_type = Object)]
    details: Any,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewField {
    id: String,
    name: String,
    label: String,
    section: Option<String>,
    /// Zero-based step of a wizard.
    step: u16,
    kind: &'static str,
    required: bool,
    options: Vec<ReviewOption>,
    multiple: bool,
    /// As a person reads it: choices by their labels, several joined with "; ".
    value: Option<String>,
    source: Option<&'static str>,
    source_detail: Option<String>,
    /// 0 to 1.
    confidence: Option<f32>,
    /// `sure`, `worth_a_look` or `needs_you`.
    band: &'static str,
    /// Why the person should look.
    note: Option<String>,
    sensitive: bool,
    editable: bool,
    qa_bank_entry_id: Option<Uuid>,
    /// The person entered this value.
    overridden: bool,
    /// Where it stands, in pixels of the screenshot.
    #[serde(rename = "box")]
    #[schema(value_type = Option<ReviewBox>)]
    place: Option<ReviewBox>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewOption {
    value: String,
    label: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewBox {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

impl From<Rect> for ReviewBox {
    fn from(rect: Rect) -> Self {
        Self { x: rect.x, y: rect.y, width: rect.width, height: rect.height }
    }
}

/// The word for each field, in the form's order.
#[must_use]
pub fn banded(review: &Review) -> Vec<Band> {
    let plan: HashMap<&FieldId, &PlannedField> =
        review.plan.fields.iter().map(|planned| (&planned.field, planned)).collect();
    let results: HashMap<&FieldId, &FillResult> = review.results.iter().map(|result| (&result.field, result)).collect();
    let band = |field: &Field| judge(field, plan.get(&field.id).copied(), results.get(&field.id).copied()).0;
    review.form.fields.iter().map(band).collect()
}

/// The word for one field and why the person should look. A value that did not get into the page is never sure,
/// whatever the plan thought of it.
fn judge(field: &Field, planned: Option<&PlannedField>, result: Option<&FillResult>) -> (Band, Option<String>) {
    let Some(planned) = planned else {
        let empty = field.required && field.value.is_empty();
        return (if empty { Band::NeedsYou } else { Band::Sure }, None);
    };
    let band = planned.band(field.required);
    let note = Some(planned.note.clone()).filter(|note| !note.is_empty());
    let entered = planned.value.as_ref().is_some_and(|value| !value.is_empty());
    let (worst, reason) = match result.map(|result| (result.status, &result.message)) {
        None | Some((FillStatus::Verified, _)) => return (band, note),
        Some(_) if !entered => return (band, note),
        Some((FillStatus::Mismatch, message)) => (Band::WorthALook, (message, "The page shows something else")),
        Some((FillStatus::Failed | FillStatus::Missing, message)) => (
            if field.required { Band::NeedsYou } else { Band::WorthALook },
            (message, "The value could not be entered"),
        ),
    };
    let reason = if reason.0.is_empty() { reason.1.to_owned() } else { reason.0.clone() };
    let rank = |band: Band| match band {
        Band::Sure => 0,
        Band::WorthALook => 1,
        Band::NeedsYou => 2,
    };
    if rank(worst) >= rank(band) { (worst, Some(reason)) } else { (band, note.or(Some(reason))) }
}

fn field_view(field: Field, planned: Option<&PlannedField>, result: Option<&FillResult>) -> ReviewField {
    let (band, note) = judge(&field, planned, result);
    let (value, source) = match planned {
        Some(planned) if planned.value.is_some() => (planned.value.as_ref().and_then(Value::display), planned.source),
        _ => (field.value.display(), (!field.value.is_empty()).then_some(Source::Page)),
    };
    let kind = match field.kind {
        FieldKind::Password => FieldKind::Other,
        FieldKind::Richtext => FieldKind::Textarea,
        kind => kind,
    };
    let operable = !matches!(field.kind, FieldKind::File | FieldKind::Password | FieldKind::Other);
    ReviewField {
        id: field.id.0,
        name: field.name,
        label: field.label,
        section: Some(field.section).filter(|section| !section.is_empty()),
        step: field.step,
        kind: kind.as_str(),
        required: field.required,
        options: field
            .options
            .into_iter()
            .map(|choice| ReviewOption { value: choice.value, label: choice.label })
            .collect(),
        multiple: field.multiple,
        value,
        source: source.map(Source::as_str),
        source_detail: planned.map(|planned| planned.source_detail.clone()).filter(|detail| !detail.is_empty()),
        confidence: planned.filter(|planned| planned.answer().is_some()).map(|planned| planned.confidence),
        band: band.as_str(),
        note,
        sensitive: planned.is_some_and(|planned| planned.sensitive),
        editable: field.editable && operable,
        qa_bank_entry_id: planned.and_then(|planned| planned.qa_entry).map(|entry| entry.0),
        overridden: planned.is_some_and(|planned| planned.source == Some(Source::User)),
        place: field.rect.map(Into::into),
    }
}

fn hex_of(digest: &[u8]) -> String {
    hex::encode(digest)
}

async fn read(app: &App, user: UserId, id: TaskId) -> Result<ReviewView, ApiError> {
    let mut tx = app.store.begin().await?;
    let task = store::task_reads::get(&mut tx, user, id).await?.ok_or_else(ApiError::task_not_found)?;
    let review = store::reviews::of_task(&mut tx, id)
        .await?
        .ok_or_else(|| ApiError::refused(StatusCode::CONFLICT, "NO_REVIEW", "There is nothing to review yet"))?;
    let picture = match review.screenshot_id {
        Some(picture) => store::artifacts::get(&mut tx, picture).await?.filter(|found| found.task_id == id),
        None => None,
    };
    let earlier = match task.canonical_job.as_deref() {
        Some(job) => store::reviews::sent_before(&mut tx, user, job, id).await?,
        None => None,
    };
    drop(tx);

    let plan = review.plan.0;
    let planned: HashMap<&FieldId, &PlannedField> =
        plan.fields.iter().map(|planned| (&planned.field, planned)).collect();
    let results: HashMap<&FieldId, &FillResult> = review.results.iter().map(|result| (&result.field, result)).collect();
    let form = review.form.0;
    let fields: Vec<ReviewField> = form
        .fields
        .into_iter()
        .map(|field| {
            let (planned, result) = (planned.get(&field.id).copied(), results.get(&field.id).copied());
            field_view(field, planned, result)
        })
        .collect();
    let count = |band: Band| fields.iter().filter(|field| field.band == band.as_str()).count();
    let why = task.interaction_data.as_ref().filter(|_| task.interaction_type.is_none());
    let why = why.and_then(|data| data.get("message")).and_then(Any::as_str).map(|message| Warning {
        code: "WHY_REVIEW",
        message: message.to_owned(),
        details: json!({}),
    });
    let said = form.page.errors.iter().take(ERRORS_MAX).map(|error| Warning {
        code: "SITE_SAYS",
        message: format!("The employer's site says: “{error}”"),
        details: json!({}),
    });
    let before = earlier.map(|earlier| Warning {
        code: "ALREADY_APPLIED",
        message: "You may have applied to this job before".to_owned(),
        details: json!({ "taskId": earlier.task, "at": Date(earlier.at) }),
    });
    let warnings = why.into_iter().chain(said).chain(before).collect();
    Ok(ReviewView {
        task_id: id.0,
        revision: review.revision,
        form_digest: hex_of(&review.form_digest),
        values_digest: hex_of(&review.values_digest),
        page_url: form.page.url,
        status: review.status,
        screenshot: picture.map(|picture| ReviewScreenshot {
            id: picture.id.0,
            url: link(app, picture.id, Utc::now()),
            width: picture.width,
            height: picture.height,
        }),
        counts: Counts {
            total: fields.len(),
            sure: count(Band::Sure),
            worth_a_look: count(Band::WorthALook),
            needs_you: count(Band::NeedsYou),
        },
        warnings,
        fields,
    })
}

/// What would be sent.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/review", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 200, body = ReviewView), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn get(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
) -> Result<Json<ReviewView>, ApiError> {
    read(&app, caller.user, id).await.map(Json)
}

#[derive(Debug, ToSchema)]
pub struct EditReviewRequest {
    /// The revision the person was looking at.
    revision: i64,
    #[schema(value_type = Vec<ReviewEdit>)]
    edits: Vec<Edit>,
}

/// One changed value; null clears the field.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body; what is read becomes an Edit at once")]
struct ReviewEdit {
    field_id: String,
    value: Option<String>,
    /// Keep the answer in the bank.
    remember: Option<bool>,
}

struct OneEdit(Edit);

impl Input for OneEdit {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let field = fields.need("fieldId", text(1, FIELD_ID_MAX));
        let value = fields.may_null("value", text(0, VALUE_MAX));
        let remember = fields.or("remember", flag(), false);
        Some(Self(Edit { field: FieldId(field?), value: value?.flatten(), remember: remember? }))
    }
}

impl Input for EditReviewRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let revision = fields.need("revision", int(0, i64::MAX));
        let one = |value: &Any| Fields::read::<OneEdit>(json_object(value)?).map(|edit| edit.0);
        let edits = fields.need("edits", list(FIELDS_MAX, one));
        Some(Self { revision: revision?, edits: edits? })
    }
}

/// Changes reviewed values. Answers with the review as it is then.
#[utoipa::path(patch, path = "/api/v1/tasks/{id}/review", tag = "tasks", params(("id" = Uuid, Path)),
    request_body = EditReviewRequest,
    responses((status = 200, body = ReviewView), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn edit(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
    Body(asked): Body<EditReviewRequest>,
) -> Result<Json<ReviewView>, ApiError> {
    super::actions::own(&app, &caller, id).await?;
    let action = Action::Edit { task: id, revision: asked.revision, edits: asked.edits };
    app.coordinator.send(caller.user, action).await?;
    read(&app, caller.user, id).await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(required: bool) -> Field {
        Field { required, ..Field::new("f", FieldKind::Text, "City") }
    }

    fn planned(value: Option<&str>, confidence: f32) -> PlannedField {
        PlannedField {
            field: "f".into(),
            value: value.map(|text| Value::Text(text.into())),
            source: Some(Source::Profile),
            source_detail: String::new(),
            confidence,
            note: String::new(),
            qa_entry: None,
            sensitive: false,
            ask: false,
        }
    }

    fn result(status: FillStatus) -> FillResult {
        FillResult { field: "f".into(), status, value: Value::Empty, message: String::new() }
    }

    #[test]
    fn a_value_that_did_not_get_into_the_page_is_never_sure() {
        let sure = planned(Some("Berlin"), 1.0);
        let (ok, bad) = (result(FillStatus::Verified), result(FillStatus::Failed));
        assert_eq!(judge(&field(true), Some(&sure), Some(&ok)).0, Band::Sure);
        assert_eq!(judge(&field(true), Some(&sure), Some(&bad)).0, Band::NeedsYou);
        assert_eq!(judge(&field(false), Some(&sure), Some(&bad)).0, Band::WorthALook);
        let (band, note) = judge(&field(true), Some(&sure), Some(&result(FillStatus::Mismatch)));
        assert_eq!(band, Band::WorthALook);
        assert!(note.is_some());
    }

    #[test]
    fn a_field_nobody_planned_needs_the_person_only_when_required_and_empty() {
        assert_eq!(judge(&field(true), None, None).0, Band::NeedsYou);
        assert_eq!(judge(&field(false), None, None).0, Band::Sure);
        let mut held = field(true);
        held.value = Value::Text("there already".into());
        assert_eq!(judge(&held, None, None).0, Band::Sure);
        assert_eq!(field_view(held, None, None).source, Some("page"));
    }
}
