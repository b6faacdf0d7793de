//! Resume first, labels wrapped around their controls, questions in cards without legends.

use super::{Sheet, accept, autocomplete, description, options};
use crate::job::{Field, Kind};
use crate::page::{Document, esc};

const CSS: &str = include_str!("../assets/lever.css");
const JS: &str = include_str!("../assets/attach.js");

pub fn render(sheet: &Sheet<'_>) -> String {
    let job = sheet.job;
    let mut form = String::new();
    for section in job.sections {
        let heading = match section.title {
            "" => String::new(),
            title => format!("<h4>{}</h4>", esc(title)),
        };
        let note = match section.note {
            "" => String::new(),
            note => format!("<p class=\"«c-small»\">{}</p>", esc(note)),
        };
        let questions: String = section.fields.iter().map(|field| question(sheet, field)).collect();
        form += &format!("<div class=\"«c-section»\">{heading}{note}<ul>{questions}</ul></div>");
    }
    let alert = match sheet.faults {
        [] => "",
        _ => {
            "<div class=\"«c-alert»\" role=\"alert\">✱ There was an error with your application. Please check the marked answers and try again.</div>"
        }
    };
    let body = format!(
        "<header class=\"«c-top»\"><div class=\"«c-wide»\"><div class=\"«c-brand»\">{company}</div><h2>{title}</h2>\
         <div class=\"«c-facts»\"><span>{location} /</span> <span>{team} /</span> <span>{terms}</span></div></div></header>\
         <main class=\"«c-wide»\"><div class=\"«c-text»\">{about}</div>{alert}\
         <form method=\"post\" enctype=\"multipart/form-data\" action=\"{action}\">{token}{form}\
         <div class=\"«c-away»\"><label aria-hidden=\"true\">Your second nickname<input type=\"text\" name=\"«n-trap»\" \
         tabindex=\"-1\" autocomplete=\"nope\"></label></div>{challenge}\
         <div class=\"«c-end»\"><button type=\"submit\" class=\"«c-submit»\">Submit application</button></div></form></main>\
         <footer class=\"«c-foot»\"><a href=\"/\">{company} home page</a></footer>",
        company = esc(job.company),
        title = esc(job.title),
        location = esc(job.location),
        team = esc(job.team),
        terms = esc(job.terms),
        about = description(job),
        action = esc(sheet.action),
        token = sheet.token(),
        challenge = sheet.challenge(),
    );
    let title = format!("{} - {}", job.company, job.title);
    Document { title: &title, css: CSS, body: &body, script: JS }.render(sheet.load)
}

fn question(sheet: &Sheet<'_>, field: &Field) -> String {
    let (key, label) = (field.key, esc(field.label));
    let star = if field.required { "<span class=\"«c-star»\">✱</span>" } else { "" };
    let needed = if field.required { " required" } else { "" };
    let (described, message, value) = (sheet.described(field), sheet.message(key), sheet.value(key));
    let shared = format!("name=\"«n-{key}»\"{needed}{described}");
    let control = match field.kind {
        Kind::Radio(all) | Kind::Many(all) => {
            let kind = if matches!(field.kind, Kind::Many(_)) { "checkbox" } else { "radio" };
            let mut list = String::new();
            for option in all {
                let checked = if sheet.has(key, option) { " checked" } else { "" };
                let option = esc(option);
                list += &format!(
                    "<li><label><input type=\"{kind}\" value=\"{option}\" {shared}{checked}><span>{option}</span></label></li>"
                );
            }
            return format!(
                "<li class=\"«c-q»\"><div class=\"«c-label»\">{label}{star}</div><div class=\"«c-field»\"><ul>{list}</ul>{message}</div></li>"
            );
        }
        Kind::Consent => {
            let checked = if sheet.values.contains_key(key) { " checked" } else { "" };
            return format!(
                "<li class=\"«c-q» «c-consent»\"><label><input type=\"checkbox\" value=\"1\" {shared}{checked}>\
                 <span>{label}{star}</span></label>{message}</li>"
            );
        }
        Kind::File => format!(
            "<span class=\"«c-attach»\"><span class=\"«c-button»\">Attach {label}</span>\
             <input type=\"file\" class=\"«c-veiled»\" {shared} accept=\"{}\"><span class=\"«c-small»\">No file chosen</span></span>",
            accept()
        ),
        Kind::Select(_) => format!("<select {shared}>{}</select>", options(sheet, field, "Select ...")),
        Kind::Essay => {
            format!("<textarea {shared} maxlength=\"20000\" placeholder=\"Type your response\">{value}</textarea>")
        }
        Kind::Text | Kind::Email | Kind::Tel | Kind::Url | Kind::Date | Kind::Place => {
            let kind = match field.kind {
                Kind::Email => "email",
                Kind::Date => "date",
                _ => "text",
            };
            format!("<input type=\"{kind}\" {shared} value=\"{value}\" maxlength=\"500\"{}>", autocomplete(key))
        }
    };
    format!(
        "<li class=\"«c-q»\"><label><div class=\"«c-label»\">{label}{star}</div><div class=\"«c-field»\">{control}{message}</div></label></li>"
    )
}
