//! Measures the answer planner on a folder of forms with expected answers (the layout of `dev/` beside this
//! repository: `profile.json`, `expected/<form>.json`). Pure: forms come in as [`FormModel`]s, whoever observed them.
//!
//! Used by the forms bench, which observes and fills the pages in a browser, and by the test below, which reads
//! models dumped as JSON.

use std::collections::HashMap;

use anyhow::Context as _;
use chrono::NaiveDate;
use coordinator::answers::{
    Account, Address, AnswerSource, BankAnswer, BankEntry, Facts, Position, Profile, Resume, Schooling, UsageMode, plan,
};
use protocol::form::{FileRef, FormModel, Value};
use protocol::ids::{FieldId, QaEntryId};
use protocol::plan::{FillPlan, PlannedField, SURE};
use serde_json::Value as Json;

/// One line of `expected/<form>.json`.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Expected {
    pub key: String,
    pub label: String,
    pub required: bool,
    /// `fill`, `leave`, `ask` or `optional`.
    pub policy: String,
    #[serde(default)]
    pub canonical: String,
    pub expected_value: Json,
    #[serde(default, rename = "match")]
    pub matching: Option<String>,
    #[serde(default)]
    pub any_of: Vec<String>,
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub min_length: Option<usize>,
    #[serde(default)]
    pub step: Option<u16>,
}

/// How a field came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Right,
    Blank,
    Wrong,
}

/// Figures over any number of forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub fill: usize,
    pub fill_right: usize,
    pub required: usize,
    pub required_right: usize,
    pub leave: usize,
    pub leave_right: usize,
    /// `ask` fields that hold something other than the person's own answer.
    pub guessed: usize,
    /// Not blank and not right, whatever the policy.
    pub wrong: usize,
    pub sure: usize,
    pub sure_wrong: usize,
}

impl Figures {
    pub fn add(&mut self, expected: &Expected, verdict: Verdict, sure: bool) {
        match expected.policy.as_str() {
            "fill" => {
                self.fill += 1;
                self.fill_right += usize::from(verdict == Verdict::Right);
                self.required += usize::from(expected.required);
                self.required_right += usize::from(expected.required && verdict == Verdict::Right);
            }
            "leave" => {
                self.leave += 1;
                self.leave_right += usize::from(verdict != Verdict::Wrong);
            }
            "ask" => self.guessed += usize::from(verdict == Verdict::Wrong),
            _ => {}
        }
        self.wrong += usize::from(verdict == Verdict::Wrong);
        self.sure += usize::from(sure);
        self.sure_wrong += usize::from(sure && verdict == Verdict::Wrong);
    }
}

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

/// Judges what would be in the page after a plan is carried out. `fields` names, for an expected key, the field of
/// the form (and, where one question is several expected boxes, the option) that it stands for.
#[must_use]
pub fn judge(expected: &Expected, form: &FormModel, planned: Option<&PlannedField>) -> Verdict {
    let field = planned.and_then(|planned| form.field(&planned.field));
    let value = planned.and_then(|planned| planned.value.clone()).unwrap_or_default();
    let mut got: Vec<String> = match &value {
        Value::Choices(labels) => labels.clone(),
        Value::Empty | Value::Checked(false) => Vec::new(),
        value => value.display().into_iter().collect(),
    };
    // One box of a group that the form model holds as one field.
    if matches!((&expected.expected_value, &value), (Json::Bool(_), Value::Choices(_))) {
        let said = |label: &String| {
            let label = label.to_lowercase();
            let asked = expected.label.to_lowercase();
            let start: String = label.chars().take(14).collect();
            asked.contains(&start)
        };
        got.retain(said);
    }
    if expected.by.as_deref() == Some("value")
        && let Some(field) = field
    {
        let page_value = |label: &String| {
            field
                .options
                .iter()
                .find(|option| option.label == *label)
                .map_or_else(|| label.clone(), |option| option.value.clone())
        };
        got = got.iter().map(page_value).collect();
    }
    if got.is_empty() {
        let blank_is_right = expected.policy != "fill" || matches!(expected.expected_value, Json::Bool(false));
        return if blank_is_right { Verdict::Right } else { Verdict::Blank };
    }
    if holds(expected, &got) { Verdict::Right } else { Verdict::Wrong }
}

fn holds(expected: &Expected, got: &[String]) -> bool {
    let lower = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let wanted: Vec<String> = match &expected.expected_value {
        Json::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        Json::String(text) => vec![text.clone()],
        Json::Number(number) => vec![number.to_string()],
        _ => Vec::new(),
    };
    let joined = got.join("; ");
    let first = wanted.first().cloned().unwrap_or_default();
    match expected.matching.as_deref().unwrap_or(if expected.policy == "leave" { "blank" } else { "exact" }) {
        "blank" | "unchecked" => false,
        "nonempty" => joined.chars().count() >= expected.min_length.unwrap_or(1),
        "digits" => digits(&joined).ends_with(&digits(&first)) && !first.is_empty(),
        "ci" => lower(&joined) == lower(&first),
        "contains" => wanted.iter().all(|want| lower(&joined).contains(&lower(want))),
        "any_of" => {
            let any = if expected.any_of.is_empty() { &wanted } else { &expected.any_of };
            any.iter().any(|want| lower(want) == lower(&joined))
        }
        "set" => {
            let sorted = |list: &[String]| {
                let mut list: Vec<String> = list.iter().map(|item| lower(item)).collect();
                list.sort();
                list
            };
            sorted(got) == sorted(&wanted)
        }
        "superset" => wanted.iter().all(|want| got.iter().any(|item| lower(item) == lower(want))),
        "checked" => true,
        "number" => digits(&joined).parse::<f64>().ok() == first.parse().ok(),
        "file" => wanted.iter().any(|want| lower(&joined).ends_with(&lower(want))),
        _ => match &expected.expected_value {
            Json::Bool(on) => *on,
            _ => joined.trim() == first,
        },
    }
}

/// Plans one step and judges every expected field that is in it; `fields` maps keys to fields.
#[must_use]
pub fn measure(
    form: &FormModel,
    facts: &Facts,
    expected: &[Expected],
    fields: &HashMap<String, Option<FieldId>>,
    figures: &mut Figures,
) -> (FillPlan, Vec<(String, Verdict)>) {
    let plan = plan(form, facts);
    let verdicts = expected
        .iter()
        .filter_map(|expected| {
            let id = fields.get(&expected.key)?.as_ref()?;
            let planned = plan.get(id);
            let verdict = judge(expected, form, planned);
            let sure =
                planned.is_some_and(|planned| planned.value.is_some() && !planned.ask && planned.confidence >= SURE);
            figures.add(expected, verdict, sure);
            Some((expected.key.clone(), verdict))
        })
        .collect();
    (plan, verdicts)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Dump {
        id: String,
        steps: Vec<Step>,
    }

    #[derive(serde::Deserialize)]
    struct Step {
        model: FormModel,
        map: HashMap<String, Option<FieldId>>,
    }

    /// `VALET_ATS_DIR`: the folder of forms; `VALET_FORM_DUMPS`: their models, dumped as JSON by an observer.
    #[test]
    fn dumped_forms_are_planned_without_a_wrong_value() {
        let (Some(dir), Some(dumps)) = (std::env::var_os("VALET_ATS_DIR"), std::env::var_os("VALET_FORM_DUMPS")) else {
            println!("skipped: VALET_ATS_DIR and VALET_FORM_DUMPS are not set");
            return;
        };
        let (dir, dumps) = (PathBuf::from(dir), PathBuf::from(dumps));
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        let profile: Json = serde_json::from_str(&read(dir.join("profile.json"))).unwrap();
        let file = |name: &str| Some(FileRef { name: name.to_owned(), size: 1, sha256: String::new() });
        let mut total = Figures::default();
        let mut files: Vec<_> = std::fs::read_dir(dumps).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for path in files {
            let dump: Dump = serde_json::from_str(&read(path)).unwrap();
            let sheet: Json =
                serde_json::from_str(&read(dir.join("expected").join(format!("{}.json", dump.id)))).unwrap();
            let extra = sheet["qa_extra"].as_array().cloned().unwrap_or_default();
            let mut facts = facts_from_ats_profile(
                &profile,
                &extra,
                file("maya_lindqvist_resume.pdf"),
                file("maya_lindqvist_cover_letter.txt"),
            )
            .unwrap();
            facts.accepts_privacy_notices = std::env::var_os("VALET_ACCEPT_PRIVACY").is_some();
            let expected: Vec<Expected> = serde_json::from_value(sheet["fields"].clone()).unwrap();
            let mut figures = Figures::default();
            for step in &dump.steps {
                let (plan, verdicts) = measure(&step.model, &facts, &expected, &step.map, &mut figures);
                for (key, verdict) in &verdicts {
                    let expected = expected.iter().find(|expected| expected.key == *key).unwrap();
                    let Some(planned) = plan.get(step.map[key].as_ref().unwrap()) else { continue };
                    let label = &step.model.field(&planned.field).unwrap().label;
                    if *verdict != Verdict::Right || std::env::var_os("VALET_ALL").is_some() {
                        println!(
                            "{:8} {} {key} “{label:.70}” ({}{}): {:?} {:.2} {:?} [{}] ask={} want {}",
                            format!("{verdict:?}"),
                            dump.id,
                            expected.policy,
                            if expected.required { ", required" } else { "" },
                            planned.value,
                            planned.confidence,
                            planned.note,
                            planned.source_detail,
                            planned.ask,
                            expected.expected_value,
                        );
                    }
                }
                let mapped: Vec<_> = step.map.values().flatten().collect();
                for planned in
                    plan.fields.iter().filter(|planned| !mapped.contains(&&planned.field) && planned.value.is_some())
                {
                    println!(
                        "EXTRA    {} {:?}: {:?} {:.2}",
                        dump.id,
                        step.model.field(&planned.field).unwrap().label,
                        planned.value,
                        planned.confidence
                    );
                }
            }
            println!("{}: {figures:?}", dump.id);
            for (sum, part) in [
                (&mut total.fill, figures.fill),
                (&mut total.fill_right, figures.fill_right),
                (&mut total.required, figures.required),
                (&mut total.required_right, figures.required_right),
                (&mut total.leave, figures.leave),
                (&mut total.leave_right, figures.leave_right),
                (&mut total.guessed, figures.guessed),
                (&mut total.wrong, figures.wrong),
                (&mut total.sure, figures.sure),
                (&mut total.sure_wrong, figures.sure_wrong),
            ] {
                *sum += part;
            }
        }
        println!("total: {total:?}");
        assert!(total.fill > 0, "no dumps found");
        assert_eq!(total.sure_wrong, 0, "a wrong value counted as sure");
    }
}
