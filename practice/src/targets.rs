//! Addresses that are not an application form one can simply fill in: closed jobs, a log-in, a page
//! that never answers and the like.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{Extensions, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::apply::{self, Form};
use crate::job::{Job, Style};
use crate::line::Cut;
use crate::names::Load;
use crate::page::{self, Document, esc};
use crate::site::Site;
use crate::{catalog, switches};

/// How long `/hang` keeps a connection: longer than any client waits, but not for ever.
const HANG: Duration = Duration::from_secs(10 * 60);

fn job(slug: &str) -> Option<&'static Job> {
    catalog::find(Style::Greenhouse, slug)
}

/// `/closed/<job>`
pub async fn closed(Path(slug): Path<String>) -> Response {
    let Some(job) = job(&slug) else {
        return page::not_found();
    };
    let text =
        format!("{} at {} is no longer accepting applications. The position has been filled.", job.title, job.company);
    page::notice(StatusCode::OK, "This job is no longer open", &text)
}

/// `GET /login-wall/<job>`
pub async fn login_wall(Path(slug): Path<String>) -> Response {
    log_in(&slug, StatusCode::OK, "")
}

/// `POST /login-wall/<job>`: nobody has an account.
pub async fn log_in_fails(Path(slug): Path<String>) -> Response {
    log_in(
        &slug,
        StatusCode::UNPROCESSABLE_ENTITY,
        "<p class=\"«c-alert»\" role=\"alert\">The e-mail address or the password is wrong.</p>",
    )
}

fn log_in(slug: &str, status: StatusCode, alert: &str) -> Response {
    let Some(job) = job(slug) else {
        return page::not_found();
    };
    let (company, position) = (esc(job.company), esc(job.title));
    let body = format!(
        "<main class=\"«c-narrow»\"><p><strong>{company}</strong></p><h1>Sign in to apply</h1>\
         <p>You need a candidate account to apply for {position}.</p>{alert}<form method=\"post\">\
         <p><label for=\"«i-user»\">Email address</label><input type=\"email\" id=\"«i-user»\" name=\"«n-user»\" autocomplete=\"username\" required></p>\
         <p><label for=\"«i-pass»\">Password</label><input type=\"password\" id=\"«i-pass»\" name=\"«n-pass»\" autocomplete=\"current-password\" required></p>\
         <button type=\"submit\" class=\"«c-submit»\">Sign in</button></form>\
         <p class=\"«c-small»\">New here? Ask your recruiter for an invitation.</p></main>"
    );
    let page = Document { title: "Sign in to apply", css: "", body: &body, script: "" }.render(&Load::fresh());
    (status, Html(page)).into_response()
}

/// `/not-a-form`: an article.
pub async fn not_a_form() -> Html<String> {
    let body = "<main class=\"«c-narrow»\"><article><h1>What we learned from a year of quieter harbours</h1>\
        <p class=\"«c-small»\">From our journal</p><p>Last spring we replaced the winches on three piers. The noise fell by half, \
        which we had hoped for; the number of birds doubled, which nobody had asked about.</p>\
        <h2>Measuring what people hear</h2><p>A microphone on a lamp post knows nothing about sleep. So we asked the neighbours to \
        keep a diary, and compared it with the timetable of the ships.</p>\
        <p>The diaries disagreed with the microphones in one place only: Sundays.</p></article>\
        <nav><a href=\"/\">Open jobs</a></nav></main>";
    let title = "What we learned from a year of quieter harbours";
    Html(Document { title, css: "", body, script: "" }.render(&Load::fresh()))
}

/// `/hang`: never answers.
pub async fn hang(State(site): State<Arc<Site>>, extensions: Extensions) -> StatusCode {
    site.pause(HANG).await;
    if let Some(ConnectInfo(cut)) = extensions.get::<ConnectInfo<Cut>>() {
        cut.now();
    }
    StatusCode::GATEWAY_TIMEOUT
}

/// `/redirect-private`: leads to an address no server may be led to.
pub async fn redirect_private() -> Response {
    let mut response = Redirect::to("http://169.254.169.254/").into_response();
    *response.status_mut() = StatusCode::FOUND;
    response
}

/// `/slow/<job>?ms=`: the form, late.
pub async fn slow(State(site): State<Arc<Site>>, path: Path<String>, uri: Uri) -> Response {
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let ms = query.into_iter().find(|(name, _)| name == "ms").map(|(_, value)| value);
    match ms.as_deref().map(switches::milliseconds).transpose() {
        Ok(delay) => site.pause(delay.unwrap_or_default()).await,
        Err(text) => {
            return page::notice(StatusCode::BAD_REQUEST, "This address has a wrong switch", &text);
        }
    }
    apply::show(Form::plain(Style::Greenhouse), path, uri).await
}
