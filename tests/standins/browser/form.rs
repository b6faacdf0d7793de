//! A document as the agent asks for it: its one form, what it says, where things are drawn, and what may be sent.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value as Json, json};
use url::Url;

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

/// The guard of the form engine, as its script keeps it.
#[derive(Default)]
pub struct Gate {
    pub until: Option<Instant>,
    pub watch: Option<Instant>,
    pub clicked: bool,
    pub gone: bool,
    pub seen: u32,
    pub blocked: u32,
    pub allowed: u32,
    pub late: u32,
    pub clicks: u32,
}

impl Gate {
    /// A click on the control that sends. Whether it may go on.
    pub fn click(&mut self) -> bool {
        let open = self.until.is_some_and(|until| Instant::now() <= until);
        if !open || self.clicked {
            self.late += u32::from(self.until.is_some() && !self.clicked);
            self.blocked += 1;
            return false;
        }
        self.clicked = true;
        self.clicks += 1;
        true
    }

    /// The form's own submit event. Whether it may go on.
    pub fn submit(&mut self) -> bool {
        self.seen += 1;
        let until = if self.clicked { self.watch } else { self.until };
        let open = !self.gone && until.is_some_and(|until| Instant::now() <= until);
        if !open {
            self.late += u32::from(self.until.is_some() && !self.clicked);
            self.blocked += 1;
            return false;
        }
        (self.clicked, self.gone) = (true, true);
        self.allowed += 1;
        true
    }

    pub fn report(&self) -> Json {
        let Self { seen, blocked, allowed, clicks, late, .. } = self;
        json!({"seen": seen, "blocked": blocked, "allowed": allowed, "clicks": clicks, "late": late})
    }
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
            form: form.and_then(|form| read_form(&tree, form, url)),
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

/// The question without the mark that it must be answered.
fn bare(label: &str) -> String {
    label.trim_end_matches(['*', ' ']).trim_end_matches(':').to_owned()
}

/// Words with which a form warns people off a box that only robots fill in.
fn is_trap(label: &str) -> bool {
    let label = label.to_lowercase();
    label.contains("field blank") || label.contains("field empty")
}

fn kind_of(tree: &Tree, id: usize) -> Option<Kind> {
    Some(match (tree.tag(id), tree.said(id, "type")) {
        ("textarea", _) => Kind::Textarea,
        ("select", _) => Kind::Select,
        ("input", _) if tree.said(id, "role") == "combobox" => Kind::Combobox,
        ("input", "" | "text") => Kind::Text,
        ("input", "email") => Kind::Email,
        ("input", "tel") => Kind::Tel,
        ("input", "url") => Kind::Url,
        ("input", "number") => Kind::Number,
        ("input", "date") => Kind::Date,
        ("input", "checkbox") => Kind::CheckboxGroup,
        ("input", "radio") => Kind::Radio,
        ("input", "file") => Kind::File,
        _ => return None,
    })
}

fn read_form(tree: &Tree, form: usize, url: &Url) -> Option<Form> {
    let action = url.join(tree.said(form, "action")).ok()?;
    let script = tree.all().filter(|id| tree.tag(*id) == "script").map(|id| tree.content(id)).collect::<String>();
    let suggestions = script.split_once("fetch('").and_then(|(_, rest)| rest.split_once("' + encodeURIComponent("));
    let mut out = Form {
        action,
        fields: Vec::new(),
        controls: Vec::new(),
        submit: None,
        sent: false,
        suggestions: suggestions.map(|(path, _)| path.to_owned()),
    };
    let (mut heading, mut row) = (String::new(), 0);
    for id in tree.all() {
        if matches!(tree.tag(id), "h2" | "h3" | "h4" | "h5" | "h6") {
            heading = tree.reads(id);
            continue;
        }
        if !tree.is_inside(id, form) {
            continue;
        }
        let name = tree.said(id, "name").to_owned();
        if tree.tag(id) == "button" && matches!(tree.said(id, "type"), "" | "submit") {
            out.submit = Some(row);
            row += 1;
            continue;
        }
        if tree.tag(id) == "input" && tree.said(id, "type") == "hidden" {
            out.controls.push(Control::Fixed(name, tree.said(id, "value").to_owned()));
            continue;
        }
        let Some(kind) = kind_of(tree, id) else { continue };
        let mut field = read_field(tree, id, kind, &heading);
        if is_trap(&field.label) {
            out.controls.push(Control::Fixed(name, String::new()));
            continue;
        }
        if matches!(kind, Kind::CheckboxGroup | Kind::Radio)
            && let Some(group) = out.fields.iter_mut().find(|known| known.name == name)
        {
            group.choices.append(&mut field.choices);
            row += 1;
            continue;
        }
        field.row = row;
        row += 1;
        out.controls.push(Control::Field(out.fields.len()));
        out.fields.push(field);
    }
    name_fields(&mut out.fields);
    Some(out)
}

fn label_for(tree: &Tree, id: usize) -> String {
    let own = tree.said(id, "id");
    let label = tree.all().find(|at| tree.tag(*at) == "label" && !own.is_empty() && tree.said(*at, "for") == own);
    label.map(|label| tree.reads(label)).unwrap_or_default()
}

fn read_field(tree: &Tree, id: usize, kind: Kind, heading: &str) -> Field {
    let set = tree.around(id, |at| tree.tag(at) == "fieldset");
    let group = matches!(kind, Kind::CheckboxGroup | Kind::Radio).then_some(set).flatten();
    let box_of_file = (kind == Kind::File).then(|| tree.around(id, |at| tree.said(at, "role") == "group")).flatten();
    let label = match (group, box_of_file) {
        (Some(set), _) => {
            let legend = tree.all().find(|at| tree.tag(*at) == "legend" && tree.is_inside(*at, set));
            legend.map(|legend| tree.reads(legend)).unwrap_or_default()
        }
        (_, Some(around)) => {
            tree.by_id(tree.said(around, "aria-labelledby")).map(|at| tree.reads(at)).unwrap_or_default()
        }
        _ => label_for(tree, id),
    };
    let holder = group.unwrap_or(id);
    let about = tree.said(holder, "aria-describedby").split_whitespace().filter_map(|at| tree.by_id(at));
    let wrong = tree.said(holder, "aria-invalid") == "true";
    let about: Vec<String> = about.map(|at| tree.reads(at)).collect();
    let (complaint, hints) = if wrong { about.split_last().unzip() } else { (None, Some(about.as_slice())) };
    let choices = match kind {
        Kind::Select => {
            let options = tree.all().filter(|at| tree.tag(*at) == "option" && tree.is_inside(*at, id));
            let real = options.filter(|at| !tree.said(*at, "value").is_empty());
            let choice = |at: usize| Choice {
                value: tree.said(at, "value").to_owned(),
                label: tree.reads(at),
                on: tree.attribute(at, "selected").is_some(),
            };
            real.map(choice).collect()
        }
        Kind::CheckboxGroup | Kind::Radio => vec![Choice {
            value: tree.attribute(id, "value").unwrap_or("on").to_owned(),
            label: label_for(tree, id),
            on: tree.attribute(id, "checked").is_some(),
        }],
        _ => Vec::new(),
    };
    let required = tree.said(holder, "aria-required") == "true" || tree.attribute(id, "required").is_some();
    Field {
        key: String::new(),
        base: String::new(),
        kind: if kind == Kind::CheckboxGroup && group.is_none() { Kind::Checkbox } else { kind },
        label: bare(&label),
        section: heading.to_owned(),
        description: hints.unwrap_or_default().join(" "),
        name: tree.said(id, "name").to_owned(),
        id: tree.said(id, "id").to_owned(),
        autocomplete: tree.said(id, "autocomplete").to_owned(),
        required,
        max_length: tree.said(id, "maxlength").parse().ok(),
        accept: tree.said(id, "accept").to_owned(),
        complaint: complaint.cloned(),
        text: match kind {
            Kind::Textarea => tree.content(id).trim_start_matches('\n').to_owned(),
            kind if kind.is_text() || kind == Kind::Date => tree.said(id, "value").to_owned(),
            _ => String::new(),
        },
        choices,
        file: None,
        row: 0,
    }
}

/// Keys as the engine makes them: from kind, section and label, so that the same question has the same id in any
/// browser.
fn name_fields(fields: &mut [Field]) {
    let mut seen = std::collections::HashMap::<String, usize>::new();
    for field in fields {
        let fold = |text: &str| squash(text).to_lowercase();
        if fold(&field.section) == fold(&field.label) {
            field.section.clear();
        }
        field.base = short_hash(&format!("{}\0{}\0{}", field.kind.name(), fold(&field.section), fold(&field.label)));
        let nth = seen.entry(field.base.clone()).or_default();
        field.key = format!("{}.{nth}", field.base);
        *nth += 1;
    }
}

fn short_hash(text: &str) -> String {
    let (mut a, mut b) = (0x811c_9dc5_u32, 0x9747_b28c_u32);
    for unit in text.encode_utf16() {
        a = (a ^ u32::from(unit)).wrapping_mul(0x0100_0193);
        b = (b ^ u32::from(unit)).wrapping_mul(0x5bd1_e995) ^ (b >> 13);
    }
    format!("{a:08x}{b:08x}")
}
