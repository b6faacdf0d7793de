//! A page's form as the agent saw it, and the digests that tie a permit to what a person reviewed.
//!
//! The agent fills in [`FormModel`]; the coordinator plans on it and keeps it for the review. Nothing here says
//! where an element is in the page: the agent keeps that to itself, by [`FieldId`].

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::FieldId;
use crate::task::{Ats, Confirmation, InteractionKind};

/// Longest label, option or message kept, in characters. Longer ones are cut by the agent: a person reads them,
/// and a hostile page must not be able to fill the database.
pub const TEXT_MAX: usize = 2_000;
/// Most fields of one form. Real forms have under 150; beyond this the page is reported as not a form.
pub const FIELDS_MAX: usize = 500;
/// Most options kept per field. Country lists have about 250, universities several thousand: those are typeaheads.
pub const OPTIONS_MAX: usize = 1_000;
/// Longest value entered or read back, in characters.
pub const VALUE_MAX: usize = 20_000;

crate::named_enum! {
    /// How a field is operated, which is not always its element's type.
    pub enum FieldKind {
        Text = "text",
        Email = "email",
        Tel = "tel",
        Url = "url",
        Number = "number",
        Date = "date",
        Password = "password",
        Textarea = "textarea",
        Richtext = "richtext",
        Select = "select",
        /// A list that opens on click or typing; its options may depend on what is typed.
        Combobox = "combobox",
        Radio = "radio",
        Checkbox = "checkbox",
        CheckboxGroup = "checkbox_group",
        File = "file",
        Other = "other",
    }
}

/// One option of a list or group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The page's own value; may be empty or random, so nothing is decided by it.
    pub value: String,
    /// What the person reads.
    pub label: String,
}

/// What a field holds, as it is planned, entered, read back and digested.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Value {
    #[default]
    Empty,
    Text(String),
    /// Labels of the chosen options, in the order of the form; one for a single choice.
    Choices(Vec<String>),
    Checked(bool),
    File(FileRef),
}

impl Value {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.is_empty(),
            Self::Choices(labels) => labels.is_empty(),
            Self::Checked(on) => !on,
            Self::File(_) => false,
        }
    }

    /// The value as one line for people: choices joined by "; ", a tick as "Yes", a file by its name.
    #[must_use]
    pub fn display(&self) -> Option<String> {
        match self {
            Self::Empty | Self::Checked(false) => None,
            Self::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Self::Choices(labels) => Some(labels.join("; ")).filter(|text| !text.is_empty()),
            Self::Checked(true) => Some("Yes".to_owned()),
            Self::File(file) => Some(file.name.clone()),
        }
    }
}

/// A file given to a form, named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    pub name: String,
    pub size: u64,
    /// Lower-case hex SHA-256 of the content.
    pub sha256: String,
}

/// A rectangle in CSS pixels of the page as photographed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

/// One field of the form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub id: FieldId,
    pub kind: FieldKind,
    /// The question as a person reads it, without the required mark.
    pub label: String,
    /// Help text near the field; empty when there is none.
    pub description: String,
    /// The heading or legend the field stands under; empty when there is none.
    pub section: String,
    /// The element's `name` (or id) in words, a weak hint; often random.
    pub name: String,
    /// The `autocomplete` token, when the page declares one.
    pub autocomplete: String,
    pub placeholder: String,
    pub required: bool,
    /// More than one option may be chosen.
    pub multiple: bool,
    pub options: Vec<Choice>,
    /// False when the options depend on what is typed (a typeahead), so that an absent one may still exist.
    pub options_complete: bool,
    /// What the field holds now.
    pub value: Value,
    /// False for fields that are disabled or read-only.
    pub editable: bool,
    pub max_length: Option<u32>,
    /// The `accept` list of a file field; empty for any.
    pub accept: String,
    /// The page's complaint about the present value, when it shows one.
    pub invalid: Option<String>,
    /// Where it stands in the screenshot; none when out of it.
    pub rect: Option<Rect>,
    /// Zero-based step of a wizard.
    pub step: u16,
}

impl Field {
    /// A plain field: empty, editable, not required, all of its options known.
    #[must_use]
    pub fn new(id: impl Into<FieldId>, kind: FieldKind, label: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind,
            label: label.into(),
            description: String::new(),
            section: String::new(),
            name: String::new(),
            autocomplete: String::new(),
            placeholder: String::new(),
            required: false,
            multiple: false,
            options: Vec::new(),
            options_complete: true,
            value: Value::Empty,
            editable: true,
            max_length: None,
            accept: String::new(),
            invalid: None,
            rect: None,
            step: 0,
        }
    }
}

/// Something in the page that only a person may deal with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    pub kind: InteractionKind,
    pub message: String,
}

/// What the page is, beyond its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageState {
    /// The address after redirects, without fragments.
    pub url: String,
    pub title: String,
    pub ats: Ats,
    pub job_title: Option<String>,
    pub company: Option<String>,
    pub job_location: Option<String>,
    pub blocker: Option<Blocker>,
    /// The posting says that it no longer takes applications.
    pub closed: bool,
    /// The site says that this person has already applied.
    pub already_applied: bool,
    /// Messages that the page shows as errors, not tied to a field.
    pub errors: Vec<String>,
    pub confirmation: Option<Confirmation>,
    /// There is a control that would send the form.
    pub can_submit: bool,
    /// There is a control that leads to the next step, not proven to send anything.
    pub can_advance: bool,
}

impl PageState {
    /// A plain page with a form that can be sent: nothing is known of the job, and nothing stands in the way.
    #[must_use]
    pub fn new(url: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            title: title.into(),
            ats: Ats::Unknown,
            job_title: None,
            company: None,
            job_location: None,
            blocker: None,
            closed: false,
            already_applied: false,
            errors: Vec::new(),
            confirmation: None,
            can_submit: true,
            can_advance: false,
        }
    }
}

/// One observation of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormModel {
    pub page: PageState,
    pub fields: Vec<Field>,
}

impl FormModel {
    #[must_use]
    pub fn field(&self, id: &FieldId) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == *id)
    }

    /// What the form asks: ids, kinds, labels, required marks and complete option lists, in order.
    #[must_use]
    pub fn form_digest(&self) -> Digest {
        let mut hash = Hasher::new("valet form 1");
        for field in &self.fields {
            hash.text(&field.id.0);
            hash.text(field.kind.as_str());
            hash.text(&field.label);
            hash.text(if field.required { "required" } else { "optional" });
            if field.options_complete {
                hash.count(field.options.len());
                for option in &field.options {
                    hash.text(&option.label);
                }
            }
        }
        hash.finish()
    }

    /// Whether both digests are the same as the other's: it asks the same, and holds the same.
    #[must_use]
    pub fn digests_as(&self, other: &Self) -> bool {
        // Mostly equal to the last member, which is told without hashing.
        self.fields == other.fields
            || (self.form_digest() == other.form_digest() && self.values_digest() == other.values_digest())
    }

    /// What the form holds: the values as read, by field, in order.
    #[must_use]
    pub fn values_digest(&self) -> Digest {
        let mut hash = Hasher::new("valet values 1");
        for field in &self.fields {
            hash.text(&field.id.0);
            hash.value(&field.value);
        }
        hash.finish()
    }
}

/// A SHA-256 over a length-prefixed rendering, so that no two different forms render alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    #[must_use]
    pub fn hex(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

struct Hasher(Sha256);

impl Hasher {
    fn new(domain: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.text(domain);
        hash
    }

    fn count(&mut self, n: usize) {
        self.0.update((n as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn value(&mut self, value: &Value) {
        match value {
            // An untouched box and one that was cleared send the same thing, so they digest alike.
            Value::Empty | Value::Checked(false) => self.text("empty"),
            Value::Text(text) if text.is_empty() => self.text("empty"),
            Value::Choices(labels) if labels.is_empty() => self.text("empty"),
            Value::Text(text) => {
                self.text("text");
                self.text(text);
            }
            Value::Choices(labels) => {
                self.text("choices");
                self.count(labels.len());
                labels.iter().for_each(|label| self.text(label));
            }
            Value::Checked(true) => self.text("checked"),
            Value::File(file) => {
                self.text("file");
                self.text(&file.name);
                self.count(file.size as usize);
                self.text(&file.sha256);
            }
        }
    }

    fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests;
