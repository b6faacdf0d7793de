//! Everything a request can be refused with, and how it looks to the caller.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json as JsonBody;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::cluster::{RejectCode, Rejected};
use serde_json::{Value as Json, json};
use store::StoreError;
use store::files::FilesError;
use tracing::error;
use utoipa::ToSchema;

use crate::input::Issue;

/// A part behind the gateway does not answer; the log says which.
pub const BUSY: &str = "Valet is busy or restarting, so this was not done. Try again in a moment.";

/// The body of every refusal but failed validation.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct ErrorResponse {
    /// A stable code.
    pub error: String,
    /// For people.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Json>,
}

/// The part of a request that failed validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Body,
    Headers,
}

#[derive(Debug)]
pub enum ApiError {
    /// A part of the request is not what it should be.
    Invalid { place: Place, issues: Vec<Issue> },
    /// Refused with a code of ours.
    Refused { status: StatusCode, code: &'static str, message: Cow<'static, str>, details: Option<Json> },
    /// Too much of it; try again after this long.
    RateLimited { retry_after: Duration, message: Cow<'static, str> },
    /// A part we need does not answer; trying again soon may go well.
    Unavailable { message: &'static str },
    /// A fault of ours. Logged where it is turned into an answer; the caller learns nothing of it.
    Internal { doing: &'static str },
}

impl ApiError {
    pub fn refused(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { status, code, message: message.into(), details: None }
    }

    #[must_use]
    pub fn with(self, value: Json) -> Self {
        match self {
            Self::Refused { status, code, message, .. } => {
                Self::Refused { status, code, message, details: Some(value) }
            }
            other => other,
        }
    }

    #[must_use]
    pub const fn invalid(place: Place, issues: Vec<Issue>) -> Self {
        Self::Invalid { place, issues }
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    #[must_use]
    pub fn forbidden() -> Self {
        Self::refused(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            "Only administrators may do this. Sign in with an administrator's account.",
        )
    }

    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    #[must_use]
    pub fn task_not_found() -> Self {
        Self::refused(StatusCode::NOT_FOUND, RejectCode::NotFound.as_str(), "Task not found")
    }

    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::CONFLICT, "CONFLICT", message)
    }

    #[must_use]
    pub fn too_large(max: usize) -> Self {
        Self::refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            format!("At most {} MiB are taken", max >> 20),
        )
    }

    pub fn unsupported_media(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::Refused { status, .. } => *status,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_outage() {
            return Self::Unavailable { message: BUSY };
        }
        // The driver's own words may quote values; its code cannot.
        let (doing, sqlstate) = match &error {
            StoreError::Refused { doing, source }
            | StoreError::Unavailable { doing, source }
            | StoreError::Unanswered { doing, source }
            | StoreError::Unreachable { doing, source } => {
                (*doing, source.as_database_error().and_then(|error| error.code()).map(Cow::into_owned))
            }
            StoreError::Conflict { doing, .. } | StoreError::Corrupt { doing } | StoreError::Silent { doing } => {
                (*doing, None)
            }
        };
        error!(%error, sqlstate, "the database refused a statement");
        Self::Internal { doing }
    }
}

impl From<FilesError> for ApiError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::NotFound => Self::not_found("File not found"),
            FilesError::Full(_) => {
                error!("the file storage is full");
                Self::refused(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "STORAGE_FULL",
                    "There is no room left for files. Whoever runs this Valet has to make room; then try again.",
                )
            }
            FilesError::Failed(_) => {
                error!(%error, "the file storage failed");
                Self::Unavailable { message: BUSY }
            }
        }
    }
}

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        let status = match rejected.code {
            RejectCode::NotFound => StatusCode::NOT_FOUND,
            RejectCode::InvalidEdit => StatusCode::BAD_REQUEST,
            RejectCode::Unavailable => return Self::Unavailable { message: BUSY },
            RejectCode::NotCancellable
            | RejectCode::NotRetryable
            | RejectCode::NotReviewable
            | RejectCode::NotResolvable
            | RejectCode::StaleReview
            | RejectCode::NeedsYou
            | RejectCode::StaleOutcome
            | RejectCode::OutcomeUnknown => StatusCode::CONFLICT,
        };
        let details = (!rejected.fields.is_empty()).then(|| json!({ "fields": rejected.fields }));
        // The contract answers a retry of a task that did not fail with the code of a refused cancel.
        let code = match rejected.code {
            RejectCode::NotRetryable => RejectCode::NotCancellable.as_str(),
            code => code.as_str(),
        };
        Self::Refused { status, code, message: rejected.message.into(), details }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let (body, retry_after) = match self {
            Self::Invalid { place, issues } => (invalid_body(place, &issues), None),
            Self::Refused { code, message, details, .. } => {
                (json!(ErrorResponse { error: code.to_owned(), message: message.into_owned(), details }), None)
            }
            Self::RateLimited { retry_after, message } => {
                (json!({ "error": "RATE_LIMIT_EXCEEDED", "message": message }), Some(retry_after))
            }
            Self::Unavailable { message } => {
                (json!({ "error": "SERVICE_UNAVAILABLE", "message": message }), Some(Duration::from_secs(1)))
            }
            Self::Internal { doing } => {
                error!(doing, "a request ended in an internal error");
                (
                    json!({ "error": "INTERNAL_ERROR", "message": "Something went wrong on our side. Try again; if it happens again, tell whoever runs this Valet." }),
                    None,
                )
            }
        };
        let mut response = (status, JsonBody(body)).into_response();
        if let Some(wait) = retry_after {
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
        }
        response
    }
}

fn invalid_body(place: Place, issues: &[Issue]) -> Json {
    let list = json!({ "issues": issues.iter().map(Issue::to_json).collect::<Vec<_>>(), "name": "ZodError" });
    let at = |here: Place| if here == place { list.clone() } else { Json::Null };
    json!({
        "error": "VALIDATION_ERROR",
        "message": issues.first().map_or_else(|| "The request is not valid".to_owned(), summary),
        "pathParameterErrors": at(Place::Path),
        "headerErrors": at(Place::Headers),
        "queryParameterErrors": at(Place::Query),
        "bodyErrors": at(Place::Body),
    })
}

/// The first complaint as a sentence: clients show it.
fn summary(issue: &Issue) -> String {
    let path = issue.path.iter().map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned));
    let path = path.collect::<Vec<_>>().join(".");
    if path.is_empty() { issue.message.clone() } else { format!("{path}: {}", issue.message) }
}
