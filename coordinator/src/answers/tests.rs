//! Tables of labels, options and whole small forms in the words of many employers.

mod edits;
mod forms;
mod kinds;
mod matching;
mod sheet;

use chrono::NaiveDate;

use protocol::form::{Choice, Field, FieldKind, FileRef, FormModel, PageState, Value};
use protocol::ids::{FieldId, QaEntryId};
use protocol::plan::PlannedField;

use super::*;

/// A field of no particular page.
fn field(kind: FieldKind, label: &str) -> Field {
    Field { required: true, ..Field::new(label, kind, label) }
}

fn text(label: &str) -> Field {
    field(FieldKind::Text, label)
}

fn select(label: &str, options: &[&str]) -> Field {
    Field { options: choices(options), ..field(FieldKind::Select, label) }
}

fn choices(labels: &[&str]) -> Vec<Choice> {
    labels.iter().map(|label| Choice { value: String::new(), label: (*label).to_owned() }).collect()
}

fn form(fields: Vec<Field>) -> FormModel {
    FormModel {
        page: PageState {
            company: Some("Fernhill".into()),
            ..PageState::new("https://jobs.example.com/apply", "Apply")
        },
        fields,
    }
}

fn entry(question: &str, answer: &str) -> BankEntry {
    entry_for(question, answer, UsageMode::AlwaysUse)
}

fn entry_for(question: &str, answer: &str, usage_mode: UsageMode) -> BankEntry {
    BankEntry {
        id: QaEntryId::new(),
        entry: BankAnswer {
            category: "custom".into(),
            question: question.into(),
            answer: answer.into(),
            usage_mode,
            source: AnswerSource::UserInput,
        },
    }
}

/// Someone in Portland, Oregon, with two jobs and a small bank.
fn person() -> Facts {
    let account = Account { name: "Tomas Rivera Okafor".into(), email: "tomas@example.org".into() };
    let mut facts = Facts::new(account, NaiveDate::from_ymd_opt(2026, 6, 15).unwrap());
    let job = |title: &str, company: &str, start: &str, end: Option<&str>| Position {
        title: title.into(),
        company: company.into(),
        location: Some("Portland, OR".into()),
        start_date: Some(start.into()),
        end_date: end.map(str::to_owned),
        description: Some(format!("Work at {company}")),
        bullets: Vec::new(),
    };
    facts.profile = Profile {
        phone: Some("(503) 555-0199".into()),
        location: Some("Portland, OR, United States".into()),
        address: Address {
            line1: Some("12 Rose Lane".into()),
            postal_code: Some("97205".into()),
            ..Address::default()
        },
        linkedin_url: Some("https://www.linkedin.com/in/tomas-example".into()),
        portfolio_url: Some("https://tomas.example.org".into()),
        work_history: vec![
            job("Accountant", "Birch & Co", "2017-01", Some("2020-12")),
            job("Senior Accountant", "Alder Ltd", "2020-06", None),
        ],
        education: vec![Schooling {
            school: "Portland State University".into(),
            degree: "Master of Science".into(),
            field_of_study: Some("Accounting".into()),
            start_date: Some("2014-09".into()),
            end_date: Some("2016-06".into()),
            ..Schooling::default()
        }],
        skills: vec!["Excel".into(), "SQL".into()],
        languages: vec!["English (native)".into(), "Portuguese (intermediate)".into()],
        ..Profile::default()
    };
    facts.resume_file = Some(FileRef { name: "tomas.pdf".into(), size: 10, sha256: "00".into() });
    facts.bank = vec![
        entry("Are you legally authorized to work in the United States?", "Yes"),
        entry("Will you now or in the future require sponsorship?", "No"),
        entry("Do you have the right to work in Canada?", "No"),
        entry("What are your salary expectations?", "95000"),
        entry("What is your notice period?", "2 weeks"),
        entry("How did you hear about this job?", "LinkedIn"),
        entry("Gender", "Male"),
        entry("Race / ethnicity", "Asian"),
        entry("Veteran status", "I am not a protected veteran"),
        entry_for("Disability status", "", UsageMode::DeclineToAnswer),
        entry_for("Why do you want this job?", "I like tidy books.", UsageMode::AskEachTime),
        entry("How many years of experience do you have with SAP?", "4"),
        entry("Do you have experience preparing audits for public companies?", "Yes"),
    ];
    facts
}

/// The decision for a field alone in its form.
fn decide(facts: &Facts, field: Field) -> PlannedField {
    let form = form(vec![field]);
    plan(&form, facts).fields.remove(0)
}

fn shown(planned: &PlannedField) -> Option<String> {
    planned.value.as_ref().and_then(Value::display)
}
