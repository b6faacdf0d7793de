//! The person of a folder of forms with expected answers (`profile.json`), as the planner knows a person.

use anyhow::Context as _;
use chrono::NaiveDate;
use coordinator::answers::{
    Account, Address, AnswerSource, BankAnswer, BankEntry, Facts, Position, Profile, Resume, Schooling, UsageMode,
};
use protocol::form::FileRef;
use protocol::ids::QaEntryId;
use serde_json::Value as Json;

/// The person of `profile.json`, with the form's own additions to the bank.
///
/// # Errors
/// When the profile lacks what every person has (name, e-mail, the day).
pub fn facts_from_ats_profile(
    profile: &Json,
    qa_extra: &[Json],
    resume_file: Option<FileRef>,
    cover_letter_file: Option<FileRef>,
) -> anyhow::Result<Facts> {
    let text = |at: &str| profile.pointer(at).and_then(Json::as_str).map(str::to_owned);
    let today: NaiveDate = text("/today").context("no today")?.parse()?;
    let account = Account {
        name: text("/person/full_name").context("no name")?,
        email: text("/person/email").context("no e-mail")?,
    };
    let list = |at: &str| profile.pointer(at).and_then(Json::as_array).cloned().unwrap_or_default();
    let member = |item: &Json, name: &str| item.get(name).and_then(Json::as_str).map(str::to_owned);
    let mut facts = Facts::new(account, today);
    facts.profile = Profile {
        first_name: text("/person/first_name"),
        middle_name: text("/person/middle_name"),
        last_name: text("/person/last_name"),
        preferred_name: text("/person/preferred_name"),
        phone: text("/person/phone_e164"),
        location: text("/address/location"),
        address: Address {
            line1: text("/address/line1"),
            line2: text("/address/line2"),
            city: text("/address/city"),
            state: text("/address/state"),
            postal_code: text("/address/postal_code"),
            country: text("/address/country"),
        },
        headline: text("/person/headline"),
        linkedin_url: text("/links/linkedin"),
        github_url: text("/links/github"),
        portfolio_url: text("/links/portfolio"),
        work_history: list("/work_history")
            .iter()
            .map(|job| Position {
                title: member(job, "title").unwrap_or_default(),
                company: member(job, "company").unwrap_or_default(),
                location: member(job, "location"),
                start_date: member(job, "start"),
                end_date: member(job, "end"),
                description: member(job, "description"),
                bullets: Vec::new(),
            })
            .collect(),
        education: list("/education")
            .iter()
            .map(|school| Schooling {
                school: member(school, "school").unwrap_or_default(),
                degree: member(school, "degree").unwrap_or_default(),
                field_of_study: member(school, "field"),
                gpa: member(school, "gpa"),
                start_date: member(school, "start"),
                end_date: member(school, "end"),
                expected_graduation: None,
            })
            .collect(),
        skills: list("/skills").iter().filter_map(|skill| skill.as_str().map(str::to_owned)).collect(),
        certifications: Vec::new(),
        languages: list("/languages")
            .iter()
            .filter_map(|item| Some(format!("{} ({})", member(item, "language")?, member(item, "level")?)))
            .collect(),
    };
    facts.resume = Some(Resume::default());
    facts.cover_letter = text("/cover_letter");
    facts.resume_file = resume_file;
    facts.cover_letter_file = cover_letter_file;
    facts.bank = list("/qa_bank").iter().chain(qa_extra).map(bank_entry).collect::<anyhow::Result<_>>()?;
    Ok(facts)
}

fn bank_entry(item: &Json) -> anyhow::Result<BankEntry> {
    let text = |name: &str| item.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let usage_mode: UsageMode = text("usage_mode").parse()?;
    let source = text("source").parse().unwrap_or(AnswerSource::UserInput);
    Ok(BankEntry {
        id: QaEntryId::new(),
        entry: BankAnswer {
            category: text("category"),
            question: text("question"),
            answer: text("answer"),
            usage_mode,
            source,
        },
    })
}
