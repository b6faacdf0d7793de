//! `valet apply`: one application from the terminal, with the same review before anything is sent.
//!
//! Ends with exit code 0 only when the application is confirmed as submitted.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde_json::{Value as Json, json};

use super::api::{Api, Field, Refused, Review, Task};
use super::{login, render, session};
use crate::log;

/// Between looks at the server. A person sees a bar move at this pace; a hundred terminals cost nothing.
const PAUSE: Duration = Duration::from_millis(250);
/// A resume takes a second; beyond this something is wrong.
const PARSE_PATIENCE: Duration = Duration::from_secs(60);
/// An application takes seconds, its queue and its retries minutes.
const WORK_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Reviews of one application that are answered from here. A form that changes more often is for its person to see.
const REVIEWS_MAX: u32 = 6;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The resume to send: .pdf or .docx.
    #[arg(long, value_name = "FILE")]
    resume: PathBuf,
    /// The posting.
    #[arg(long, value_name = "URL")]
    url: String,
    #[arg(long, default_value = "copilot", value_parser = ["copilot", "autopilot"])]
    mode: String,
    /// Submit without asking, provided that no answer is missing and nothing was sent to this job before.
    #[arg(long)]
    yes: bool,
    /// Submit although you may have applied to this job before.
    #[arg(long)]
    again: bool,
    /// An answer to a question of the form, as LABEL=VALUE; repeatable.
    #[arg(long = "answer", value_name = "LABEL=VALUE", value_parser = label_and_value)]
    answers: Vec<(String, String)>,
    /// Print one JSON object at the end, whatever the end is, and nothing else on standard output.
    #[arg(long)]
    json: bool,
    /// The server; by default the one signed in to.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The data directory of a `valet up` on this machine, instead of a login.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

fn label_and_value(text: &str) -> Result<(String, String), String> {
    let (label, value) = text.split_once('=').ok_or("an answer looks like LABEL=VALUE")?;
    Ok((label.trim().to_owned(), value.to_owned()))
}

/// What is known of the application when the command ends, however it ends.
#[derive(Debug, Default)]
struct Known {
    task: Option<Task>,
    review: Option<Review>,
}

/// Why the application was not gone on with from here.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Stopped {
    code: &'static str,
    message: String,
}

fn stopped(code: &'static str, message: impl Into<String>) -> anyhow::Error {
    Stopped { code, message: message.into() }.into()
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let bar = render::bar(args.json || !std::io::stderr().is_terminal());
    let mut known = Known::default();
    let ended = apply(&args, &bar, &mut known).await;
    bar.finish_and_clear();
    if args.json {
        log::print(&object(&known, ended.as_ref().err()).to_string());
    }
    ended?;
    let submitted = known.task.as_ref().is_some_and(|task| task.status == "completed");
    if let Some(task) = known.task.filter(|_| !args.json) {
        tell(&args, &task);
    }
    Ok(if submitted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// From the resume to the end of the application, or to where it needs its person elsewhere.
async fn apply(args: &Args, bar: &ProgressBar, known: &mut Known) -> anyhow::Result<()> {
    let mut api = session::open(args.server.as_deref(), args.data_dir.as_deref()).await?;
    consent(&mut api, args).await?;
    bar.set_message("Reading your resume");
    let resume = upload(&mut api, &args.resume).await?;

    let key = uuid::Uuid::new_v4().to_string();
    let task = api.create_task(&args.url, &resume, &args.mode, &key).await?;
    let id = task.id.clone();
    known.task = Some(task);
    let page = format!("{}/tasks/{id}", api.server());
    if !args.json {
        bar.suspend(|| log::say(&page));
    }
    for _ in 0..REVIEWS_MAX {
        let task = wait(&mut api, &id, bar, &mut known.task).await?;
        if task.status != "waiting_human" {
            known.review = api.review(&id).await.ok().or(known.review.take());
            return Ok(());
        }
        if let Some(interaction) = &task.interaction {
            let message = interaction.message.as_deref().unwrap_or("You are needed");
            return Err(stopped("WAITING_HUMAN", format!("{message}\nOpen {page} to go on.")));
        }
        let review = known.review.insert(api.review(&id).await?);
        let overrides = bar.suspend(|| decide(args, review))?;
        api.approve(&id, review.revision, &json!(overrides)).await?;
    }
    Err(stopped("STALE_REVIEW", format!("the form keeps coming back for review; open {page}")))
}

/// Consents are the person's: asked for once, or given by `--yes` for the copilot only.
async fn consent(api: &mut Api, args: &Args) -> anyhow::Result<()> {
    if args.mode != "autopilot" || api.consent("autopilot_consent").await? {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("autopilot needs your consent once: give it on the Apply page, or run this in a terminal");
    }
    log::say(
        "Autopilot submits without showing you the form when every answer passes its quality gates:\nnothing required \
         is missing, nothing is uncertain, your resume is attached, and nothing asks for your signature.",
    );
    if login::ask("Allow autopilot for your applications? [y/N] ")?.to_lowercase() != "y" {
        bail!("autopilot was not allowed; leave --mode out to review each application");
    }
    api.give_consent("autopilot_consent").await
}

async fn upload(api: &mut Api, file: &std::path::Path) -> anyhow::Result<String> {
    let id = api.upload_resume(file).await?;
    let deadline = tokio::time::Instant::now() + PARSE_PATIENCE;
    loop {
        let resume = api.resume(&id).await?;
        match resume.status.as_str() {
            "parsed" => return Ok(id),
            "parse_failed" => {
                let why = resume.parse_error.map_or_else(String::new, |error| format!(" {}", error.message));
                bail!("{} could not be read as a resume.{why}", file.display());
            }
            _ if tokio::time::Instant::now() > deadline => bail!("the resume is still not read; try again later"),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Until the application needs a person or has ended. `seen` is how it stood last.
async fn wait(api: &mut Api, id: &str, bar: &ProgressBar, seen: &mut Option<Task>) -> anyhow::Result<Task> {
    let deadline = tokio::time::Instant::now() + WORK_PATIENCE;
    loop {
        let task = api.task(id).await?;
        render::show(bar, &task);
        *seen = Some(task.clone());
        if matches!(task.status.as_str(), "waiting_human" | "completed" | "failed" | "cancelled") {
            return Ok(task);
        }
        if tokio::time::Instant::now() > deadline {
            bail!("still not done; it goes on without this terminal: {}/tasks/{id}", api.server());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The person's word on the review: what to change before it is sent.
///
/// # Errors
/// When it is not to be sent, or what they gave fits no question.
fn decide(args: &Args, review: &Review) -> anyhow::Result<BTreeMap<String, String>> {
    if !args.json {
        log::say(&render::table(review));
    }
    for warning in &review.warnings {
        log::say(&warning.message);
    }
    // With nobody at the terminal to weigh that warning, it decides.
    let unseen = args.yes || args.json;
    if let Some(before) = review.warnings.iter().find(|warning| warning.code == "ALREADY_APPLIED")
        && unseen
        && !args.again
    {
        let message = format!("Not sent. {}. Use --again to send it all the same.", before.message);
        return Err(stopped("ALREADY_APPLIED", message));
    }
    let mut overrides = BTreeMap::new();
    for (label, value) in &args.answers {
        let mut named = review.fields.iter().filter(|field| field.label == *label || field.id == *label);
        let field = named.next().with_context(|| format!("the form has no question “{label}”"))?;
        if named.next().is_some() {
            bail!("the form has more than one question “{label}”; name it by its id");
        }
        overrides.insert(field.id.clone(), value.clone());
    }
    let missing: Vec<&Field> = review
        .fields
        .iter()
        .filter(|field| field.band == "needs_you" && field.value.is_none() && !overrides.contains_key(&field.id))
        .collect();
    if !missing.is_empty() {
        if args.yes || args.json || !std::io::stdin().is_terminal() {
            let labels: String = missing.iter().map(|field| format!("\n  {}", field.label)).collect();
            let message = format!("Not sent. These answers are yours to give (with --answer 'LABEL=VALUE'):{labels}");
            return Err(stopped("NEEDS_YOU", message));
        }
        for field in missing {
            if !field.options.is_empty() {
                let labels: Vec<&str> = field.options.iter().map(|choice| choice.label.as_str()).collect();
                log::say(&format!("  one of: {}", labels.join(" | ")));
            }
            let value = login::ask(&format!("{}: ", field.label))?;
            if !value.is_empty() {
                overrides.insert(field.id.clone(), value);
            }
        }
    }
    if args.yes {
        return Ok(overrides);
    }
    if args.json || !std::io::stdin().is_terminal() {
        let message = "Not sent: nobody approved it. Use --yes to approve without being asked.";
        return Err(stopped("NOT_APPROVED", message));
    }
    let word = login::ask("Submit this application? Nothing is sent until you say yes. [y/N] ")?;
    if !word.eq_ignore_ascii_case("y") {
        return Err(stopped("NOT_APPROVED", "Not sent. Its answers are kept, and it waits for you."));
    }
    Ok(overrides)
}

/// What `--json` prints. The code is the server's, or this command's own; none where neither has one.
fn object(known: &Known, error: Option<&anyhow::Error>) -> Json {
    let task = known.task.as_ref();
    let fields: Vec<Json> = known
        .review
        .iter()
        .flat_map(|review| &review.fields)
        .map(|field| {
            json!({
                "name": field.name, "label": field.label, "value": field.value,
                "source": field.source, "confidence": field.confidence,
            })
        })
        .collect();
    let (code, message) = match error {
        Some(error) => {
            let refused = error.chain().find_map(|cause| cause.downcast_ref::<Refused>());
            let stopped = error.downcast_ref::<Stopped>().map(|stopped| stopped.code.to_owned());
            (refused.and_then(|refused| refused.code.clone()).or(stopped), Some(error.to_string()))
        }
        None => (task.and_then(|task| task.error_code.clone()), task.and_then(|task| task.error_message.clone())),
    };
    json!({
        "taskId": task.map(|task| &task.id), "status": task.map(|task| &task.status),
        "confirmation": task.and_then(|task| task.confirmation.as_ref()), "fields": fields,
        "submittedAt": task.and_then(|task| task.submitted_at.as_ref()), "errorCode": code, "errorMessage": message,
    })
}

/// How the application ended, in words.
fn tell(args: &Args, task: &Task) {
    if task.status == "completed" {
        let text = task.confirmation.as_ref().and_then(|seen| seen.get("text")).and_then(Json::as_str).unwrap_or("");
        let number = task.confirmation.as_ref().and_then(|seen| seen.get("number")).and_then(Json::as_str);
        let what = match (&task.job_title, &task.company_name) {
            (Some(title), Some(company)) => format!("{title} at {company}"),
            _ => args.url.clone(),
        };
        log::print(&format!("Submitted: {what}\n{text}"));
        if let Some(number) = number {
            log::print(&format!("Confirmation number: {number}"));
        }
    } else if let Some(message) = &task.error_message {
        let code = task.error_code.as_deref().unwrap_or("no code");
        log::say(&format!("{message}\n({}, {code})", task.status));
    } else if task.status == "cancelled" {
        log::say("The application was cancelled. Nothing was sent.");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(more: &[&str]) -> Args {
        let words = ["apply", "--resume", "cv.pdf", "--url", "https://jobs.example/1"];
        Command::parse_from(words.iter().chain(more)).args
    }

    fn review(warnings: Json, value: Option<&str>) -> Review {
        let field = json!({
            "id": "f1", "name": "salary", "label": "Salary", "required": true, "value": value, "source": "user",
            "confidence": 1.0, "band": if value.is_some() { "sure" } else { "needs_you" }, "note": null,
        });
        serde_json::from_value(json!({ "revision": 2, "fields": [field], "warnings": warnings })).unwrap()
    }

    fn code(decided: anyhow::Result<BTreeMap<String, String>>) -> &'static str {
        decided.unwrap_err().downcast::<Stopped>().unwrap().code
    }

    #[test]
    fn nothing_is_sent_unseen_to_a_job_applied_to_before() {
        let before =
            json!([{ "code": "ALREADY_APPLIED", "message": "You may have applied to this job before", "details": {} }]);
        let review = |warnings: &Json| review(warnings.clone(), Some("1"));
        assert_eq!(code(decide(&args(&["--yes"]), &review(&before))), "ALREADY_APPLIED");
        assert_eq!(code(decide(&args(&["--yes", "--json"]), &review(&before))), "ALREADY_APPLIED");
        assert_eq!(code(decide(&args(&["--json"]), &review(&before))), "ALREADY_APPLIED");
        assert!(decide(&args(&["--yes", "--again"]), &review(&before)).is_ok());
        assert!(decide(&args(&["--yes"]), &review(&json!([]))).is_ok());
        let other = json!([{ "code": "SITE_SAYS", "message": "Please check", "details": {} }]);
        assert!(decide(&args(&["--yes"]), &review(&other)).is_ok());
    }

    #[test]
    fn what_is_missing_or_not_approved_is_said_with_a_code() {
        assert_eq!(code(decide(&args(&["--yes"]), &review(json!([]), None))), "NEEDS_YOU");
        assert!(decide(&args(&["--yes", "--answer", "Salary=1"]), &review(json!([]), None)).is_ok());
        assert_eq!(code(decide(&args(&["--json"]), &review(json!([]), Some("1")))), "NOT_APPROVED");
    }

    #[test]
    fn every_end_is_an_object_with_the_same_keys() {
        let task: Task = serde_json::from_value(json!({ "id": "t1", "status": "waiting_human" })).unwrap();
        let known = Known { task: Some(task), review: Some(review(json!([]), Some("1"))) };
        let refused =
            Refused { status: 400, code: Some("URL_REFUSED".into()), message: "Not an address to visit".into() };
        let refused = anyhow::Error::from(refused).context("the task was not taken");
        let own = stopped("NEEDS_YOU", "Not sent");
        let plain = anyhow::anyhow!("the file cannot be read");
        let none = Known::default();
        let ends = [
            (object(&none, Some(&refused)), json!(null), json!("URL_REFUSED")),
            (object(&none, Some(&plain)), json!(null), json!(null)),
            (object(&known, Some(&own)), json!("t1"), json!("NEEDS_YOU")),
            (object(&known, None), json!("t1"), json!(null)),
        ];
        for (object, task, code) in ends {
            let mut keys: Vec<&String> = object.as_object().unwrap().keys().collect();
            keys.sort();
            let all = ["confirmation", "errorCode", "errorMessage", "fields", "status", "submittedAt", "taskId"];
            assert_eq!(keys, all, "{object}");
            assert_eq!((&object["taskId"], &object["errorCode"]), (&task, &code), "{object}");
        }
        assert_eq!(object(&known, Some(&own))["fields"][0]["label"], "Salary");
        assert_eq!(object(&none, Some(&plain))["errorMessage"], "the file cannot be read");
    }

    #[test]
    fn a_failed_task_says_why() {
        let task =
            json!({ "id": "t1", "status": "failed", "errorCode": "JOB_CLOSED", "errorMessage": "It is closed." });
        let known = Known { task: serde_json::from_value(task).unwrap(), review: None };
        let object = object(&known, None);
        assert_eq!((&object["errorCode"], &object["errorMessage"]), (&json!("JOB_CLOSED"), &json!("It is closed.")));
    }
}
