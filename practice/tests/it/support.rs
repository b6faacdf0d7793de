//! A very small browser: reads a form by its labels, fills it in and sends it.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

const BOUNDARY: &str = "practiceboundary7MA4YWxkTrZu0gW";

/// An answer as read by the tests.
pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }
}

pub async fn site() -> Router {
    practice::router(practice::Options::default()).await.expect("a site without a folder opens")
}

pub async fn get(site: &Router, path: &str) -> Answer {
    ask(site, Request::get(path).body(Body::empty()).expect("a request")).await
}

pub async fn ask(site: &Router, request: Request<Body>) -> Answer {
    read(site.clone().oneshot(request).await.expect("routers do not fail")).await
}

async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes: Bytes = to_bytes(body, usize::MAX).await.expect("a body");
    let location = parts.headers.get(header::LOCATION).map(|value| value.to_str().expect("ASCII").to_owned());
    Answer {
        status: parts.status,
        location: location.unwrap_or_default(),
        text: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
    }
}

/// The parts of one multipart request.
#[derive(Default)]
pub struct Parts(Vec<u8>);

impl Parts {
    pub fn text(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{name}\""), None, value.as_bytes());
    }

    pub fn file(&mut self, name: &str, file_name: &str, bytes: &[u8]) {
        self.part(&format!("name=\"{name}\"; filename=\"{file_name}\""), Some("application/pdf"), bytes);
    }

    fn part(&mut self, disposition: &str, content_type: Option<&str>, bytes: &[u8]) {
        let kind = content_type.map_or(String::new(), |kind| format!("Content-Type: {kind}\r\n"));
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
    }

    pub fn body(&self) -> Vec<u8> {
        [&self.0[..], format!("--{BOUNDARY}--\r\n").as_bytes()].concat()
    }

    pub fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }
}

/// A form found in a page, with names by label.
pub struct Form {
    pub html: String,
    pub token: String,
    pub names: BTreeMap<String, String>,
}

impl Form {
    pub fn read(html: &str) -> Self {
        let mut names = BTreeMap::new();
        // Labels tied by `for`, as on the long pages.
        for label in html.split("<label ").skip(1) {
            let id = attribute(label, "for");
            let Some(control) = html.split('<').find(|tag| attribute(tag, "id") == id && !tag.starts_with("label"))
            else {
                continue;
            };
            names.insert(text_of(label), attribute(control, "name").to_owned());
        }
        for (open, close) in [("<legend", "</legend>"), ("role=\"group\"", "</div>")] {
            for group in html.split(open).skip(1) {
                let label = text_of(group.split(close).next().expect("split yields"));
                let name = group.split("<input").nth(1).map(|input| attribute(input, "name").to_owned());
                names.extend(name.map(|name| (label, name)));
            }
        }
        let token = html.split("name=\"authenticity_token\"").nth(1).map(|rest| attribute(rest, "value").to_owned());
        Self { html: html.to_owned(), token: token.unwrap_or_default(), names }
    }

    pub fn name(&self, label: &str) -> &str {
        self.names.get(label).unwrap_or_else(|| panic!("no field {label:?} among {:?}", self.names.keys()))
    }

    /// The value of the option with this text.
    pub fn option(&self, label: &str, option: &str) -> String {
        let control = self.html.split(&format!("name=\"{}\"", self.name(label))).nth(1).expect("the control");
        let all = control.split("</select>").next().expect("split yields");
        let found = all.split("<option ").find(|tag| text_of(tag) == option).expect("the option");
        attribute(found, "value").to_owned()
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    let tag = tag.split('>').next().unwrap_or_default();
    let value = tag.split(&format!("{name}=\"")).nth(1);
    value.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// The text of markup that begins within a tag, up to the end of its element, without the asterisk.
fn text_of(markup: &str) -> String {
    let inner = markup.split_once('>').map_or("", |(_, rest)| rest);
    let end = inner.find("</label>").or_else(|| inner.find("</option>")).unwrap_or(inner.len());
    let (mut text, mut within) = (String::new(), false);
    for c in inner[..end].chars() {
        match c {
            '<' => within = true,
            '>' => within = false,
            c if !within => text.push(c),
            _ => {}
        }
    }
    text.trim().trim_end_matches('*').to_owned()
}

/// The long form of the benchmark, filled in with an address.
pub fn fill_platform_engineer(form: &Form, email: &str) -> Parts {
    let mut parts = Parts::default();
    parts.text("authenticity_token", &form.token);
    for (label, value) in [
        ("First Name", "Ada"),
        ("Last Name", "Okafor"),
        ("Email", email),
        ("Phone", "(207) 555-0142"),
        ("Location (City)", "Portland, Maine, United States"),
        ("Cover Letter", "First line\r\n\r\nSecond « line »"),
    ] {
        parts.text(form.name(label), value);
    }
    for (label, option) in [
        ("Country", "United States +1"),
        ("Are you legally authorized to work in the country where this job is located?", "Yes"),
        ("Will you now or in the future require sponsorship for an employment visa?", "No"),
        ("How many years of experience do you have running distributed systems in production?", "6–9 years"),
        ("What is your notice period?", "1 month"),
    ] {
        parts.text(form.name(label), &form.option(label, option));
    }
    let systems = form.name("Which of these have you operated in production? (Select all that apply)");
    parts.text(systems, "Kafka");
    parts.text(systems, "PostgreSQL");
    let privacy = "I have read the Candidate Privacy Notice and understand how my data will be processed.";
    parts.text(form.name(privacy), "1");
    parts
}

/// The same with a resume: complete.
pub fn complete(form: &Form, email: &str) -> Parts {
    let mut parts = fill_platform_engineer(form, email);
    parts.file(form.name("Resume/CV"), "ada.pdf", b"%PDF-1.7 ada");
    parts
}

pub async fn send(site: &Router, path: &str, parts: &Parts) -> Answer {
    let request =
        Request::post(path).header(header::CONTENT_TYPE, Parts::content_type()).body(Body::from(parts.body()));
    ask(site, request.expect("a request")).await
}
