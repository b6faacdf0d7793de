//! Whether an application may be sent without a person's review: the contract's quality gates.

use protocol::form::{Field, FieldKind, FormModel, Value};
use protocol::ids::FieldId;
use protocol::plan::{AUTOPILOT_GATE, FillPlan, FillResult, FillStatus};

use super::classify::classify;
use super::kind::Canonical;

/// A reason to have a person look first. The words are shown to them; they name fields, never answers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    #[error("“{label}” is required and has no answer")]
    RequiredBlank { field: FieldId, label: String },
    #[error("“{label}” is for you to see before anything is sent")]
    MustBeSeen { field: FieldId, label: String },
    #[error("Valet is not sure enough of “{label}”")]
    Unsure { field: FieldId, label: String },
    #[error("“{label}” could not be entered as planned")]
    NotVerified { field: FieldId, label: String },
    #[error("Valet is not sure enough of this form as a whole")]
    UnsureOverall,
    #[error("the form shows no resume as uploaded")]
    NoResume,
    #[error("the form asks for nothing that Valet could answer")]
    NothingEntered,
}

/// Passes a form that is complete, verified, sure, and holds nothing that its person must see.
///
/// # Errors
/// Every [`Reason`] against sending it unseen, in the form's order, those of the whole form last.
pub fn autopilot_gate(form: &FormModel, plan: &FillPlan, results: &[FillResult]) -> Result<(), Vec<Reason>> {
    let mut reasons = Vec::new();
    let mut resume_asked = false;
    let mut resume_verified = false;
    for field in &form.fields {
        let (id, label) = (field.id.clone(), field.label.clone());
        let planned = plan.get(&field.id);
        let value = planned.and_then(|planned| planned.value.as_ref());
        let result = results.iter().rev().find(|result| result.field == field.id);
        let verified = result.is_some_and(|result| result.status == FillStatus::Verified);
        if is_resume(field, form) {
            resume_asked = true;
            resume_verified |= verified && matches!(value, Some(Value::File(_)));
        }
        if planned.is_some_and(|planned| planned.ask) {
            reasons.push(Reason::MustBeSeen { field: id, label });
            continue;
        }
        let Some(planned) = planned.filter(|planned| planned.answer().is_some()) else {
            // Boxes that are one question are each "required": one ticked answers for all.
            if field.required && !answered_by_sibling(field, form, plan) {
                reasons.push(Reason::RequiredBlank { field: id, label });
            }
            continue;
        };
        if field.required
            && planned.value.as_ref().is_some_and(Value::is_empty)
            && !answered_by_sibling(field, form, plan)
        {
            reasons.push(Reason::RequiredBlank { field: id, label });
        } else if !verified {
            reasons.push(Reason::NotVerified { field: id, label });
        } else if planned.confidence < AUTOPILOT_GATE {
            // What is entered is sent, required or not.
            reasons.push(Reason::Unsure { field: id, label });
        }
    }
    match plan.confidence() {
        None => reasons.push(Reason::NothingEntered),
        Some(mean) if mean < AUTOPILOT_GATE => reasons.push(Reason::UnsureOverall),
        Some(_) => {}
    }
    if resume_asked && !resume_verified {
        reasons.push(Reason::NoResume);
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

fn is_resume(field: &Field, form: &FormModel) -> bool {
    field.kind == FieldKind::File && classify(field, form).kind == Canonical::Resume
}

fn answered_by_sibling(field: &Field, form: &FormModel, plan: &FillPlan) -> bool {
    field.kind == FieldKind::Checkbox
        && !field.section.is_empty()
        && super::groups::find(form).iter().any(|group| {
            group.holds(field, form)
                && group
                    .fields(form)
                    .any(|other| plan.get(&other.id).is_some_and(|planned| planned.value == Some(Value::Checked(true))))
        })
}
