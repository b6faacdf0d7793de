//! A single-page application: mounted by its script, inputs controlled, answers to yes/no questions
//! in buttons, sent with fetch.

use super::{COMBOBOX_JS, Sheet, accept, description};
use crate::catalog::YES_NO;
use crate::job::{Field, Kind};
use crate::page::{Document, esc};

const CSS: &str = include_str!("../assets/ashby.css");
const JS: &str = include_str!("../assets/ashby.js");

pub fn render(sheet: &Sheet<'_>) -> String {
    let job = sheet.job;
    let mut form = String::new();
    for section in job.sections {
        let note = match section.note {
            "" => String::new(),
            note => format!("<p class=\"«c-small»\">{}</p>", esc(note)),
        };
        let questions: String = section.fields.iter().map(question).collect();
        form += &format!("<section class=\"«c-card»\"><h2>{}</h2>{note}{questions}</section>", esc(section.title));
    }
    let body = format!(
        "<div class=\"«c-shell»\"><header><div class=\"«c-brand»\">{company}</div><h1>{title}</h1></header>\
         <div class=\"«c-split»\"><aside><dl><dt>Location</dt><dd>{location}</dd><dt>Employment type</dt><dd>{terms}</dd>\
         <dt>Department</dt><dd>{team}</dd></dl></aside><main><div class=\"«c-text»\">{about}</div>\
         <div id=\"«i-root»\"><p class=\"«c-small»\">Loading application form…</p></div></main></div></div>\
         <template id=\"«i-form»\"><div id=\"«i-alert»\"></div>{form}\
         <button type=\"button\" class=\"«c-submit»\" id=\"«i-submit»\">Submit Application</button></template>",
        company = esc(job.company),
        title = esc(job.title),
        location = esc(job.location),
        terms = esc(job.terms),
        team = esc(job.team),
        about = description(job),
    );
    let script = JS.replace("NONCE", sheet.load.nonce());
    let title = format!("{} @ {}", job.title, job.company);
    Document { title: &title, css: CSS, body: &body, script: &format!("{COMBOBOX_JS}{script}") }.render(sheet.load)
}

fn question(field: &Field) -> String {
    let (key, label) = (field.key, esc(field.label));
    // The asterisk is drawn by the style sheet, as these sites do.
    let label_class = if field.required { "«c-label» «c-required»" } else { "«c-label»" };
    let needed = if field.required { " required" } else { "" };
    let hint = match field.hint {
        "" => String::new(),
        hint => format!("<p class=\"«c-small»\">{}</p>", esc(hint)),
    };
    let shared = format!("id=\"«i-{key}»\" name=\"«n-{key}»\"{needed}");
    let control = match field.kind {
        Kind::Radio(YES_NO) => {
            // Two ways of saying "this button is pressed", as found in the wild.
            let (group, role, state) = if field.required {
                ("radiogroup", " role=\"radio\"", "aria-checked")
            } else {
                ("group", "", "aria-pressed")
            };
            let buttons: String = YES_NO
                .iter()
                .map(|option| format!("<button type=\"button\"{role} {state}=\"false\">{option}</button>"))
                .collect();
            return format!(
                "<div class=\"«c-q»\" id=\"«w-{key}»\"><div class=\"{label_class}\" id=\"«l-{key}»\">{label}</div>\
                 <div class=\"«c-toggle»\" role=\"{group}\" aria-labelledby=\"«l-{key}»\" id=\"«n-{key}»\">{buttons}</div>{hint}</div>"
            );
        }
        Kind::Radio(all) | Kind::Many(all) | Kind::Select(all) => {
            let kind = if matches!(field.kind, Kind::Many(_)) { "checkbox" } else { "radio" };
            let mut list = String::new();
            for (index, option) in all.iter().enumerate() {
                list += &format!(
                    "<div class=\"«c-option»\"><input type=\"{kind}\" id=\"«i-{key}-{index}»\" name=\"«n-{key}»\" \
                     value=\"«o-{key}-{index}»\"><label for=\"«i-{key}-{index}»\">{}</label></div>",
                    esc(option)
                );
            }
            return format!(
                "<fieldset class=\"«c-q»\" id=\"«w-{key}»\"><legend class=\"{label_class}\">{label}</legend>{list}{hint}</fieldset>"
            );
        }
        Kind::Consent => {
            return format!(
                "<div class=\"«c-q» «c-option»\" id=\"«w-{key}»\"><input type=\"checkbox\" value=\"1\" {shared}>\
                 <label for=\"«i-{key}»\" class=\"{label_class}\">{label}</label></div>"
            );
        }
        Kind::File => format!(
            "<div class=\"«c-drop»\"><input type=\"file\" {shared} accept=\"{}\" hidden>\
             <button type=\"button\" class=\"«c-button»\">Upload File</button> <span>or drag and drop here</span></div>",
            accept()
        ),
        Kind::Essay => {
            format!("<textarea {shared} rows=\"5\" placeholder=\"Type here...\"></textarea>")
        }
        Kind::Place => format!(
            "<div class=\"«c-combo»\"><input type=\"text\" {shared} role=\"combobox\" aria-autocomplete=\"list\" \
             aria-expanded=\"false\" aria-controls=\"«p-{key}»\" autocomplete=\"off\" placeholder=\"Start typing...\">\
             <ul role=\"listbox\" id=\"«p-{key}»\" aria-label=\"{label}\" hidden></ul></div>"
        ),
        Kind::Text | Kind::Email | Kind::Tel | Kind::Url | Kind::Date => {
            let (kind, placeholder) = match field.kind {
                Kind::Email => ("email", "hello@example.com..."),
                Kind::Tel => ("tel", "1-415-555-1234..."),
                Kind::Date => ("text", "MM/DD/YYYY"),
                _ => ("text", "Type here..."),
            };
            format!("<input type=\"{kind}\" {shared} placeholder=\"{placeholder}\">")
        }
    };
    format!(
        "<div class=\"«c-q»\" id=\"«w-{key}»\"><label class=\"{label_class}\" for=\"«i-{key}»\">{label}</label>{hint}{control}</div>"
    )
}
