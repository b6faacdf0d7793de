//! Everything known about a person when a form is planned. The coordinator gathers it from the account, the
//! profile, the parsed resume, the bank of answers and this task's own edits; nothing else may fill a form.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use protocol::form::{FileRef, Value};
use protocol::ids::{FieldId, QaEntryId};

/// All facts of one person, for one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub account: Account,
    pub profile: Profile,
    pub resume: Option<Resume>,
    pub bank: Vec<BankEntry>,
    /// The resume to upload.
    pub resume_file: Option<FileRef>,
    pub cover_letter_file: Option<FileRef>,
    /// The cover letter's text, for boxes that want it typed.
    pub cover_letter: Option<String>,
    /// What the person entered for this very task (edits at review, answers to its questions).
    pub given: Vec<Given>,
    /// Plain privacy notices are ticked for the person to check at review, which stops autopilot; off when they said so
    /// in the settings. Never covers certifications, signatures or arbitration.
    pub accepts_privacy_notices: bool,
    /// The day to count years of experience to.
    pub today: NaiveDate,
}

impl Facts {
    /// Facts of a person of whom only the account is known.
    #[must_use]
    pub fn new(account: Account, today: NaiveDate) -> Self {
        Self {
            account,
            profile: Profile::default(),
            resume: None,
            bank: Vec::new(),
            resume_file: None,
            cover_letter_file: None,
            cover_letter: None,
            given: Vec::new(),
            accepts_privacy_notices: true,
            today,
        }
    }
}

/// The account that a person signs in with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account {
    pub name: String,
    pub email: String,
}

/// The columns of the profile page. Empty text and empty lists are the same as nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    pub first_name: Option<String>,
    pub middle_name: Option<String>,
    pub last_name: Option<String>,
    pub preferred_name: Option<String>,
    pub phone: Option<String>,
    /// Where the person lives, as they write it.
    pub location: Option<String>,
    pub address: Address,
    pub headline: Option<String>,
    pub linkedin_url: Option<String>,
    pub github_url: Option<String>,
    pub portfolio_url: Option<String>,
    pub work_history: Vec<Position>,
    pub education: Vec<Schooling>,
    pub skills: Vec<String>,
    pub certifications: Vec<String>,
    /// One language each, its level in brackets or after a dash if known: `Spanish (professional)`.
    pub languages: Vec<String>,
}

/// A postal address in parts; what is missing is read from [`Profile::location`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Address {
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
}

/// What a resume says: the members of the contract's `ParsedResumeData` that answers are made from, under its names.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resume {
    pub full_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub location: Option<String>,
    pub summary: Option<String>,
    pub skills: Vec<String>,
    pub education: Vec<Schooling>,
    pub work_history: Vec<Position>,
    pub certifications: Vec<String>,
    pub languages: Vec<String>,
    pub total_years_experience: Option<f64>,
    pub websites: Vec<String>,
}

/// One job. Dates are `2021-03` or `2021`; one that has a start and no end is the present one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Position {
    pub title: String,
    pub company: String,
    pub location: Option<String>,
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    pub description: Option<String>,
    pub bullets: Vec<String>,
}

/// One school or degree.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Schooling {
    pub school: String,
    pub degree: String,
    pub field_of_study: Option<String>,
    pub gpa: Option<String>,
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    pub expected_graduation: Option<String>,
}

protocol::named_enum! {
    /// What an entry of the bank may be used for.
    pub enum UsageMode {
        AlwaysUse = "always_use",
        AskEachTime = "ask_each_time",
        DeclineToAnswer = "decline_to_answer",
    }
}

protocol::named_enum! {
    /// Who wrote an entry of the bank.
    pub enum AnswerSource {
        UserInput = "user_input",
        ResumeInferred = "resume_inferred",
        ApplicationLearned = "application_learned",
    }
}

/// One remembered question and answer, as it would be written to the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAnswer {
    /// One of the contract's categories.
    pub category: String,
    pub question: String,
    pub answer: String,
    pub usage_mode: UsageMode,
    pub source: AnswerSource,
}

/// An entry of the bank with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankEntry {
    pub id: QaEntryId,
    pub entry: BankAnswer,
}

/// An answer the person gave for this task: to one field, or to the same question wherever it comes up again.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    pub field: FieldId,
    pub question: String,
    pub value: Value,
}
