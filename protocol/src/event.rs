//! What a person's open screens are told. A superset of the contract's WebSocket messages.
//!
//! A client refetches on a message, so a message is published only after the row it speaks of is committed.
//! Messages carry states, names and counts, never answers.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value as Json;

use crate::ids::{FieldId, PermitId, ResumeId, TaskId};
use crate::task::{ErrorCode, InteractionKind, Phase, Status};

/// One message. Serialises to the JSON a client receives, less `seq` and `at`, which the stream adds.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Event {
    TaskUpdate {
        task_id: TaskId,
        status: Status,
        progress: i32,
        current_step: Cow<'static, str>,
        phase: Option<Phase>,
    },
    /// A person is needed; the contract's blocker card.
    TaskNeedsHuman {
        task_id: TaskId,
        status: Status,
        interaction: Interaction,
    },
    TaskResumed {
        task_id: TaskId,
        status: Status,
    },
    ReviewPending {
        task_id: TaskId,
        message: String,
    },
    Completed {
        task_id: TaskId,
        success: bool,
        confirmation_id: Option<String>,
    },
    Error {
        task_id: TaskId,
        code: ErrorCode,
        message: String,
        recoverable: bool,
    },
    ResumeParsed {
        resume_id: ResumeId,
        parse_confidence: f32,
    },
    ResumeParseFailed {
        resume_id: ResumeId,
        error: String,
    },
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Interaction {
    #[serde(rename = "type")]
    pub kind: InteractionKind,
    pub screenshot_url: Option<String>,
    pub page_url: Option<String>,
    pub timeout_seconds: Option<i64>,
    pub message: Option<String>,
    /// Of [`InteractionKind::OutcomeUnknown`]: the permit of the click that is asked about. The answer names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit: Option<PermitId>,
}

/// A passing figure: not stored, not numbered, replaced by the next.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Passing {
    FieldFilled { task_id: TaskId, field_id: FieldId, label: String, done: u32, total: u32 },
    Progress { task_id: TaskId, step: Phase, pct: i32, message: String },
}

impl Event {
    /// # Panics
    /// Never: the type holds nothing that JSON cannot.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("an event is plain data")
    }
}
