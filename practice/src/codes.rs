//! The e-mailed code of `/two-factor`, and the mailbox in which a person finds it.
//!
//! An application waits here, unrecorded, until its code is entered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::apply;
use crate::intake::TOKEN;
use crate::names::Load;
use crate::page::{self, Document, esc};
use crate::record::Draft;
use crate::site::Site;

/// Applications waiting for a code at once; the oldest gives way.
const WAITING_MAX: usize = 200;
/// How long a code is good for.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Wrong codes before the application has to be sent anew.
const TRIES_MAX: u32 = 5;

/// Applications waiting for their code.
#[derive(Default)]
pub struct Codes {
    waiting: Mutex<VecDeque<Waiting>>,
}

struct Waiting {
    load: Load,
    code: String,
    draft: Draft,
    since: Instant,
    tries: u32,
}

enum Outcome {
    Right(Draft),
    Wrong,
    Gone,
}

impl Codes {
    /// Sends a code for `draft` to the mailbox and answers with the page that asks for it.
    pub fn ask(&self, draft: Draft) -> Response {
        let load = Load::fresh();
        let code = format!("{:06}", rand::random::<u32>() % 1_000_000);
        let page = question(&load, &draft.email, "");
        let mut waiting = self.waiting();
        if waiting.len() == WAITING_MAX {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { load, code, draft, since: Instant::now(), tries: 0 });
        Html(page).into_response()
    }

    fn enter(&self, load: &Load, code: &str) -> Outcome {
        let mut waiting = self.waiting();
        let Some(index) = waiting.iter().position(|one| one.load == *load) else {
            return Outcome::Gone;
        };
        if waiting[index].code == code {
            return waiting.remove(index).map_or(Outcome::Gone, |one| Outcome::Right(one.draft));
        }
        waiting[index].tries += 1;
        if waiting[index].tries == TRIES_MAX {
            waiting.remove(index);
            return Outcome::Gone;
        }
        Outcome::Wrong
    }

    /// The applications whose code is still good.
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|one| one.since.elapsed() < LIFETIME);
        waiting
    }
}

/// `POST /two-factor`: a code.
pub async fn enter(State(site): State<Arc<Site>>, Form(form): Form<HashMap<String, String>>) -> Response {
    let Some(load) = form.get(TOKEN).and_then(|token| Load::parse(token)) else {
        return gone();
    };
    let code = form.get(&load.name("n-code")).map_or("", |code| code.trim());
    match site.codes.enter(&load, code) {
        Outcome::Right(draft) => match apply::record(&site, draft).await {
            Ok(submission) => apply::confirm(&submission),
            Err(response) => response,
        },
        Outcome::Wrong => {
            let page = question(&load, "your e-mail address", "That code is not right. Please check it.");
            (StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response()
        }
        Outcome::Gone => gone(),
    }
}

/// `GET /mailbox`: the codes that were sent, newest first.
pub async fn mailbox(State(site): State<Arc<Site>>) -> Html<String> {
    let mut letters = String::new();
    for one in site.codes.waiting().iter().rev() {
        letters += &format!(
            "<li><strong>{}</strong><br>To: {}<br>Your security code for {} is <strong>{}</strong>.</li>",
            esc(one.draft.job.company),
            esc(&one.draft.email),
            esc(one.draft.job.title),
            one.code
        );
    }
    if letters.is_empty() {
        letters += "<li>No letters.</li>";
    }
    let body = format!(
        "<main class=\"«c-narrow»\"><h1>Practice mailbox</h1><ul>{letters}</ul><p><a href=\"/\">All jobs</a></p></main>"
    );
    Html(Document { title: "Practice mailbox", css: "", body: &body, script: "" }.render(&Load::fresh()))
}

fn question(load: &Load, to: &str, wrong: &str) -> String {
    let (to, token) = (esc(to), load.nonce());
    let (invalid, message) = match wrong {
        "" => ("", String::new()),
        text => (
            " aria-invalid=\"true\" aria-describedby=\"«e-code»\"",
            format!("<p class=\"«c-error»\" id=\"«e-code»\">{text}</p>"),
        ),
    };
    let body = format!(
        "<main class=\"«c-narrow»\"><h1>Enter your security code</h1><p>We sent a six-digit code to {to}. Enter it to \
         confirm that the address is yours and to submit your application.</p>\
         <form method=\"post\" action=\"/two-factor\"><input type=\"hidden\" name=\"{TOKEN}\" value=\"{token}\">\
         <p><label for=\"«i-code»\">Security code</label><input type=\"text\" id=\"«i-code»\" name=\"«n-code»\" \
         inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"6\" required{invalid}></p>{message}\
         <button type=\"submit\" class=\"«c-submit»\">Verify and submit</button></form></main>"
    );
    Document { title: "Enter your security code", css: "", body: &body, script: "" }.render(load)
}

fn gone() -> Response {
    page::notice(StatusCode::GONE, "This code has expired", "Please send the application again to get a new code.")
}
