//! A document as the agent asks for it: its one form, what it says, where things are drawn, and what may be sent.

mod gate;
mod reading;

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use url::Url;

pub use self::gate::Gate;
use super::html::{Tree, squash};

/// Drawn rows: one per field or per option of a group, this far apart.
const ROW: f64 = 40.0;
const TOP: f64 = 200.0;
const LEFT: f64 = 100.0;
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 30.0;
/// Suggestions are drawn beside their box.
const ASIDE: f64 = 700.0;
const LINE: f64 = 24.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Email,
    Tel,
    Url,
    Number,
    Date,
    Textarea,
    Select,
    Combobox,
    Checkbox,
    CheckboxGroup,
    Radio,
    File,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Email => "email",
            Self::Tel => "tel",
            Self::Url => "url",
            Self::Number => "number",
            Self::Date => "date",
            Self::Textarea => "textarea",
            Self::Select => "select",
            Self::Combobox => "combobox",
            Self::Checkbox => "checkbox",
            Self::CheckboxGroup => "checkbox_group",
            Self::Radio => "radio",
            Self::File => "file",
        }
    }

    pub fn is_text(self) -> bool {
        !matches!(self, Self::Select | Self::Checkbox | Self::CheckboxGroup | Self::Radio | Self::File | Self::Date)
    }
}

pub struct Choice {
    pub value: String,
    pub label: String,
    pub on: bool,
}

#[derive(Clone)]
pub struct Picked {
    pub path: PathBuf,
    pub name: String,
    pub size: u64,
}

pub struct Field {
    pub key: String,
    base: String,
    pub kind: Kind,
    pub label: String,
    section: String,
    description: String,
    /// The name it is sent under.
    pub name: String,
    id: String,
    autocomplete: String,
    required: bool,
    max_length: Option<usize>,
    accept: String,
    complaint: Option<String>,
    pub text: String,
    pub choices: Vec<Choice>,
    pub file: Option<Picked>,
    row: usize,
}

/// What a form sends, in the order of the document.
pub enum Control {
    Fixed(String, String),
    Field(usize),
}

pub struct Form {
    pub action: Url,
    pub fields: Vec<Field>,
    pub controls: Vec<Control>,
    /// The button that sends it, by its row; it is used up by sending.
    submit: Option<usize>,
    pub sent: bool,
    /// Where suggestions for text boxes come from.
    pub suggestions: Option<String>,
}

/// What a point of the page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Field(usize),
    Choice(usize, usize),
    Suggestion(usize),
    Submit,
    Nothing,
}

/// Suggestions drawn beside a box.
pub struct Popup {
    pub field: usize,
    pub labels: Vec<String>,
}

/// One loaded document.
pub struct Document {
    pub url: String,
    pub loader: String,
    pub title: String,
    heading: String,
    text: String,
    alerts: Vec<String>,
    pub form: Option<Form>,
    /// The agent's world beside the page, and whether its engine runs there.
    pub isolated: bool,
    pub engine: bool,
    pub gate: Gate,
    pub focus: Option<usize>,
    /// The focused box's text is selected: what comes next replaces it.
    pub selected: bool,
    pub popup: Option<Popup>,
    /// Counts the searches, so that a late answer is not drawn.
    pub searches: u64,
}

impl Document {
    pub fn blank(url: &str, loader: String) -> Self {
        Self {
            url: url.to_owned(),
            loader,
            title: String::new(),
            heading: String::new(),
            text: String::new(),
            alerts: Vec::new(),
            form: None,
            isolated: false,
            engine: false,
            gate: Gate::default(),
            focus: None,
            selected: false,
            popup: None,
            searches: 0,
        }
    }

    pub fn parse(url: &Url, loader: String, body: &[u8]) -> Self {
        let tree = Tree::parse(&String::from_utf8_lossy(body));
        let reads = |tag: &str| tree.first(tag).map(|id| tree.reads(id)).unwrap_or_default();
        let alerts = tree.all().filter(|id| tree.said(*id, "role") == "alert").map(|id| tree.reads(id)).collect();
        let form =
            tree.all().find(|id| tree.tag(*id) == "form" && tree.said(*id, "method").eq_ignore_ascii_case("post"));
        Self {
            title: tree.first("title").map(|id| squash(&tree.content(id))).unwrap_or_default(),
            heading: reads("h1"),
            text: reads("body"),
            alerts,
            form: form.and_then(|form| reading::read_form(&tree, form, url)),
            ..Self::blank(url.as_str(), loader)
        }
    }

    pub fn fields(&self) -> &[Field] {
        self.form.as_ref().map_or(&[], |form| &form.fields)
    }

    pub fn find(&self, key: &str) -> Option<usize> {
        self.fields().iter().position(|field| field.key == key)
    }

    pub fn field_mut(&mut self, at: usize) -> Option<&mut Field> {
        self.form.as_mut().and_then(|form| form.fields.get_mut(at))
    }

    /// Whether the control that sends is there and not used up.
    pub fn can_send(&self) -> bool {
        self.form.as_ref().is_some_and(|form| form.submit.is_some() && !form.sent)
    }

    pub fn leave(&mut self) {
        (self.focus, self.selected, self.popup) = (None, false, None);
    }

    pub fn focus_on(&mut self, at: usize, selected: bool) {
        if self.focus != Some(at) {
            self.popup = None;
        }
        (self.focus, self.selected) = (Some(at), selected);
    }

    /// The point in the middle of something drawn.
    pub fn point(&self, of: Target) -> Option<(f64, f64)> {
        let row = |row: usize| TOP + ROW * row as f64 + HEIGHT / 2.0;
        let form = self.form.as_ref()?;
        Some(match of {
            Target::Field(at) => (LEFT + WIDTH / 2.0, row(form.fields.get(at)?.row)),
            Target::Choice(at, choice) => (LEFT + WIDTH / 2.0, row(form.fields.get(at)?.row + choice)),
            Target::Suggestion(line) => {
                let popup = self.popup.as_ref()?;
                popup.labels.get(line)?;
                (ASIDE + WIDTH / 2.0, row(form.fields.get(popup.field)?.row) + LINE * line as f64)
            }
            Target::Submit => (LEFT + WIDTH / 2.0, row(form.submit?)),
            Target::Nothing => return None,
        })
    }

    /// What is drawn at a point.
    pub fn at(&self, x: f64, y: f64) -> Target {
        let near = |target: Target, height: f64| {
            let hit = |(px, py): (f64, f64)| (x - px).abs() <= WIDTH / 2.0 && (y - py).abs() <= height / 2.0;
            self.point(target).is_some_and(hit).then_some(target)
        };
        let Some(form) = &self.form else { return Target::Nothing };
        let lines = self.popup.as_ref().map_or(0, |popup| popup.labels.len());
        let suggested = (0..lines).find_map(|line| near(Target::Suggestion(line), LINE));
        let choices = |at: usize| match form.fields[at].kind {
            Kind::Checkbox | Kind::CheckboxGroup | Kind::Radio => form.fields[at].choices.len(),
            _ => 0,
        };
        let mut drawn = (0..form.fields.len()).flat_map(|at| {
            let whole = (choices(at) == 0).then_some(Target::Field(at));
            whole.into_iter().chain((0..choices(at)).map(move |choice| Target::Choice(at, choice)))
        });
        let found = suggested.or_else(|| drawn.find_map(|target| near(target, HEIGHT)));
        found.or_else(|| near(Target::Submit, HEIGHT)).unwrap_or(Target::Nothing)
    }

    /// What the page is, in the words of the engine's `pageFacts`.
    pub fn facts(&self) -> Json {
        let posting = self.title.strip_prefix("Job Application for ").and_then(|rest| rest.rsplit_once(" at "));
        let (job, company) = posting.unwrap_or(("", ""));
        let thanks = self.heading.to_lowercase().starts_with("thank you for applying") && self.fields().is_empty();
        let number = self
            .text
            .split_once("confirmation number is ")
            .map(|(_, rest)| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>());
        json!({
            "title": self.title,
            "ats": posting.map(|_| "greenhouse"),
            "job_title": job,
            "company": company,
            "job_location": "",
            "blocker": null,
            "closed": false,
            "already_applied": false,
            "errors": self.alerts,
            "confirmation": thanks.then(|| json!({"text": self.heading, "number": number})),
            "can_submit": self.can_send(),
            "can_advance": false,
            "can_apply": false,
            "text": self.text.chars().take(1500).collect::<String>(),
            "words": self.text.len(),
            "ready": "complete",
        })
    }

    /// A look at the whole document, as the engine's `observe` gives it.
    pub fn observe(&self, uploads: &Json) -> Json {
        let fields: Vec<Json> = self.fields().iter().map(Field::describe).collect();
        // A box shows the file it holds; one that was drawn anew has lost it.
        let shown = uploads.as_array().into_iter().flatten().filter(|upload| {
            let held = |field: &Field| {
                upload["key"] == field.key.as_str()
                    && field.file.as_ref().is_some_and(|file| upload["name"] == file.name.as_str())
            };
            self.fields().iter().any(held)
        });
        let shown: Vec<&Json> = shown.map(|upload| &upload["key"]).collect();
        json!({"fields": fields, "shown": shown, "page": self.facts(), "scroll": {"x": 0, "y": 0}})
    }

    pub fn glance(&self) -> Json {
        let complaints = self.fields().iter().filter(|field| field.complaint.is_some()).count();
        json!({"fields": self.fields().len(), "invalid": complaints, "complaints": complaints, "page": self.facts()})
    }
}

impl Field {
    /// The value as the engine reports it.
    pub fn value(&self) -> Json {
        let on: Vec<&str> =
            self.choices.iter().filter(|choice| choice.on).map(|choice| choice.label.as_str()).collect();
        match self.kind {
            Kind::Checkbox => json!({"t": "checked", "v": !on.is_empty()}),
            Kind::Select | Kind::Radio | Kind::CheckboxGroup if !on.is_empty() => json!({"t": "choices", "v": on}),
            Kind::Combobox if !squash(&self.text).is_empty() => json!({"t": "choices", "v": [squash(&self.text)]}),
            Kind::File if self.file.is_some() => {
                let file = self.file.as_ref();
                json!({"t": "file", "v": {"name": file.map(|f| &f.name), "size": file.map(|f| f.size)}})
            }
            kind if (kind.is_text() || kind == Kind::Date) && kind != Kind::Combobox && !self.text.is_empty() => {
                json!({"t": "text", "v": self.text})
            }
            _ => json!({"t": "empty"}),
        }
    }

    /// Puts text in, in place of what is there or after it, as far as the box takes it.
    pub fn write(&mut self, text: &str, replace: bool) {
        if replace {
            self.text.clear();
        }
        let room = self.max_length.unwrap_or(usize::MAX).saturating_sub(self.text.encode_utf16().count());
        let line = self.kind != Kind::Textarea;
        self.text.extend(text.chars().filter(|c| !line || !matches!(c, '\n' | '\r')).take(room));
    }

    fn describe(&self) -> Json {
        let lists = !matches!(self.kind, Kind::Checkbox);
        let options: Vec<Json> = self
            .choices
            .iter()
            .filter(|_| lists)
            .map(|choice| json!({"value": choice.value, "label": choice.label}))
            .collect();
        let rows = if self.kind == Kind::Select { 1 } else { self.choices.len().max(1) };
        json!({
            "key": self.key, "base": self.base, "kind": self.kind.name(), "label": self.label,
            "section": self.section, "description": self.description,
            "name": if self.name.is_empty() { &self.id } else { &self.name }, "autocomplete": self.autocomplete,
            "placeholder": "", "required": self.required, "multiple": self.kind == Kind::CheckboxGroup,
            "options": options, "options_complete": self.kind != Kind::Combobox, "value": self.value(),
            "editable": true, "max_length": self.max_length, "accept": self.accept, "invalid": self.complaint,
            "rect": {"x": LEFT, "y": TOP + ROW * self.row as f64, "width": WIDTH, "height": ROW * (rows - 1) as f64 + HEIGHT},
        })
    }
}
