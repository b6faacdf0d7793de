//! What a person types at review, turned into a checked value; and what of it is remembered.

use chrono::NaiveDate;

use protocol::form::{Field, FieldKind, FormModel, VALUE_MAX, Value};
use protocol::ids::FieldId;
use protocol::plan::{FillPlan, PlannedField, Source};

use super::classify::classify;
use super::facts::{AnswerSource, BankAnswer, UsageMode};
use super::kind::Canonical;
use super::options::{Want, is_decline, pick, polarity};
use super::render::{has_options, is_choice};
use super::text::normalise;

/// Longest question kept in the bank, in characters: the contract's.
const QUESTION_MAX: usize = 1_000;

/// Longest answer kept in the bank, in characters: the contract's.
const ANSWER_MAX: usize = 5_000;

/// Longest e-mail address, in characters: RFC 5321.
const EMAIL_MAX: usize = 254;

/// Why an edit is refused. The messages are for the person and hold none of their text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the form has no such field")]
    UnknownField,
    #[error("the page does not let this field be changed")]
    NotEditable,
    #[error("passwords and identity or card numbers are entered by you in the page")]
    NeverEntered,
    #[error("choose one of the options shown")]
    NotAnOption,
    #[error("choose one option only")]
    OneOnly,
    #[error("at most {max} characters")]
    TooLong { max: usize },
    #[error("not an e-mail address")]
    NotAnEmail,
    #[error("not a web address")]
    NotALink,
    #[error("not a phone number")]
    NotAPhone,
    #[error("not a number")]
    NotANumber,
    #[error("not a date; write it as YYYY-MM-DD")]
    NotADate,
    #[error("answer yes or no")]
    NotYesOrNo,
    #[error("files are chosen from your documents")]
    IsAFile,
}

/// Checks a person's text for a field and makes the decision of it. Empty text clears the field; several choices are
/// joined by "; ".
///
/// # Errors
/// When the field cannot hold it; see [`EditError`].
pub fn apply_edit(form: &FormModel, plan: &FillPlan, field: &FieldId, text: &str) -> Result<PlannedField, EditError> {
    let field = form.field(field).ok_or(EditError::UnknownField)?;
    if !field.editable {
        return Err(EditError::NotEditable);
    }
    let class = classify(field, form);
    if class.kind.is_never_filled() {
        return Err(EditError::NeverEntered);
    }
    let value = value_of(field, text)?;
    let before = plan.get(&field.id);
    Ok(PlannedField {
        field: field.id.clone(),
        // Also an empty one: what the page holds is to be taken out.
        value: Some(value),
        source: Some(Source::User),
        source_detail: "Entered by you".to_owned(),
        confidence: 1.0,
        note: String::new(),
        qa_entry: None,
        sensitive: class.kind.is_sensitive() || before.is_some_and(|before| before.sensitive),
        // They have seen it: this is their decision.
        ask: false,
    })
}

fn value_of(field: &Field, text: &str) -> Result<Value, EditError> {
    let text = text.trim();
    let max = field.max_length.map_or(VALUE_MAX, |max| (max as usize).min(VALUE_MAX));
    if is_choice(field) {
        return choices_of(field, text);
    }
    match field.kind {
        FieldKind::File => return Err(EditError::IsAFile),
        FieldKind::Password => return Err(EditError::NeverEntered),
        FieldKind::Checkbox if text.is_empty() => return Ok(Value::Checked(false)),
        FieldKind::Checkbox => return polarity(text).map(Value::Checked).ok_or(EditError::NotYesOrNo),
        _ if text.is_empty() => return Ok(Value::Empty),
        _ if text.chars().count() > max => return Err(EditError::TooLong { max }),
        _ => {}
    }
    let fits = match field.kind {
        FieldKind::Email if !is_email(text) => Err(EditError::NotAnEmail),
        FieldKind::Url if !is_link(text) => Err(EditError::NotALink),
        FieldKind::Tel if !is_phone(text) => Err(EditError::NotAPhone),
        FieldKind::Number if text.parse::<f64>().is_err() => Err(EditError::NotANumber),
        FieldKind::Date if NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err() => Err(EditError::NotADate),
        _ => Ok(()),
    };
    fits.map(|()| Value::Text(text.to_owned()))
}

fn choices_of(field: &Field, text: &str) -> Result<Value, EditError> {
    if text.is_empty() {
        return Ok(Value::Empty);
    }
    let many = field.multiple || field.kind == FieldKind::CheckboxGroup;
    // An option may itself hold "; ": the whole text is tried first.
    let parts: Vec<&str> = match find_option(field, text) {
        Some(_) => vec![text],
        None => text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect(),
    };
    let mut labels = Vec::with_capacity(parts.len());
    for part in parts {
        match find_option(field, part) {
            Some(label) => labels.push(label),
            None if !field.options_complete && part.chars().count() <= VALUE_MAX => labels.push(part.to_owned()),
            None => return Err(EditError::NotAnOption),
        }
    }
    // In the form's order, each once, as the page will report them.
    let place = |label: &String| field.options.iter().position(|option| option.label == *label);
    labels.sort_by_key(|label| place(label).unwrap_or(usize::MAX));
    labels.dedup();
    match labels.len() {
        0 => Ok(Value::Empty),
        1 => Ok(Value::Choices(labels)),
        _ if many => Ok(Value::Choices(labels)),
        _ => Err(EditError::OneOnly),
    }
}

fn find_option(field: &Field, text: &str) -> Option<String> {
    field.options.iter().find(|option| option.label == text).map(|option| option.label.clone()).or_else(|| {
        let found = pick(&field.options, &Want::Words { text, exact: true })?;
        Some(field.options[found.index].label.clone())
    })
}

fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.rsplit_once('@') else { return false };
    !user.is_empty()
        && text.len() <= EMAIL_MAX
        && !text.contains(char::is_whitespace)
        && !user.contains('@')
        && host.split('.').count() > 1
        && host.split('.').all(|label| !label.is_empty())
}

fn is_link(text: &str) -> bool {
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    url::Url::parse(&full).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| host.contains('.'))
    })
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (5..=15).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || "+-() ./x".contains(c))
}

/// Whether a value is of the sort that a field holds and, where its options are known, one of them.
#[must_use]
pub fn takes(field: &Field, value: &Value) -> bool {
    match value {
        Value::Empty => true,
        Value::Checked(_) => field.kind == FieldKind::Checkbox,
        Value::File(_) => field.kind == FieldKind::File,
        Value::Text(_) => {
            !is_choice(field) && !matches!(field.kind, FieldKind::Checkbox | FieldKind::File | FieldKind::Password)
        }
        Value::Choices(labels) => {
            is_choice(field)
                && (!field.options_complete
                    || !has_options(field)
                    || labels.iter().all(|label| field.options.iter().any(|option| option.label == *label)))
        }
    }
}

/// What is kept of an answer for other applications; `None` for what must not be: declarations, signatures, files,
/// secrets, and blanks.
#[must_use]
pub fn remember(field: &Field, form: &FormModel, value: &Value) -> Option<BankAnswer> {
    let kind = classify(field, form).kind;
    let unsuited = kind.is_never_filled()
        || matches!(
            kind,
            Canonical::Attestation
                | Canonical::Signature
                | Canonical::SignatureDate
                | Canonical::ConsentPrivacy
                | Canonical::OtherPerson
                | Canonical::Resume
                | Canonical::ResumeText
        );
    if unsuited || matches!(value, Value::File(_)) {
        return None;
    }
    let answer = match value {
        Value::Checked(on) => (if *on { "Yes" } else { "No" }).to_owned(),
        value => value.display()?,
    };
    let question = field.label.trim();
    if normalise(question).is_empty() || answer.chars().count() > ANSWER_MAX {
        return None;
    }
    let usage_mode = if kind.is_written_anew() || matches!(kind, Canonical::BackgroundCheck | Canonical::DrugTest) {
        UsageMode::AskEachTime
    } else if is_choice(field) && is_decline(&answer) {
        UsageMode::DeclineToAnswer
    } else {
        UsageMode::AlwaysUse
    };
    Some(BankAnswer {
        category: category(kind).to_owned(),
        question: question.chars().take(QUESTION_MAX).collect(),
        answer,
        usage_mode,
        source: AnswerSource::ApplicationLearned,
    })
}

/// The contract's category of a kind.
fn category(kind: Canonical) -> &'static str {
    use Canonical::*;
    match kind {
        WorkAuthorization | Sponsorship | UsPerson | Citizenship => "work_authorization",
        Salary | CurrentSalary => "compensation",
        NoticePeriod | StartDate | Relocate | Onsite | Travel | LocatedIn => "availability",
        YearsExperience | YearsWithSkill | CurrentCompany | CurrentTitle | Skills | School | Degree | HighestDegree
        | FieldOfStudy | Certifications | Languages | LanguageFluency => "experience",
        FirstName | MiddleName | LastName | FullName | LegalName | PreferredName | Email | Phone | Address | City
        | State | PostalCode | Country | Location | Linkedin | Github | Portfolio | OtherLink | Gender | Race
        | Hispanic | Veteran | Disability | Pronouns | SexualOrientation | Transgender | BirthDate | Age => "identity",
        _ => "custom",
    }
}
