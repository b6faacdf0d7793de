//! Draws forms. One module per style; all of them draw the same [`Sheet`].

mod ashby;
mod greenhouse;
mod lever;
mod thanks;
mod workday;

use std::collections::BTreeMap;

use crate::check::{DOCUMENTS, Fault};
use crate::intake::TOKEN;
use crate::job::{Field, Job, Style};
use crate::names::Load;
use crate::page::esc;

pub use self::thanks::thanks;

/// Suggestions under a location field.
const COMBOBOX_JS: &str = include_str!("../assets/combobox.js");

/// A form to draw.
pub struct Sheet<'a> {
    pub job: &'static Job,
    pub load: &'a Load,
    /// Where the form is sent, with its query.
    pub action: &'a str,
    /// What was filled in before, for a form that comes back.
    pub values: &'a BTreeMap<&'static str, Vec<String>>,
    pub faults: &'a [Fault],
    /// Whether the form contains a challenge that only a person passes.
    pub challenge: bool,
    /// One section after the other instead of one long page.
    pub wizard: bool,
}

/// The whole page.
pub fn render(sheet: &Sheet<'_>) -> String {
    match sheet.job.style {
        Style::Greenhouse => greenhouse::render(sheet),
        Style::Lever => lever::render(sheet),
        Style::Ashby => ashby::render(sheet),
        Style::Workday => workday::render(sheet),
    }
}

impl Sheet<'_> {
    /// The first value of a field, escaped.
    fn value(&self, key: &str) -> String {
        self.values.get(key).and_then(|values| values.first()).map_or_else(String::new, |value| esc(value))
    }

    fn has(&self, key: &str, option: &str) -> bool {
        self.values.get(key).is_some_and(|values| values.iter().any(|value| value == option))
    }

    fn fault(&self, key: &str) -> Option<&str> {
        self.faults.iter().find(|fault| fault.key == key).map(|fault| fault.message.as_str())
    }

    /// The message under a field, empty if there is nothing to say.
    fn message(&self, key: &str) -> String {
        self.fault(key)
            .map(|text| format!("<p class=\"«c-error»\" id=\"«e-{key}»\">{}</p>", esc(text)))
            .unwrap_or_default()
    }

    /// The attributes that tie a control to its hint and message.
    fn described(&self, field: &Field) -> String {
        let (hint, fault) = (!field.hint.is_empty(), self.fault(field.key).is_some());
        let key = field.key;
        let ids = match (hint, fault) {
            (false, false) => return String::new(),
            (true, false) => format!("«h-{key}»"),
            (false, true) => format!("«e-{key}»"),
            (true, true) => format!("«h-{key}» «e-{key}»"),
        };
        let invalid = if fault { " aria-invalid=\"true\"" } else { "" };
        format!(" aria-describedby=\"{ids}\"{invalid}")
    }

    /// The hidden field that carries the load.
    fn token(&self) -> String {
        format!("<input type=\"hidden\" name=\"{TOKEN}\" value=\"{}\">", self.load.nonce())
    }

    /// The challenge widget, if this form has one.
    fn challenge(&self) -> String {
        if !self.challenge {
            return String::new();
        }
        let nonce = self.load.nonce();
        let message = self.message("challenge");
        format!(
            "<div class=\"«c-challenge»\"><iframe src=\"/challenge/{nonce}\" title=\"Human verification challenge\" \
             width=\"320\" height=\"430\"></iframe>\
             <input type=\"hidden\" name=\"«n-challenge»\" id=\"«i-challenge»\">{message}</div>\
             <script>addEventListener('message', (e) => {{ if (e.origin === location.origin && e.data && e.data.passed) \
             document.getElementById('«i-challenge»').value = e.data.passed; }});</script>"
        )
    }
}

/// The `<option>`s of a native select.
fn options(sheet: &Sheet<'_>, field: &Field, blank: &str) -> String {
    let mut html = format!("<option value=\"\">{blank}</option>");
    for (index, option) in field.kind.options().iter().enumerate() {
        let selected = if sheet.has(field.key, option) { " selected" } else { "" };
        html += &format!("<option value=\"«o-{}-{index}»\"{selected}>{}</option>", field.key, esc(option));
    }
    html
}

/// The value of a file input's `accept`.
fn accept() -> String {
    DOCUMENTS.iter().map(|extension| format!(".{extension}")).collect::<Vec<_>>().join(",")
}

/// What browsers may fill in by themselves, for the styles that say so.
fn autocomplete(key: &str) -> &'static str {
    match key {
        "first_name" => " autocomplete=\"given-name\"",
        "last_name" => " autocomplete=\"family-name\"",
        "name" => " autocomplete=\"name\"",
        "email" => " autocomplete=\"email\"",
        "phone" => " autocomplete=\"tel\"",
        _ => "",
    }
}

/// The job's description.
fn description(job: &Job) -> String {
    let list = |items: &[&str]| items.iter().map(|item| format!("<li>{}</li>", esc(item))).collect::<String>();
    format!(
        "<p>{}</p><p>{}</p><h3>What you will do</h3><ul>{}</ul><h3>What you bring</h3><ul>{}</ul>",
        esc(job.company_about),
        esc(job.summary),
        list(job.duties),
        list(job.wishes)
    )
}
