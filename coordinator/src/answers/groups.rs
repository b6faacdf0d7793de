//! Boxes that are one question: "Yes, I have a disability", "No …", "I do not want to answer" as three checkboxes
//! under one heading. Planned as one choice, then spread over the boxes.

use protocol::form::{Choice, Field, FieldKind, FormModel, Value};
use protocol::plan::PlannedField;

use super::options::{is_decline, polarity};

/// Boxes of one question, as the choice they stand for.
#[derive(Debug)]
pub struct Group {
    /// Positions of the boxes in the form.
    at: Vec<usize>,
    /// The question as one field with the boxes' labels as options.
    pub as_field: Field,
}

/// Finds runs of checkboxes under one heading whose labels answer it with yes, no or "no answer".
#[must_use]
pub fn find(form: &FormModel) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < form.fields.len() {
        let section = &form.fields[start].section;
        let run = form.fields[start..]
            .iter()
            .take_while(|field| field.kind == FieldKind::Checkbox && field.section == *section && field.editable)
            .count();
        let boxes = &form.fields[start..start + run];
        if run >= 2 && boxes.iter().all(|field| answers(&field.label)) {
            groups.push(group(form, start, run));
        }
        start += run.max(1);
    }
    groups
}

fn answers(label: &str) -> bool {
    polarity(label).is_some() || is_decline(label)
}

fn group(form: &FormModel, start: usize, run: usize) -> Group {
    let boxes = &form.fields[start..start + run];
    let first = &boxes[0];
    let label = if first.section.is_empty() { first.label.clone() } else { first.section.clone() };
    let options = boxes.iter().map(|field| Choice { value: String::new(), label: field.label.clone() }).collect();
    let ticked: Vec<String> =
        boxes.iter().filter(|field| field.value == Value::Checked(true)).map(|field| field.label.clone()).collect();
    let mut as_field = Field {
        kind: FieldKind::Radio,
        label,
        // What the boxes say names the question when the heading does not.
        description: first.label.clone(),
        section: String::new(),
        name: String::new(),
        required: boxes.iter().any(|field| field.required),
        options,
        options_complete: true,
        value: if ticked.is_empty() { Value::Empty } else { Value::Choices(ticked) },
        ..first.clone()
    };
    if super::classify::classify(&as_field, form).confidence < super::classify::KIND_MIN {
        as_field.label = format!("{} {}", as_field.label, boxes[0].label);
    }
    Group { at: (start..start + run).collect(), as_field }
}

impl Group {
    /// The boxes.
    pub fn fields<'a>(&'a self, form: &'a FormModel) -> impl Iterator<Item = &'a Field> {
        self.at.iter().map(|at| &form.fields[*at])
    }

    /// True when the field is one of the boxes.
    #[must_use]
    pub fn holds(&self, field: &Field, form: &FormModel) -> bool {
        self.fields(form).any(|other| other.id == field.id)
    }

    /// Puts the decision for the question on its boxes: the chosen one ticked, the others left or cleared.
    pub fn spread(&self, decision: &PlannedField, form: &FormModel, planned: &mut [PlannedField]) {
        let chosen = match &decision.value {
            Some(Value::Choices(labels)) => labels.first(),
            _ => None,
        };
        for at in &self.at {
            let field = &form.fields[*at];
            if planned[*at].source == Some(protocol::plan::Source::User) {
                continue;
            }
            let own = PlannedField { field: field.id.clone(), ..decision.clone() };
            planned[*at] = match chosen {
                Some(label) if *label == field.label => PlannedField { value: Some(Value::Checked(true)), ..own },
                // The question is answered by another box; a tick the page came with is taken away.
                Some(_) if field.value == Value::Checked(true) => {
                    PlannedField { value: Some(Value::Checked(false)), ..own }
                }
                Some(_) => PlannedField {
                    value: None,
                    source: None,
                    source_detail: String::new(),
                    confidence: 0.0,
                    note: String::new(),
                    qa_entry: None,
                    ask: false,
                    ..own
                },
                None => own,
            };
        }
    }
}
