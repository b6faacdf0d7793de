//! Sections with list boxes behind buttons and split dates, sent with fetch; as one page, or as a
//! wizard that shows one section at a time and a review at the end.

use super::{Sheet, accept, description};
use crate::job::{Field, Kind};
use crate::page::{Document, esc};

const CSS: &str = include_str!("../assets/workday.css");
const JS: &str = include_str!("../assets/workday.js");

pub fn render(sheet: &Sheet<'_>) -> String {
    let job = sheet.job;
    let (mut steps, mut form) = (String::new(), String::new());
    for (index, section) in job.sections.iter().enumerate() {
        let note = match section.note {
            "" => String::new(),
            note => format!("<p>{}</p>", esc(note)),
        };
        let questions: String = section.fields.iter().map(question).collect();
        let title = esc(section.title);
        steps += &format!("<li>{title}</li>");
        form += &format!(
            "<section aria-labelledby=\"«s-{index}»\"><h3 id=\"«s-{index}»\">{title}</h3>{note}{questions}</section>"
        );
    }
    let progress = match sheet.wizard {
        true => format!("<ol class=\"«c-steps»\" id=\"«i-steps»\" aria-label=\"Progress\">{steps}<li>Review</li></ol>"),
        false => String::new(),
    };
    let body = format!(
        "<header class=\"«c-bar»\"><strong>{company}</strong><span>Careers</span></header><main class=\"«c-page»\">\
         <h2>{title}</h2><p class=\"«c-small»\">{location} · {terms}</p><details><summary>Job description</summary>{about}</details>\
         {progress}<p class=\"«c-small»\"><abbr title=\"required\" class=\"«c-star»\">*</abbr> Indicates a required field</p>\
         <div id=\"«i-alert»\"></div><div id=\"«i-body»\">{form}</div>\
         <div class=\"«c-actions»\"><button type=\"button\" id=\"«i-back»\" class=\"«c-plain»\" hidden>Back</button>\
         <button type=\"button\" id=\"«i-next»\" class=\"«c-submit»\">Submit</button></div></main>",
        company = esc(job.company),
        title = esc(job.title),
        location = esc(job.location),
        terms = esc(job.terms),
        about = description(job),
    );
    let script = JS
        .replace("NONCE", sheet.load.nonce())
        .replace("WIZARD", if sheet.wizard { "true" } else { "false" })
        .replace("LISTS", &lists(sheet));
    let title = format!("{} – {} Careers", job.title, job.company);
    Document { title: &title, css: CSS, body: &body, script: &script }.render(sheet.load)
}

/// The options of every list box, by the id of its button.
fn lists(sheet: &Sheet<'_>) -> String {
    let selects = sheet.job.fields().filter(|field| matches!(field.kind, Kind::Select(_)));
    let lists: serde_json::Map<String, serde_json::Value> = selects
        .map(|field| {
            let options = field.kind.options().iter().enumerate();
            let options: Vec<_> =
                options.map(|(index, text)| [format!("«o-{}-{index}»", field.key), (*text).to_owned()]).collect();
            (format!("«i-{}»", field.key), serde_json::json!(options))
        })
        .collect();
    serde_json::Value::Object(lists).to_string().replace('<', "\\u003c")
}

fn question(field: &Field) -> String {
    let (key, label) = (field.key, esc(field.label));
    let star = if field.required { "<abbr title=\"required\" class=\"«c-star»\">*</abbr>" } else { "" };
    let needed = if field.required { " aria-required=\"true\"" } else { "" };
    let hint = match field.hint {
        "" => String::new(),
        hint => format!("<p class=\"«c-small»\">{}</p>", esc(hint)),
    };
    let heading = format!("<div class=\"«c-label»\" id=\"«l-{key}»\">{label}{star}</div>");
    let control = match field.kind {
        Kind::Select(_) => format!(
            "{heading}<button type=\"button\" class=\"«c-list»\" id=\"«i-{key}»\" name=\"«n-{key}»\" value=\"\" \
             aria-haspopup=\"listbox\" aria-expanded=\"false\" aria-labelledby=\"«l-{key}» «i-{key}»\"{needed}>Select One</button>"
        ),
        Kind::Radio(all) | Kind::Many(all) => {
            let kind = if matches!(field.kind, Kind::Many(_)) { "checkbox" } else { "radio" };
            let mut list = String::new();
            for (index, option) in all.iter().enumerate() {
                list += &format!(
                    "<div class=\"«c-box»\"><input type=\"{kind}\" id=\"«i-{key}-{index}»\" name=\"«n-{key}»\" \
                     value=\"«o-{key}-{index}»\"><label for=\"«i-{key}-{index}»\">{}</label></div>",
                    esc(option)
                );
            }
            return format!(
                "<fieldset class=\"«c-q»\" id=\"«w-{key}»\"{needed}><legend class=\"«c-label»\">{label}{star}</legend>{list}{hint}</fieldset>"
            );
        }
        Kind::Consent => {
            return format!(
                "<div class=\"«c-q» «c-box»\" id=\"«w-{key}»\"><input type=\"checkbox\" value=\"1\" id=\"«i-{key}»\" \
                 name=\"«n-{key}»\"{needed}><label for=\"«i-{key}»\">{label}{star}</label></div>"
            );
        }
        Kind::Date => {
            let part = |name: &str, digits: u8, hint: &str| {
                format!(
                    "<input type=\"text\" role=\"spinbutton\" inputmode=\"numeric\" aria-label=\"{name}\" \
                     placeholder=\"{hint}\" maxlength=\"{digits}\" size=\"{digits}\">"
                )
            };
            format!(
                "{heading}<div class=\"«c-date»\" role=\"group\" aria-labelledby=\"«l-{key}»\" id=\"«n-{key}»\"{needed}>{}/{}/{}</div>",
                part("Month", 2, "MM"),
                part("Day", 2, "DD"),
                part("Year", 4, "YYYY"),
            )
        }
        Kind::File => format!(
            "{heading}<div class=\"«c-drop»\"><span>Drop file here or</span> <button type=\"button\" class=\"«c-plain»\" \
             aria-describedby=\"«l-{key}»\">Select file</button><input type=\"file\" id=\"«i-{key}»\" name=\"«n-{key}»\" \
             accept=\"{}\" aria-labelledby=\"«l-{key}»\"{needed} hidden><div aria-live=\"polite\"></div></div>",
            accept()
        ),
        Kind::Essay => format!(
            "{heading}<textarea id=\"«i-{key}»\" name=\"«n-{key}»\" rows=\"5\" aria-labelledby=\"«l-{key}»\"{needed}></textarea>"
        ),
        Kind::Text | Kind::Email | Kind::Tel | Kind::Url | Kind::Place => format!(
            "<label class=\"«c-label»\" for=\"«i-{key}»\">{label}{star}</label>\
             <input type=\"text\" id=\"«i-{key}»\" name=\"«n-{key}»\"{needed}>"
        ),
    };
    format!("<div class=\"«c-q»\" id=\"«w-{key}»\">{control}{hint}</div>")
}
