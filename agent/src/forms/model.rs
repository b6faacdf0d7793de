//! What the script reports, and its translation into the form model. Everything here comes from the page: it is cut,
//! counted and checked before it goes further.

use protocol::form::{
    Choice, FIELDS_MAX, Field, FieldKind, FileRef, FormModel, OPTIONS_MAX, Rect, TEXT_MAX, VALUE_MAX, Value,
};
use protocol::ids::FieldId;
use serde::Deserialize;

/// Bytes a model may take on the wire: below the frame's limit, with room for the results that travel with it.
const MODEL_MAX: usize = 880 * 1024;

#[derive(Debug, Deserialize)]
pub(super) struct RawObservation {
    pub fields: Vec<RawField>,
    /// Keys of uploads whose file the page still shows.
    pub shown: Vec<String>,
    pub page: RawPage,
    pub scroll: Point,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Point {
    pub x: f64,
    pub y: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawField {
    pub key: String,
    pub base: String,
    pub kind: String,
    pub label: String,
    pub section: String,
    pub description: String,
    pub name: String,
    pub autocomplete: String,
    pub placeholder: String,
    pub required: bool,
    pub multiple: bool,
    pub options: Vec<RawChoice>,
    pub options_complete: bool,
    pub value: RawValue,
    pub editable: bool,
    pub max_length: Option<u32>,
    pub accept: String,
    pub invalid: Option<String>,
    pub rect: Option<RawRect>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawChoice {
    pub value: String,
    pub label: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct RawRect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// `gone` says that the field is not in the page any more.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "t", content = "v", rename_all = "lowercase")]
pub(super) enum RawValue {
    Empty,
    Gone,
    Text(String),
    Choices(Vec<String>),
    Checked(bool),
    File(RawFile),
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawFile {
    pub name: String,
    pub size: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RawPage {
    pub title: String,
    pub ats: Option<String>,
    pub job_title: String,
    pub company: String,
    pub job_location: String,
    pub blocker: Option<RawBlocker>,
    pub closed: bool,
    pub already_applied: bool,
    pub errors: Vec<String>,
    pub confirmation: Option<RawConfirmation>,
    pub can_submit: bool,
    pub can_advance: bool,
    pub can_apply: bool,
    pub text: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawBlocker {
    pub kind: String,
    pub message: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawConfirmation {
    pub text: String,
    pub number: Option<String>,
}

/// A look at one frame after a click.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Glance {
    pub fields: usize,
    /// Fields that complain or that the browser finds invalid.
    pub invalid: usize,
    pub complaints: usize,
    pub page: RawPage,
}

pub(super) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| cut(text, TEXT_MAX))
}

impl RawValue {
    /// The value, with a file's digest left empty: the page does not tell it.
    pub fn value(self) -> Value {
        match self {
            Self::Empty | Self::Gone => Value::Empty,
            Self::Text(text) => Value::Text(cut(&text, VALUE_MAX)),
            Self::Choices(labels) => {
                Value::Choices(labels.iter().take(OPTIONS_MAX).map(|label| cut(label, TEXT_MAX)).collect())
            }
            Self::Checked(on) => Value::Checked(on),
            Self::File(file) => Value::File(FileRef {
                name: cut(&file.name, 255),
                size: file.size.unwrap_or_default(),
                sha256: String::new(),
            }),
        }
    }
}

impl RawField {
    /// `origin` is where the field's frame begins in the page as photographed.
    pub fn field(self, id: FieldId, origin: Point) -> Field {
        let options = self.options.iter().take(OPTIONS_MAX);
        Field {
            id,
            kind: self.kind.parse().unwrap_or(FieldKind::Other),
            label: cut(&self.label, TEXT_MAX),
            description: cut(&self.description, TEXT_MAX),
            section: cut(&self.section, TEXT_MAX),
            name: cut(&self.name, TEXT_MAX),
            autocomplete: cut(&self.autocomplete, TEXT_MAX),
            placeholder: cut(&self.placeholder, TEXT_MAX),
            required: self.required,
            multiple: self.multiple,
            options: options
                .map(|o| Choice { value: cut(&o.value, TEXT_MAX), label: cut(&o.label, TEXT_MAX) })
                .collect(),
            options_complete: self.options_complete,
            value: self.value.value(),
            editable: self.editable,
            max_length: self.max_length,
            accept: cut(&self.accept, TEXT_MAX),
            invalid: self.invalid.as_deref().map(|text| cut(text, TEXT_MAX)),
            rect: self.rect.map(|r| Rect {
                x: (r.x + origin.x) as f32,
                y: (r.y + origin.y) as f32,
                width: r.width as f32,
                height: r.height as f32,
            }),
            step: 0,
        }
    }
}

/// Cuts a model that would not fit into a frame: long option lists first (they become incomplete), then texts, then
/// fields from the end. Says whether anything was cut.
pub(super) fn bound(model: &mut FormModel) -> bool {
    model.fields.truncate(FIELDS_MAX);
    if weight(model) <= MODEL_MAX {
        return false;
    }
    metrics::counter!("form_models_cut").increment(1);
    for keep in [200, 50, 10] {
        for field in model.fields.iter_mut().filter(|field| field.options.len() > keep) {
            field.options.truncate(keep);
            field.options_complete = false;
        }
        if weight(model) <= MODEL_MAX {
            return true;
        }
    }
    for field in &mut model.fields {
        for text in [&mut field.label, &mut field.description, &mut field.section, &mut field.placeholder] {
            *text = cut(text, 200);
        }
        for option in &mut field.options {
            option.label = cut(&option.label, 200);
            option.value.clear();
        }
    }
    while weight(model) > MODEL_MAX && !model.fields.is_empty() {
        model.fields.truncate(model.fields.len() * 9 / 10);
    }
    true
}

/// At least what the model takes when encoded: every string with its length, every field with its marks.
fn weight(model: &FormModel) -> usize {
    let text = |text: &str| text.len() + 5;
    let value = |value: &Value| match value {
        Value::Text(t) => text(t) + 1,
        Value::Choices(labels) => labels.iter().map(|l| text(l)).sum::<usize>() + 6,
        Value::File(file) => text(&file.name) + text(&file.sha256) + 10,
        Value::Empty | Value::Checked(_) => 2,
    };
    let field = |f: &Field| {
        [&f.id.0, &f.label, &f.description, &f.section, &f.name, &f.autocomplete, &f.placeholder, &f.accept]
            .iter()
            .map(|t| text(t))
            .sum::<usize>()
            + f.options.iter().map(|o| text(&o.label) + text(&o.value)).sum::<usize>()
            + value(&f.value)
            + f.invalid.as_deref().map_or(1, text)
            + 48
    };
    let page = &model.page;
    let facts = [&page.url, &page.title].iter().map(|t| text(t)).sum::<usize>()
        + page.errors.iter().map(|t| text(t)).sum::<usize>()
        + 5 * TEXT_MAX * 4;
    model.fields.iter().map(field).sum::<usize>() + facts
}

#[cfg(test)]
mod tests {
    use protocol::form::PageState;

    use super::*;

    fn raw(options: usize, text: &str) -> RawField {
        let json = serde_json::json!({
            "key": "k", "base": "b", "kind": "select", "label": text, "section": "", "description": text, "name": "",
            "autocomplete": "", "placeholder": "", "required": true, "multiple": false,
            "options": (0..options).map(|i| serde_json::json!({"value": "v", "label": format!("{text}{i}")})).collect::<Vec<_>>(),
            "options_complete": true, "value": {"t": "choices", "v": ["a"]}, "editable": true, "max_length": null,
            "accept": "", "invalid": null, "rect": {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0},
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_hostile_page_cannot_make_a_model_that_does_not_fit() {
        let long = "ü".repeat(2_500);
        let fields = (0..600)
            .map(|i| raw(if i < 20 { 1_500 } else { 12 }, &long).field(FieldId(format!("f{i}")), Point::default()))
            .collect();
        let mut model = FormModel { page: PageState::new("https://jobs.example/1", ""), fields };
        assert!(bound(&mut model));
        let bytes = protocol::wire::codec::encode(&model).unwrap();
        assert!(bytes.len() <= 900 * 1024, "{} bytes", bytes.len());
        assert!(!model.fields.is_empty());
        assert!(model.fields.iter().all(|field| field.label.chars().count() <= TEXT_MAX));
    }

    #[test]
    fn an_honest_model_is_left_whole() {
        let fields =
            (0..60).map(|i| raw(250, "Country").field(FieldId(format!("f{i}")), Point { x: 10.0, y: 20.0 })).collect();
        let mut model = FormModel { page: PageState::new("https://jobs.example/1", ""), fields };
        let before = model.clone();
        assert!(!bound(&mut model));
        assert_eq!(model, before);
        assert_eq!(model.fields[0].rect, Some(Rect { x: 11.0, y: 22.0, width: 3.0, height: 4.0 }));
        assert_eq!(model.fields[0].value, Value::Choices(vec!["a".into()]));
    }
}
