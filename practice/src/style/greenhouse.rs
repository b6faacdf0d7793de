//! One long page: description, then every question with a label tied to a native control.

use super::{COMBOBOX_JS, Sheet, accept, autocomplete, description, options};
use crate::job::{Field, Kind};
use crate::page::{Document, esc};

const CSS: &str = include_str!("../assets/greenhouse.css");
const JS: &str = include_str!("../assets/attach.js");

pub fn render(sheet: &Sheet<'_>) -> String {
    let job = sheet.job;
    let mut form = String::new();
    for section in job.sections {
        let note = if section.note.is_empty() { String::new() } else { format!("<p>{}</p>", esc(section.note)) };
        form += &format!("<h2>{}</h2>{note}", esc(section.title));
        if section.title == "Apply for this job" {
            form += "<p class=\"«c-small»\"><span class=\"«c-star»\">*</span> indicates a required field</p>";
        }
        for field in section.fields {
            form += &question(sheet, field);
        }
    }
    let count = sheet.faults.len();
    let alert = match count {
        0 => String::new(),
        1 => "<div class=\"«c-alert»\" role=\"alert\">There is a problem with 1 field. Please correct it below.</div>"
            .to_owned(),
        n => format!(
            "<div class=\"«c-alert»\" role=\"alert\">There are problems with {n} fields. Please correct them below.</div>"
        ),
    };
    let body = format!(
        "<header class=\"«c-top»\"><span class=\"«c-logo»\" aria-hidden=\"true\"></span><strong>{company}</strong></header>\
         <main class=\"«c-page»\"><p><a href=\"/\">Back to jobs</a></p><h1>{title}</h1><p class=\"«c-small»\">{location}</p>\
         <div class=\"«c-text»\">{about}</div><hr>{alert}\
         <form method=\"post\" enctype=\"multipart/form-data\" action=\"{action}\" novalidate>{token}{form}\
         <div class=\"«c-away»\" aria-hidden=\"true\"><label for=\"«i-trap»\">Leave this field blank</label>\
         <input type=\"text\" id=\"«i-trap»\" name=\"«n-trap»\" tabindex=\"-1\" autocomplete=\"off\"></div>\
         {challenge}<button type=\"submit\" class=\"«c-submit»\">Submit application</button></form></main>\
         <footer class=\"«c-foot»\">{company} · {location}</footer>",
        company = esc(job.company),
        title = esc(job.title),
        location = esc(job.location),
        about = description(job),
        action = esc(sheet.action),
        token = sheet.token(),
        challenge = sheet.challenge(),
    );
    let title = format!("Job Application for {} at {}", job.title, job.company);
    let script = format!("{COMBOBOX_JS}document.querySelectorAll('[role=combobox]').forEach(combobox);\n{JS}");
    Document { title: &title, css: CSS, body: &body, script: &script }.render(sheet.load)
}

fn question(sheet: &Sheet<'_>, field: &Field) -> String {
    let (key, label) = (field.key, esc(field.label));
    let star = if field.required { "<span class=\"«c-star»\" aria-hidden=\"true\">*</span>" } else { "" };
    let needed = if field.required { " aria-required=\"true\"" } else { "" };
    let hint = match field.hint {
        "" => String::new(),
        hint => format!("<p class=\"«c-small»\" id=\"«h-{key}»\">{}</p>", esc(hint)),
    };
    let (described, message, value) = (sheet.described(field), sheet.message(key), sheet.value(key));
    let shared = format!("id=\"«i-{key}»\" name=\"«n-{key}»\"{needed}{described}");
    let control = match field.kind {
        Kind::Select(_) => format!("<select {shared}>{}</select>", options(sheet, field, "Select...")),
        Kind::Essay => {
            format!("<textarea {shared} rows=\"6\" maxlength=\"20000\">{value}</textarea>")
        }
        Kind::Place => format!(
            "<div class=\"«c-combo»\"><input type=\"text\" {shared} value=\"{value}\" role=\"combobox\" \
             aria-autocomplete=\"list\" aria-expanded=\"false\" aria-controls=\"«p-{key}»\" autocomplete=\"off\" \
             maxlength=\"500\"><ul role=\"listbox\" id=\"«p-{key}»\" aria-label=\"{label}\" hidden></ul></div>"
        ),
        Kind::File => {
            return format!(
                "<div class=\"«c-q»\" role=\"group\" aria-labelledby=\"«l-{key}»\"><div class=\"«c-label»\" \
                 id=\"«l-{key}»\">{label}{star}</div><div class=\"«c-attach»\"><label class=\"«c-button»\" \
                 for=\"«i-{key}»\">Attach</label><input type=\"file\" class=\"«c-veiled»\" {shared} accept=\"{accept}\">\
                 <span class=\"«c-small»\" aria-live=\"polite\">No file chosen</span></div>\
                 <p class=\"«c-small»\">Accepted file types: pdf, doc, docx, txt, rtf. Up to 10 MB.</p>{hint}{message}</div>",
                accept = accept(),
            );
        }
        Kind::Many(all) | Kind::Radio(all) => {
            let kind = if matches!(field.kind, Kind::Many(_)) { "checkbox" } else { "radio" };
            let mut boxes = String::new();
            for (index, option) in all.iter().enumerate() {
                let checked = if sheet.has(key, option) { " checked" } else { "" };
                boxes += &format!(
                    "<div class=\"«c-box»\"><input type=\"{kind}\" id=\"«i-{key}-{index}»\" name=\"«n-{key}»\" \
                     value=\"«o-{key}-{index}»\"{checked}><label for=\"«i-{key}-{index}»\">{}</label></div>",
                    esc(option)
                );
            }
            return format!(
                "<fieldset class=\"«c-q»\"{needed}{described}><legend>{label}{star}</legend>{boxes}{hint}{message}</fieldset>"
            );
        }
        Kind::Consent => {
            let checked = if sheet.values.contains_key(key) { " checked" } else { "" };
            return format!(
                "<div class=\"«c-q» «c-box»\"><input type=\"checkbox\" value=\"1\" {shared}{checked}>\
                 <label for=\"«i-{key}»\">{label}{star}</label>{message}</div>"
            );
        }
        Kind::Text | Kind::Email | Kind::Tel | Kind::Url | Kind::Date => {
            let kind = match field.kind {
                Kind::Email => "email",
                Kind::Tel => "tel",
                Kind::Url => "url",
                Kind::Date => "date",
                _ => "text",
            };
            format!("<input type=\"{kind}\" {shared} value=\"{value}\" maxlength=\"500\"{}>", autocomplete(key))
        }
    };
    format!(
        "<div class=\"«c-q»\"><label for=\"«i-{key}»\" class=\"«c-label»\">{label}{star}</label>{control}{hint}{message}</div>"
    )
}
