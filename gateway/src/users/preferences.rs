//! `GET` and `PUT /users/me/preferences`: how the person wants applications to be made.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use store::db;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Input, flag, int, named, number};

const SUBMISSION_MODES: &[&str] = &["review_before_submit", "auto_submit"];
/// Kept in the same column, with routes of their own.
const OTHERS: [&str; 2] = ["jobPreferences", "notificationPreferences"];

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body; what is read is merged into the stored object at once")]
pub struct UserPreferences {
    #[schema(default = "review_before_submit")]
    submission_mode: Option<String>,
    #[schema(minimum = 0, maximum = 100, default = 90)]
    confidence_threshold: Option<f64>,
    #[schema(minimum = 1, maximum = 100, default = 20)]
    daily_limit: Option<i64>,
    #[schema(minimum = 0, maximum = 60, default = 2)]
    min_delay_minutes: Option<f64>,
    /// Plain privacy notices ("I have read how my data is used") are accepted without asking; anything that is more
    /// than a notice stays the person's.
    #[schema(default = false)]
    accept_privacy_notices: Option<bool>,
}

pub struct Change(Map<String, Value>);

impl Input for Change {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let submission_mode = fields.may("submissionMode", named::<String>(SUBMISSION_MODES));
        let confidence_threshold = fields.may("confidenceThreshold", number(0.0, 100.0));
        let daily_limit = fields.may("dailyLimit", int(1, 100));
        let min_delay_minutes = fields.may("minDelayMinutes", number(0.0, 60.0));
        let accept_privacy_notices = fields.may("acceptPrivacyNotices", flag());
        let given = [
            ("submissionMode", submission_mode?.map(Value::from)),
            ("confidenceThreshold", confidence_threshold?.map(whole)),
            ("dailyLimit", daily_limit?.map(Value::from)),
            ("minDelayMinutes", min_delay_minutes?.map(whole)),
            ("acceptPrivacyNotices", accept_privacy_notices?.map(Value::from)),
        ];
        Some(Self(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()))
    }
}

/// 90, not 90.0.
fn whole(number: f64) -> Value {
    if number.fract() == 0.0 { Value::from(number as i64) } else { Value::from(number) }
}

/// What is stored over what holds for everybody.
pub(super) fn view(stored: Value) -> Value {
    let mut preferences = json!({
        "submissionMode": "review_before_submit", "confidenceThreshold": 90, "dailyLimit": 20, "minDelayMinutes": 2,
        "acceptPrivacyNotices": true,
    });
    if let (Value::Object(defaults), Value::Object(mut stored)) = (&mut preferences, stored) {
        stored.retain(|name, _| !OTHERS.contains(&name.as_str()));
        defaults.extend(stored);
    }
    preferences
}

/// The caller's preferences.
#[utoipa::path(get, path = "/api/v1/users/me/preferences", tag = "users",
    responses((status = 200, body = UserPreferences), (status = 401, body = ErrorResponse)))]
pub async fn get(State(app): State<AppState>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = app.store.begin().await?;
    let profile = store::users::profile(&mut tx, caller.user).await?;
    let profile = profile.ok_or_else(|| ApiError::not_found("User not found"))?;
    Ok(Json(view(profile.preferences)))
}

/// Changes the given preferences; the others stay.
#[utoipa::path(put, path = "/api/v1/users/me/preferences", tag = "users", request_body = UserPreferences,
    responses((status = 200, body = UserPreferences), (status = 400, body = ErrorResponse)))]
pub async fn put(
    State(app): State<AppState>,
    caller: Caller,
    Body(Change(change)): Body<Change>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = app.store.begin().await?;
    let stored = store::users::merge_preferences(&mut tx, caller.user, &Value::Object(change)).await?;
    let stored = stored.ok_or_else(|| ApiError::not_found("User not found"))?;
    db::commit(tx, "changing preferences").await?;
    Ok(Json(view(stored)))
}
