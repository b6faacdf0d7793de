//! The front page, the suggested places and the list of submissions.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::catalog;
use crate::names::Load;
use crate::page::{Document, esc};
use crate::record::{Answer, Submission};
use crate::site::Site;

const CSS: &str = include_str!("assets/listing.css");
/// Rows of the page; `/submissions.json` has them all.
const ROWS_MAX: usize = 500;
/// Suggestions for one place.
const PLACES_MAX: usize = 6;

/// Which submissions to list.
#[derive(Debug, Deserialize)]
pub struct Filter {
    /// A job's slug.
    job: Option<String>,
    /// In any case.
    email: Option<String>,
}

/// The JSON of a list.
#[derive(Debug, Serialize)]
struct List {
    /// Submissions that match; without a filter, all that were ever recorded.
    count: u64,
    duplicates: u64,
    /// How many of `count` are too old to be kept in memory.
    omitted: u64,
    /// Oldest first.
    submissions: Vec<Arc<Submission>>,
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

/// `/`
pub async fn jobs() -> Html<String> {
    let cards: String = catalog::jobs()
        .map(|job| {
            format!(
                "<li><a href=\"{path}\"><strong>{title}</strong><span>{company}</span>\
                 <span class=\"«c-small»\">{location} · {terms}</span><span class=\"«c-chip»\">{style}-style form</span></a></li>",
                path = job.path(),
                title = esc(job.title),
                company = esc(job.company),
                location = esc(job.location),
                terms = esc(job.terms),
                style = capital(job.style.slug()),
            )
        })
        .collect();
    let body = format!(
        "<main class=\"«c-wide»\"><h1>Practice jobs</h1><p>Invented companies with real-looking application forms. Apply as \
         often as you like: nothing leaves this machine, and everything received is on the <a href=\"/submissions\">list of \
         submissions</a>.</p><ul class=\"«c-cards»\">{cards}</ul>\
         <p class=\"«c-small»\">Also: <a href=\"/workday/operations-analyst/wizard\">a form in several steps</a> · \
         <a href=\"/closed/platform-engineer\">a closed job</a> · <a href=\"/login-wall/platform-engineer\">a log-in wall</a> · \
         <a href=\"/captcha/platform-engineer\">a human verification</a> · \
         <a href=\"/two-factor/support-specialist\">an e-mailed code</a> (<a href=\"/mailbox\">mailbox</a>) · \
         <a href=\"/not-a-form\">a page without a form</a></p></main>"
    );
    Html(Document { title: "Practice jobs", css: CSS, body: &body, script: "" }.render(&Load::fresh()))
}

/// `/places?q=`: places that begin with, or contain, what was typed.
pub async fn places(Query(asked): Query<Asked>) -> Json<Vec<&'static str>> {
    let asked = asked.q.trim().to_lowercase();
    let hits = |begins: bool| {
        let asked = asked.clone();
        catalog::PLACES.iter().copied().filter(move |place| {
            let place = place.to_lowercase();
            place.starts_with(&asked) == begins && place.contains(&asked)
        })
    };
    Json(hits(true).chain(hits(false)).take(PLACES_MAX).collect())
}

/// `/submissions`: a page, or JSON for whoever prefers it.
pub async fn submissions(site: State<Arc<Site>>, headers: HeaderMap, filter: Query<Filter>) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("application/json") {
        return submissions_json(site, filter).await;
    }
    let list = list(&site, &filter);
    Html(table(&list)).into_response()
}

/// `/submissions.json`
pub async fn submissions_json(State(site): State<Arc<Site>>, Query(filter): Query<Filter>) -> Response {
    Json(list(&site, &filter)).into_response()
}

fn list(site: &Site, filter: &Filter) -> List {
    let email = filter.email.as_ref().map(|email| email.trim().to_lowercase());
    let fits = |one: &&Arc<Submission>| {
        filter.job.as_ref().is_none_or(|job| *job == one.job)
            && email.as_ref().is_none_or(|email| *email == one.email.to_lowercase())
    };
    let kept = site.record.read();
    let submissions: Vec<_> = kept.iter().filter(fits).map(Arc::clone).collect();
    let listed = submissions.len() as u64;
    let (count, duplicates) = if filter.job.is_none() && email.is_none() {
        (kept.count, kept.duplicates)
    } else {
        (listed, submissions.iter().filter(|one| one.duplicate_of.is_some()).count() as u64)
    };
    List { count, duplicates, omitted: count - listed, submissions }
}

fn table(list: &List) -> String {
    let rows: String = list.submissions.iter().rev().take(ROWS_MAX).map(|one| row(one)).collect();
    let rows = match rows.as_str() {
        "" => "<tr><td colspan=\"6\">Nothing has been received yet.</td></tr>".to_owned(),
        _ => rows,
    };
    let shown = list.submissions.len().min(ROWS_MAX) as u64;
    let rest = match list.count - shown {
        0 => String::new(),
        older => format!("<p class=\"«c-small»\">{older} older ones are not shown.</p>"),
    };
    let alarm = if list.duplicates > 0 { " «c-bad»" } else { "" };
    let body = format!(
        "<main class=\"«c-wide»\"><p><a href=\"/\">Practice jobs</a></p><h1>Submissions</h1>\
         <p class=\"«c-figures»\"><span><strong>{}</strong> received</span> <span class=\"«c-dup»{alarm}\"><strong>{}</strong> \
         duplicates</span> <a href=\"/submissions.json\">JSON</a></p><div class=\"«c-scroll»\"><table><thead><tr><th>#</th>\
         <th>Received</th><th>Number</th><th>Job</th><th>Applicant</th><th>Answers</th></tr></thead><tbody>{rows}</tbody></table></div>{rest}</main>",
        list.count, list.duplicates
    );
    Document { title: "Submissions", css: CSS, body: &body, script: "" }.render(&Load::fresh())
}

fn row(one: &Submission) -> String {
    let mut answers = String::new();
    for (label, answer) in &one.fields {
        let text = match answer {
            Answer::One(text) => esc(text),
            Answer::Many(texts) => esc(&texts.join(", ")),
        };
        answers += &format!("<dt>{}</dt><dd>{text}</dd>", esc(label));
    }
    for file in &one.files {
        let (label, name, kind) = (esc(&file.label), esc(&file.name), esc(&file.content_type));
        answers +=
            &format!("<dt>{label}</dt><dd>{name} · {} bytes · {kind}<br><code>{}</code></dd>", file.size, file.sha256);
    }
    let mut chips = String::new();
    if let Some(first) = one.duplicate_of {
        chips += &format!(" <span class=\"«c-chip» «c-bad»\">duplicate of #{first}</span>");
    }
    if one.honeypot {
        chips += " <span class=\"«c-chip» «c-bad»\">honeypot filled</span>";
    }
    format!(
        "<tr{mark}><td>{id}</td><td><time>{at}</time></td><td class=\"«c-number»\">{number}{chips}</td>\
         <td>{title}<br><span class=\"«c-small»\">{company} · {style}</span></td><td>{email}</td>\
         <td><details><summary>{count} answers, {files}</summary><dl>{answers}</dl></details></td></tr>",
        mark = if one.duplicate_of.is_some() { " class=\"«c-marked»\"" } else { "" },
        id = one.id,
        at = one.received_at.format("%Y-%m-%d %H:%M:%S UTC"),
        number = esc(&one.number),
        title = esc(&one.title),
        company = esc(&one.company),
        style = one.style.slug(),
        email = esc(&one.email),
        count = one.fields.len(),
        files = match one.files.len() {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        },
    )
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
