//! What is to be entered where, with its source and how sure we are. Made by the coordinator, carried out by an
//! agent, shown to the person at review.

use serde::{Deserialize, Serialize};

use crate::form::Value;
use crate::ids::{FieldId, QaEntryId};

crate::named_enum! {
    /// Where a value came from.
    pub enum Source {
        Profile = "profile",
        Resume = "resume",
        QaBank = "qa_bank",
        /// Computed from the person's own facts (years of experience from the work history).
        Inferred = "inferred",
        Llm = "llm",
        /// The form's own neutral choice ("Decline to answer") or a harmless constant.
        Default = "default",
        /// Entered by the person at review.
        User = "user",
        /// Already in the page when it was opened, and left alone.
        Page = "page",
    }
}

crate::named_enum! {
    /// How sure we are, in the words the person sees.
    pub enum Band {
        Sure = "sure",
        WorthALook = "worth_a_look",
        NeedsYou = "needs_you",
    }
}

/// From here a value counts as sure; the planner is calibrated so that at least 99 % of such values are right.
pub const SURE: f32 = 0.9;
/// Below this autopilot does not send: the contract's quality gate.
pub const AUTOPILOT_GATE: f32 = 0.7;

/// The decision for one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedField {
    pub field: FieldId,
    /// `None`: nothing is entered (optional and unknown, or to be asked). [`Value::Empty`]: the person cleared it, so
    /// what the page holds is taken out.
    pub value: Option<Value>,
    pub source: Option<Source>,
    /// Which fact or bank entry, in a few words without the value ("Resume: first job"); for the person.
    pub source_detail: String,
    /// 0..=1; meaningful when `value` is set.
    pub confidence: f32,
    /// Why the person should look or must answer; empty when there is nothing to say.
    pub note: String,
    pub qa_entry: Option<QaEntryId>,
    /// Shown masked to anyone but the person, never sent to a model (pay, identity, EEO, health).
    pub sensitive: bool,
    /// The person must see this one before anything is sent, even in autopilot: an attestation, or a question
    /// that is answered anew each time.
    pub ask: bool,
}

impl PlannedField {
    /// What is to be sent for this field; `None` also for one that the person cleared.
    #[must_use]
    pub fn answer(&self) -> Option<&Value> {
        self.value.as_ref().filter(|value| **value != Value::Empty)
    }

    /// The word for this field at review. `required` is the form's mark.
    #[must_use]
    pub fn band(&self, required: bool) -> Band {
        match self.answer() {
            None if required || self.ask => Band::NeedsYou,
            None => Band::Sure,
            Some(_) if self.ask => Band::NeedsYou,
            Some(_) if self.confidence >= SURE => Band::Sure,
            Some(_) => Band::WorthALook,
        }
    }
}

/// The decisions for a whole form (or one step of it), in the form's order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FillPlan {
    pub fields: Vec<PlannedField>,
}

impl FillPlan {
    #[must_use]
    pub fn get(&self, id: &FieldId) -> Option<&PlannedField> {
        self.fields.iter().find(|planned| planned.field == *id)
    }

    /// Mean confidence of the values entered; `None` when there are none.
    #[must_use]
    pub fn confidence(&self) -> Option<f32> {
        let entered: Vec<f32> =
            self.fields.iter().filter(|planned| planned.answer().is_some()).map(|planned| planned.confidence).collect();
        if entered.is_empty() {
            return None;
        }
        Some(entered.iter().sum::<f32>() / entered.len() as f32)
    }
}

crate::named_enum! {
    /// How entering a value ended.
    pub enum FillStatus {
        /// Read back and found as planned.
        Verified = "verified",
        /// Entered, but the page holds something else (a mask, a rejected option).
        Mismatch = "mismatch",
        /// The field could not be operated.
        Failed = "failed",
        /// Gone from the page before it could be filled.
        Missing = "missing",
    }
}

/// What became of one field of a fill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FillResult {
    pub field: FieldId,
    pub status: FillStatus,
    /// What the page holds now.
    pub value: Value,
    /// Why, for the review; without the value.
    pub message: String,
}
