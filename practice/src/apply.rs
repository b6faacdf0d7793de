//! Showing a form and receiving an application.
//!
//! The order on receipt: read, check, misbehave if a switch says so, record, and only then answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Multipart, Path, State};
use axum::http::{Extensions, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::json;

use crate::check::{Fault, check};
use crate::intake::{self, Received, Unreadable};
use crate::job::{Job, Kind, Style};
use crate::line::Cut;
use crate::names::Load;
use crate::record::{Draft, Submission};
use crate::site::Site;
use crate::style::{self, Sheet};
use crate::switches::{Fail, Switches};
use crate::{catalog, challenge, page};

/// What stands between a complete form and its confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// A challenge within the form.
    Challenge,
    /// A code sent by e-mail after the form. Delayed and lost answers do not apply here: the form's
    /// own answer asks for the code.
    Code,
}

/// Which form is meant.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub style: Style,
    pub gate: Gate,
    pub wizard: bool,
}

impl Form {
    pub fn plain(style: Style) -> Self {
        Self { style, gate: Gate::Open, wizard: false }
    }
}

/// `GET`: the empty form.
pub async fn show(form: Form, Path(slug): Path<String>, uri: Uri) -> Response {
    let Some(job) = catalog::find(form.style, &slug) else {
        return page::not_found();
    };
    if let Err(text) = Switches::read(&uri) {
        return page::notice(StatusCode::BAD_REQUEST, "This address has a wrong switch", &text);
    }
    draw(form, job, &uri, &Load::fresh(), &BTreeMap::new(), &[]).into_response()
}

/// `POST`: an application.
pub async fn submit(
    form: Form,
    State(site): State<Arc<Site>>,
    Path(slug): Path<String>,
    uri: Uri,
    extensions: Extensions,
    parts: Multipart,
) -> Response {
    let Some(job) = catalog::find(form.style, &slug) else {
        return page::not_found();
    };
    let switches = match Switches::read(&uri) {
        Ok(switches) => switches,
        Err(text) => return refuse(form, StatusCode::BAD_REQUEST, &text),
    };
    let received = match intake::read(parts, job).await {
        Ok(received) => received,
        Err(Unreadable(status, text)) => return refuse(form, status, text),
    };
    let mut faults = check(&received, job);
    if form.gate == Gate::Challenge && !challenge::passed(&received.load, received.challenge.as_deref()) {
        faults.push(Fault { key: "challenge", message: "Please confirm that you are a person.".to_owned() });
    }
    if faults.is_empty() && switches.fail.is_some() && site.first_time(&uri, email_of(&received, job)) {
        match switches.fail {
            Some(Fail::ValidationOnce) => faults.push(false_alarm(job)),
            _ => {
                return refuse(
                    form,
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong on our side. Please try again.",
                );
            }
        }
    }
    if !faults.is_empty() {
        return complain(form, job, &uri, received, faults);
    }
    let draft = intake::draft(received, job);
    if form.gate == Gate::Code {
        return site.codes.ask(draft);
    }
    let submission = match record(&site, draft).await {
        Ok(submission) => submission,
        Err(response) => return response,
    };
    site.pause(switches.delay_submit).await;
    if switches.lose_answer {
        return lose(&extensions);
    }
    confirm(&submission)
}

/// Records `draft`, also if the client goes away meanwhile.
pub async fn record(site: &Arc<Site>, draft: Draft) -> Result<Arc<Submission>, Response> {
    let site = Arc::clone(site);
    let style = draft.job.style;
    let recorded = tokio::task::spawn_blocking(move || site.record.accept(draft)).await;
    let error = match recorded {
        Ok(Ok(submission)) => return Ok(submission),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(%error, "cannot record a submission");
    Err(refuse(Form::plain(style), StatusCode::SERVICE_UNAVAILABLE, "We cannot take applications at the moment."))
}

/// The answer to a recorded application.
pub fn confirm(submission: &Submission) -> Response {
    let Submission { style, job, number, company, .. } = submission;
    if style.posts_by_script() {
        return Json(json!({ "number": number, "company": company })).into_response();
    }
    Redirect::to(&format!("/{}/{job}/thanks/{number}", style.slug())).into_response()
}

/// `GET`: the confirmation of an application that was recorded.
pub async fn thanks(
    style: Style,
    State(site): State<Arc<Site>>,
    Path((slug, number)): Path<(String, String)>,
) -> Response {
    let submission = site.record.read().by_number(&number).map(Arc::clone);
    match submission {
        Some(found) if found.style == style && found.job == slug => Html(style::thanks(&found)).into_response(),
        _ => page::not_found(),
    }
}

fn draw(
    form: Form,
    job: &'static Job,
    uri: &Uri,
    load: &Load,
    values: &BTreeMap<&'static str, Vec<String>>,
    faults: &[Fault],
) -> Html<String> {
    let action = uri.path_and_query().map_or("", |address| address.as_str());
    let challenge = form.gate == Gate::Challenge;
    Html(style::render(&Sheet { job, load, action, values, faults, challenge, wizard: form.wizard }))
}

/// The form again with what is wrong; scripts get the faults alone.
fn complain(form: Form, job: &'static Job, uri: &Uri, received: Received, mut faults: Vec<Fault>) -> Response {
    if form.style.posts_by_script() {
        let label = |key: &str| job.fields().find(|field| field.key == key).map_or("", |field| field.label);
        let errors: Vec<_> = faults
            .iter()
            .map(|Fault { key, message }| {
                json!({ "row": received.load.name(&format!("w-{key}")), "label": label(key), "message": message })
            })
            .collect();
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "errors": errors }))).into_response();
    }
    // A page cannot put a file back into its input: the applicant has to choose it again.
    for key in received.files.keys() {
        if !faults.iter().any(|fault| fault.key == *key) {
            faults.push(Fault { key, message: "Please attach the file again.".to_owned() });
        }
    }
    (StatusCode::UNPROCESSABLE_ENTITY, draw(form, job, uri, &Load::fresh(), &received.values, &faults)).into_response()
}

fn refuse(form: Form, status: StatusCode, text: &str) -> Response {
    if form.style.posts_by_script() {
        return (status, Json(json!({ "message": text }))).into_response();
    }
    page::notice(status, "We could not receive your application", text)
}

/// Closes the connection unanswered.
fn lose(extensions: &Extensions) -> Response {
    if let Some(ConnectInfo(cut)) = extensions.get::<ConnectInfo<Cut>>() {
        cut.now();
    }
    // Never seen by a client of `serve`; a router without connections has nothing else to give.
    StatusCode::BAD_GATEWAY.into_response()
}

fn email_of<'a>(received: &'a Received, job: &Job) -> &'a str {
    let key = job.fields().find(|field| field.kind == Kind::Email).map_or("", |field| field.key);
    received.values.get(key).and_then(|values| values.first()).map_or("", String::as_str)
}

/// The fault of `?fail=validation-once`: about the phone number if the form asks for one.
fn false_alarm(job: &Job) -> Fault {
    let phone = job.fields().find(|field| field.kind == Kind::Tel);
    let key = phone.or_else(|| job.fields().next()).map_or("", |field| field.key);
    Fault { key, message: "We could not verify this answer. Please check it and send the form again.".to_owned() }
}
