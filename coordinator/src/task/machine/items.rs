//! What is sent to the agent for each thing asked of it, derived from the stored review: the same again after a crash.

use protocol::form::{FormModel, Value};
use protocol::plan::FillPlan;
use protocol::wire::message::{FillItem, JobDown, Permit};
use store::tasks::{Pending, Review, Task};

use super::PERMIT_TTL_MS;

/// The message for what is pending; `None` for what is not asked of an agent on its job stream, or cannot be (the
/// review it refers to is missing).
pub(super) fn message(task: &Task, review: Option<&Review>, pending: &Pending) -> Option<JobDown> {
    Some(match pending {
        Pending::Start | Pending::Plan { .. } => return None,
        Pending::Recheck { command } => JobDown::Recheck { command: *command },
        Pending::Fill { command, .. } => {
            JobDown::Fill { command: *command, items: fill_items(&review?.form, &review?.plan) }
        }
        Pending::Prepare { command, .. } => {
            JobDown::Prepare { command: *command, items: fill_items(&review?.form, &review?.plan) }
        }
        Pending::Submit { command, .. } => JobDown::Submit {
            command: *command,
            permit: Permit {
                id: task.permit_id?,
                form: review?.form_digest(),
                values: review?.values_digest(),
                ttl_ms: PERMIT_TTL_MS,
            },
        },
        Pending::End { command } => JobDown::End { command: *command },
    })
}

/// The planned values that the form does not hold yet, in the form's order.
#[must_use]
pub fn fill_items(form: &FormModel, plan: &FillPlan) -> Vec<FillItem> {
    form.fields
        .iter()
        .filter(|field| field.editable)
        .filter_map(|field| {
            let value = plan.get(&field.id)?.value.as_ref()?;
            changed(&field.value, value).then(|| FillItem { field: field.id.clone(), value: value.clone() })
        })
        .collect()
}

/// Whether the form would have to be touched to hold `wanted`.
#[must_use]
pub fn changed(held: &Value, wanted: &Value) -> bool {
    match (held, wanted) {
        (held, wanted) if held.is_empty() && wanted.is_empty() => false,
        (Value::Text(held), Value::Text(wanted)) => held.trim() != wanted.trim(),
        (held, wanted) => held != wanted,
    }
}
