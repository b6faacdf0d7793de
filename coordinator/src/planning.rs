//! Gathers what is known of a person and has the pure planner ([`crate::answers`]) decide the values of a form.

use std::sync::Arc;

use chrono::Utc;
use protocol::form::FileRef;
use protocol::plan::{FillPlan, Source};
use sha2::{Digest as _, Sha256};
use store::facts::{self, BankRow, Person};
use store::resumes::{self, StoredResume};
use store::tasks::Task;
use store::users::PLACEHOLDER_EMAIL;

use crate::answers::{self, Account, BankAnswer, BankEntry, Facts, Given, Profile};
use crate::core::Core;
use crate::task::machine::Live;

/// Plans the review's form.
///
/// # Errors
/// When the facts cannot be read.
pub async fn plan(core: &Arc<Core>, live: &Live) -> anyhow::Result<FillPlan> {
    let review = live.review.as_ref().ok_or_else(|| anyhow::anyhow!("there is no form to plan"))?;
    let facts = gather(core, live).await?;
    let form = review.form.clone();
    // A long form against a full bank takes milliseconds of pure computing: not on the reactor's threads.
    Ok(tokio::task::spawn_blocking(move || answers::plan(&form, &facts)).await?)
}

async fn gather(core: &Core, live: &Live) -> anyhow::Result<Facts> {
    let task = &live.task;
    let mut tx = core.store.begin().await?;
    let person = facts::person(&mut tx, task.user_id).await?.ok_or_else(|| anyhow::anyhow!("the person is gone"))?;
    let bank = facts::bank(&mut tx, task.user_id).await?;
    let resume = match task.resume_id {
        Some(id) => resumes::stored(&mut tx, id).await?,
        None => None,
    };
    drop(tx);

    let account = if person.email == PLACEHOLDER_EMAIL {
        Account::default()
    } else {
        Account { name: person.name.clone(), email: person.email.clone() }
    };
    let mut known = Facts::new(account, Utc::now().date_naive());
    known.profile = profile(&person);
    known.bank = bank.into_iter().filter_map(bank_entry).collect();
    if let Some(resume) = resume {
        known.resume = resume.parsed_data.clone().and_then(|data| serde_json::from_value(data).ok());
        known.resume_file = file(core, &resume).await?.map(|(file, _)| file);
    }
    known.given = given(live);
    known.accepts_privacy_notices =
        person.preferences.get("acceptPrivacyNotices").and_then(serde_json::Value::as_bool).unwrap_or(true);
    Ok(known)
}

fn profile(person: &Person) -> Profile {
    let list = |json: &serde_json::Value| serde_json::from_value(json.clone()).unwrap_or_default();
    Profile {
        phone: person.phone.clone(),
        location: person.location.clone(),
        linkedin_url: person.linkedin_url.clone(),
        github_url: person.github_url.clone(),
        portfolio_url: person.portfolio_url.clone(),
        work_history: serde_json::from_value(person.work_history.clone()).unwrap_or_default(),
        education: serde_json::from_value(person.education.clone()).unwrap_or_default(),
        skills: list(&person.skills),
        certifications: list(&person.certifications),
        languages: list(&person.languages),
        ..Profile::default()
    }
}

fn bank_entry(row: BankRow) -> Option<BankEntry> {
    Some(BankEntry {
        id: row.id,
        entry: BankAnswer {
            category: row.category,
            question: row.question,
            answer: row.answer,
            usage_mode: row.usage_mode.parse().ok()?,
            source: row.source.parse().ok()?,
        },
    })
}

/// What the person entered for this task before the form was opened again.
fn given(live: &Live) -> Vec<Given> {
    let Some(review) = &live.review else { return Vec::new() };
    review
        .plan
        .fields
        .iter()
        .filter(|planned| planned.source == Some(Source::User))
        .filter_map(|planned| {
            Some(Given {
                field: planned.field.clone(),
                question: review.form.field(&planned.field)?.label.clone(),
                value: planned.value.clone()?,
            })
        })
        .collect()
}

/// The resume's bytes and how a form is told of them; `None` when the stored file is gone.
///
/// # Errors
/// When the storage fails.
pub async fn file(core: &Core, resume: &StoredResume) -> anyhow::Result<Option<(FileRef, bytes::Bytes)>> {
    let bytes = match core.files.get(&resume.file_key).await {
        Ok(bytes) => bytes,
        Err(store::files::FilesError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let file = FileRef {
        name: resume.filename.clone(),
        size: bytes.len() as u64,
        sha256: hex::encode(Sha256::digest(&bytes)),
    };
    Ok(Some((file, bytes)))
}

/// The files of a task's job.
///
/// # Errors
/// When the database or the storage fails.
pub async fn files(core: &Core, task: &Task) -> anyhow::Result<Vec<(FileRef, bytes::Bytes)>> {
    let Some(id) = task.resume_id else { return Ok(Vec::new()) };
    let mut tx = core.store.begin().await?;
    let resume = resumes::stored(&mut tx, id).await?;
    drop(tx);
    match resume {
        Some(resume) if resume.user == task.user_id => Ok(file(core, &resume).await?.into_iter().collect()),
        _ => Ok(Vec::new()),
    }
}
