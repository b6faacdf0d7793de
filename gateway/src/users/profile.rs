//! `GET` and `PUT /users/me/profile`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use store::db;
use store::users::{Profile, ProfileChange, User};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, AppState};
use crate::auth::caller::Caller;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Checked, Fields, Input, list, text, url};

/// Entries of one list (jobs, schools, skills).
const LIST_MAX: usize = 100;
/// Longest single text inside a list, in characters.
const TEXT_MAX: usize = 5_000;
/// Links, by their columns.
const URL_MAX: usize = 500;

/// A job held.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkHistoryEntry {
    title: String,
    company: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bullets: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    achievements: Option<Vec<String>>,
}

impl Input for WorkHistoryEntry {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let title = fields.need("title", text(0, 500));
        let company = fields.need("company", text(0, 500));
        let location = fields.may_null("location", text(0, 500));
        let start_date = fields.may_null("startDate", text(0, 50));
        let end_date = fields.may_null("endDate", text(0, 50));
        let description = fields.may_null("description", text(0, TEXT_MAX));
        let bullets = fields.may_null("bullets", list(LIST_MAX, text(0, TEXT_MAX)));
        let achievements = fields.may_null("achievements", list(LIST_MAX, text(0, TEXT_MAX)));
        Some(Self {
            title: title?,
            company: company?,
            location: location?.flatten(),
            start_date: start_date?.flatten(),
            end_date: end_date?.flatten(),
            description: description?.flatten(),
            bullets: bullets?.flatten(),
            achievements: achievements?.flatten(),
        })
    }
}

/// A school attended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EducationEntry {
    school: String,
    degree: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_of_study: Option<String>,
    gpa: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    expected_graduation: Option<String>,
    honors: Option<String>,
}

impl Input for EducationEntry {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let school = fields.need("school", text(0, 500));
        let degree = fields.need("degree", text(0, 500));
        let field_of_study = fields.may_null("fieldOfStudy", text(0, 500));
        let gpa = fields.may_null("gpa", text(0, 50));
        let start_date = fields.may_null("startDate", text(0, 50));
        let end_date = fields.may_null("endDate", text(0, 50));
        let expected_graduation = fields.may_null("expectedGraduation", text(0, 50));
        let honors = fields.may_null("honors", text(0, 500));
        Some(Self {
            school: school?,
            degree: degree?,
            field_of_study: field_of_study?.flatten(),
            gpa: gpa?.flatten(),
            start_date: start_date?.flatten(),
            end_date: end_date?.flatten(),
            expected_graduation: expected_graduation?.flatten(),
            honors: honors?.flatten(),
        })
    }
}

/// Given members overwrite, lists as a whole; null clears.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body; what is read becomes a ProfileChange at once")]
pub struct UpdateUserProfileRequest {
    #[schema(max_length = 50)]
    phone: Option<String>,
    #[schema(max_length = 255)]
    location: Option<String>,
    #[schema(format = "uri")]
    linkedin_url: Option<String>,
    #[schema(format = "uri")]
    github_url: Option<String>,
    #[schema(format = "uri")]
    portfolio_url: Option<String>,
    skills: Option<Vec<String>>,
    work_history: Option<Vec<WorkHistoryEntry>>,
    education: Option<Vec<EducationEntry>>,
}

pub struct Change(ProfileChange);

impl Input for Change {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let phone = fields.may_null("phone", text(0, 50));
        let location = fields.may_null("location", text(0, 255));
        let linkedin_url = fields.may_null("linkedinUrl", url(URL_MAX));
        let github_url = fields.may_null("githubUrl", url(URL_MAX));
        let portfolio_url = fields.may_null("portfolioUrl", url(URL_MAX));
        let skills = fields.may("skills", list(LIST_MAX * 2, text(0, 500)));
        let work_history = fields.may("workHistory", list(LIST_MAX, entry::<WorkHistoryEntry>));
        let education = fields.may("education", list(LIST_MAX, entry::<EducationEntry>));
        Some(Self(ProfileChange {
            phone: phone?,
            location: location?,
            linkedin_url: linkedin_url?,
            github_url: github_url?,
            portfolio_url: portfolio_url?,
            skills: skills?.map(|skills| json!(skills)),
            work_history: work_history?.map(|jobs| json!(jobs)),
            education: education?.map(|schools| json!(schools)),
        }))
    }
}

fn entry<T: Input>(value: &Value) -> Checked<T> {
    Fields::read(crate::input::json_object(value)?)
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserProfileResponse {
    id: Uuid,
    email: String,
    name: String,
    avatar_url: Option<String>,
    role: String,
    subscription_tier: String,
    created_at: Date,
    updated_at: Date,
    phone: Option<String>,
    location: Option<String>,
    linkedin_url: Option<String>,
    github_url: Option<String>,
    portfolio_url: Option<String>,
    #[schema(value_type = Vec<WorkHistoryEntry>)]
    work_history: Value,
    #[schema(value_type = Vec<EducationEntry>)]
    education: Value,
    #[schema(value_type = Vec<String>)]
    skills: Value,
    #[schema(value_type = Object)]
    preferences: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    job_preferences: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    notification_preferences: Option<Value>,
}

fn view(user: User, profile: Profile) -> UserProfileResponse {
    let part = |name: &str| profile.preferences.get(name).cloned();
    let (job_preferences, notification_preferences) = (part("jobPreferences"), part("notificationPreferences"));
    let preferences = super::preferences::view(profile.preferences);
    UserProfileResponse {
        id: user.id.0,
        email: user.email,
        name: user.name,
        avatar_url: user.avatar_url,
        role: user.role,
        subscription_tier: user.subscription_tier,
        created_at: user.created_at.into(),
        updated_at: user.updated_at.into(),
        phone: profile.phone,
        location: profile.location,
        linkedin_url: profile.linkedin_url,
        github_url: profile.github_url,
        portfolio_url: profile.portfolio_url,
        work_history: profile.work_history,
        education: profile.education,
        skills: profile.skills,
        preferences,
        job_preferences,
        notification_preferences,
    }
}

/// The caller's profile.
#[utoipa::path(get, path = "/api/v1/users/me/profile", tag = "users",
    responses((status = 200, body = UserProfileResponse), (status = 401, body = ErrorResponse)))]
pub async fn get(State(app): State<AppState>, caller: Caller) -> Result<Json<UserProfileResponse>, ApiError> {
    read(&app, &caller).await
}

/// Changes the caller's profile.
#[utoipa::path(put, path = "/api/v1/users/me/profile", tag = "users", request_body = UpdateUserProfileRequest,
    responses((status = 200, body = UserProfileResponse), (status = 400, body = ErrorResponse)))]
pub async fn put(
    State(app): State<AppState>,
    caller: Caller,
    Body(Change(change)): Body<Change>,
) -> Result<Json<UserProfileResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    store::users::update_profile(&mut tx, caller.user, change).await?;
    db::commit(tx, "updating a profile").await?;
    read(&app, &caller).await
}

async fn read(app: &App, caller: &Caller) -> Result<Json<UserProfileResponse>, ApiError> {
    let gone = || ApiError::not_found("User not found");
    let mut tx = app.store.begin().await?;
    let user = store::users::by_id(&mut tx, caller.user).await?.ok_or_else(gone)?;
    let profile = store::users::profile(&mut tx, caller.user).await?.ok_or_else(gone)?;
    Ok(Json(view(user, profile)))
}
