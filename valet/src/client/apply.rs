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

use super::api::{Api, Field, Review, Task};
use super::{login, render, session};
use crate::log;

/// Between looks at the server. A person sees a bar move at this pace; a hundred terminals cost nothing.
const PAUSE: Duration = Duration::from_millis(250);
/// A resume takes a second; beyond this something is wrong.
const PARSE_PATIENCE: Duration = Duration::from_secs(60);
/// An application takes seconds, its queue and its retries minutes.
const WORK_PATIENCE: Duration = Duration::from_secs(30 * 60);

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
    /// Submit without asking, provided that no answer is missing.
    #[arg(long)]
    yes: bool,
    /// An answer to a question of the form, as LABEL=VALUE; repeatable.
    #[arg(long = "answer", value_name = "LABEL=VALUE", value_parser = label_and_value)]
    answers: Vec<(String, String)>,
    /// Print one JSON object at the end, and nothing else on standard output.
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

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut api = session::open(args.server.as_deref(), args.data_dir.as_deref()).await?;
    consent(&mut api, &args).await?;
    let bar = render::bar(args.json || !std::io::stderr().is_terminal());
    bar.set_message("Reading your resume");
    let resume = upload(&mut api, &args.resume).await?;

    let key = uuid::Uuid::new_v4().to_string();
    let mut task = api.create_task(&args.url, &resume, &args.mode, &key).await?;
    if !args.json {
        bar.suspend(|| log::say(&format!("{}/tasks/{}", api.server(), task.id)));
    }
    let mut reviewed: Option<Review> = None;
    let mut sent_for_review = 0;
    loop {
        task = wait(&mut api, &task.id, &bar).await?;
        if task.status != "waiting_human" {
            break;
        }
        if let Some(interaction) = &task.interaction {
            bar.finish_and_clear();
            let message = interaction.message.as_deref().unwrap_or("You are needed");
            log::say(&format!("{message}\nOpen {}/tasks/{} to go on.", api.server(), task.id));
            break;
        }
        let review = api.review(&task.id).await?;
        let overrides = bar.suspend(|| decide(&args, &review))?;
        let Some(overrides) = overrides else {
            reviewed = Some(review);
            break;
        };
        sent_for_review += 1;
        if sent_for_review > 5 {
            bail!("the form keeps coming back for review; open {}/tasks/{}", api.server(), task.id);
        }
        api.approve(&task.id, review.revision, &json!(overrides)).await?;
        reviewed = Some(review);
    }
    bar.finish_and_clear();
    let final_review = api.review(&task.id).await.ok().or(reviewed);
    finish(&args, &task, final_review.as_ref())
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

/// Until the application needs a person or has ended.
async fn wait(api: &mut Api, id: &str, bar: &ProgressBar) -> anyhow::Result<Task> {
    let deadline = tokio::time::Instant::now() + WORK_PATIENCE;
    loop {
        let task = api.task(id).await?;
        render::show(bar, &task);
        if matches!(task.status.as_str(), "waiting_human" | "completed" | "failed" | "cancelled") {
            return Ok(task);
        }
        if tokio::time::Instant::now() > deadline {
            bail!("still not done; it goes on without this terminal: {}/tasks/{id}", api.server());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The person's word on the review: what to change, or `None` not to send.
fn decide(args: &Args, review: &Review) -> anyhow::Result<Option<BTreeMap<String, String>>> {
    if !args.json {
        log::say(&render::table(review));
    }
    for warning in &review.warnings {
        log::say(&warning.message);
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
            log::say("Not sent. These answers are yours to give (with --answer 'LABEL=VALUE'):");
            for field in missing {
                log::say(&format!("  {}", field.label));
            }
            return Ok(None);
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
        return Ok(Some(overrides));
    }
    if args.json || !std::io::stdin().is_terminal() {
        log::say("Not sent: nobody approved it. Use --yes to approve without being asked.");
        return Ok(None);
    }
    let word = login::ask("Submit this application? Nothing is sent until you say yes. [y/N] ")?;
    Ok(word.eq_ignore_ascii_case("y").then_some(overrides))
}

fn finish(args: &Args, task: &Task, review: Option<&Review>) -> anyhow::Result<ExitCode> {
    let submitted = task.status == "completed";
    if args.json {
        let fields: Vec<Json> = review
            .iter()
            .flat_map(|review| &review.fields)
            .map(|field| {
                json!({
                    "name": field.name, "label": field.label, "value": field.value,
                    "source": field.source, "confidence": field.confidence,
                })
            })
            .collect();
        let object = json!({
            "taskId": task.id, "status": task.status, "confirmation": task.confirmation, "fields": fields,
            "submittedAt": task.submitted_at,
        });
        log::print(&serde_json::to_string(&object)?);
    } else if submitted {
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
    Ok(if submitted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
