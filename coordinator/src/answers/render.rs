//! Turns an answer into a value for a field: the option that says it, a date in the form's format, a number where
//! the field takes only digits.

use chrono::NaiveDate;

use protocol::form::{Choice, Field, FieldKind, Value};

use super::derive::{DegreeLevel, Month};
use super::geo::{Country, Place, State};
use super::kind::Canonical;
use super::options::{Identity, Pick, Want, identity_of, is_placeholder, numbers_in, pick, polarity, unit_days};
use super::text::{normalise, words};

/// Most values put into a list of many (skills): beyond these a form is not helped.
const MULTIPLE_MAX: usize = 15;

/// How sure an answer stays when the list's options are not known yet and it is typed into the box.
const UNSEEN_OPTIONS: f32 = 0.88;

/// A value for a field and how well it fits, to be multiplied with how sure the answer is.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    pub value: Value,
    pub fit: f32,
}

impl Rendered {
    fn new(value: Value, fit: f32) -> Self {
        Self { value, fit }
    }
}

/// True for fields that take one or more of a list.
#[must_use]
pub fn is_choice(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Select | FieldKind::Combobox | FieldKind::Radio | FieldKind::CheckboxGroup)
}

/// True when the page has shown what can be chosen.
#[must_use]
pub fn has_options(field: &Field) -> bool {
    field.options.iter().any(|option| !is_placeholder(&option.label))
}

/// An answer in words, for a question of this kind.
#[must_use]
pub fn text(field: &Field, kind: Canonical, answer: &str) -> Option<Rendered> {
    let answer = answer.trim();
    if answer.is_empty() {
        return None;
    }
    if field.kind == FieldKind::Checkbox {
        return tick(field, answer);
    }
    if is_choice(field) {
        return choices(field, kind, answer);
    }
    if let Some(date) = iso_date(answer)
        && (field.kind == FieldKind::Date || matches!(kind, Canonical::StartDate | Canonical::BirthDate))
    {
        return day(field, date);
    }
    match field.kind {
        FieldKind::Number => number_of(answer, kind, field).map(|text| Rendered::new(Value::Text(text), 1.0)),
        FieldKind::Date | FieldKind::File | FieldKind::Password | FieldKind::Other => None,
        FieldKind::Email if !answer.contains('@') => None,
        FieldKind::Url if !answer.contains('.') => None,
        FieldKind::Url => typed(field, &with_scheme(answer)),
        _ => typed(field, answer),
    }
}

/// Text as it is, when the field has room for it.
#[must_use]
pub fn typed(field: &Field, text: &str) -> Option<Rendered> {
    let fits = field.max_length.is_none_or(|max| text.chars().count() <= max as usize);
    fits.then(|| Rendered::new(Value::Text(text.to_owned()), 1.0))
}

/// Yes or no, as a box, an option or a word.
#[must_use]
pub fn yes_no(field: &Field, yes: bool) -> Option<Rendered> {
    if field.kind == FieldKind::Checkbox {
        return Some(Rendered::new(Value::Checked(yes), 1.0));
    }
    if !is_choice(field) {
        return typed(field, if yes { "Yes" } else { "No" });
    }
    if !has_options(field) {
        return unseen(field, if yes { "Yes" } else { "No" });
    }
    chosen(field, pick(&field.options, &Want::Yes(yes)))
}

/// The option that declines to answer.
#[must_use]
pub fn decline(field: &Field) -> Option<Rendered> {
    chosen(field, pick(&field.options, &Want::Decline))
}

/// A country; `phone` when it stands for its dialling code.
#[must_use]
pub fn country(field: &Field, country: &'static Country, phone: bool) -> Option<Rendered> {
    if !is_choice(field) {
        let text = match (phone, field.max_length) {
            (true, _) => format!("+{}", country.dial),
            (false, Some(2)) => country.code.to_owned(),
            (false, _) => country.name.to_owned(),
        };
        return typed(field, &text);
    }
    if !has_options(field) {
        return unseen(field, country.name);
    }
    let want = if phone { Want::Dial(country) } else { Want::Country(country) };
    chosen(field, pick(&field.options, &want)).or_else(|| unlisted(field, country.name))
}

#[must_use]
pub fn state(field: &Field, state: &'static State) -> Option<Rendered> {
    if !is_choice(field) {
        return typed(field, state.code);
    }
    if !has_options(field) {
        return unseen(field, state.name);
    }
    chosen(field, pick(&field.options, &Want::State(state))).or_else(|| unlisted(field, state.name))
}

/// A number of years or an amount.
#[must_use]
pub fn number(field: &Field, number: f64) -> Option<Rendered> {
    let whole = number.floor();
    if !is_choice(field) {
        return typed(field, &format!("{whole}"));
    }
    if !has_options(field) {
        return None;
    }
    chosen(field, pick(&field.options, &Want::Number(whole)))
}

/// Which part of a date a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    Month,
    Day,
    Year,
    Whole,
}

/// Reads it from the label, the placeholder and the element's name.
#[must_use]
pub fn date_part(field: &Field) -> DatePart {
    if field.kind == FieldKind::Date {
        return DatePart::Whole;
    }
    let placeholder = normalise(&field.placeholder);
    match placeholder.as_str() {
        "mm" | "month" => return DatePart::Month,
        "dd" | "day" => return DatePart::Day,
        "yyyy" | "yy" | "year" => return DatePart::Year,
        _ => {}
    }
    if field_format(field).is_some() {
        return DatePart::Whole;
    }
    for source in [&field.label, &super::classify::split_name(&field.name)] {
        let words = words(source);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        match (
            has(&["month", "mes", "mois", "monat"]),
            has(&["day", "dia", "jour", "tag"]),
            has(&["year", "ano", "annee", "jahr"]),
        ) {
            (true, false, false) => return DatePart::Month,
            (false, true, false) => return DatePart::Day,
            (false, false, true) => return DatePart::Year,
            _ => {}
        }
    }
    DatePart::Whole
}

/// A month, or the part of it the field takes.
#[must_use]
pub fn month(field: &Field, date: Month) -> Option<Rendered> {
    match date_part(field) {
        DatePart::Day => None,
        DatePart::Year if is_choice(field) && has_options(field) => {
            chosen(field, pick(&field.options, &Want::Words { text: &date.year.to_string(), exact: true }))
        }
        DatePart::Year => text(field, Canonical::Custom, &date.year.to_string()),
        DatePart::Month => {
            let month = date.month?;
            if is_choice(field) && has_options(field) {
                return chosen(field, pick(&field.options, &Want::Month(month)));
            }
            let digits = if normalise(&field.placeholder) == "mm" { format!("{month:02}") } else { month.to_string() };
            text(field, Canonical::Custom, &digits)
        }
        DatePart::Whole if is_choice(field) => None,
        DatePart::Whole => {
            let Some(month) = date.month else { return typed(field, &date.year.to_string()) };
            match (field.kind, field_format(field)) {
                // A calendar wants a day where only the month is known: the first, for the person to look at.
                (FieldKind::Date, _) => {
                    typed(field, &format!("{}-{month:02}-01", date.year)).map(|r| Rendered { fit: 0.8, ..r })
                }
                (_, Some(Format::MonthYear)) => typed(field, &format!("{month:02}/{}", date.year)),
                (_, Some(format)) => NaiveDate::from_ymd_opt(date.year, month, 1)
                    .and_then(|day| typed(field, &format.write(day)))
                    .map(|r| Rendered { fit: 0.8, ..r }),
                (_, None) => typed(field, &format!("{month:02}/{}", date.year)).map(|r| Rendered { fit: 0.9, ..r }),
            }
        }
    }
}

/// A day in the form's format.
#[must_use]
pub fn day(field: &Field, date: NaiveDate) -> Option<Rendered> {
    use chrono::Datelike as _;
    match date_part(field) {
        DatePart::Month => month(field, Month { year: date.year(), month: Some(date.month()) }),
        DatePart::Year => month(field, Month { year: date.year(), month: None }),
        DatePart::Day => text(field, Canonical::Custom, &date.day().to_string()),
        DatePart::Whole if field.kind == FieldKind::Date => typed(field, &date.format("%Y-%m-%d").to_string()),
        DatePart::Whole => match field_format(field) {
            Some(format) => typed(field, &format.write(date)),
            // Without a hint a day and month can be taken for each other; this order cannot.
            None => typed(field, &date.format("%Y-%m-%d").to_string()).map(|r| Rendered { fit: 0.9, ..r }),
        },
    }
}

/// Several values of a list field, or joined in a text field.
#[must_use]
pub fn several(field: &Field, kind: Canonical, values: &[String]) -> Option<Rendered> {
    if values.is_empty() || matches!(field.kind, FieldKind::Checkbox) {
        return None;
    }
    if !is_choice(field) {
        return typed(field, &values.join(", "));
    }
    // A box to add skills to takes many, though it may not say so.
    let many = field.multiple
        || field.kind == FieldKind::CheckboxGroup
        || (kind == Canonical::Skills && !field.options_complete);
    if !many {
        return None;
    }
    let labels: Vec<String> = if has_options(field) && field.options_complete {
        values
            .iter()
            .filter_map(|value| pick(&field.options, &Want::Words { text: value, exact: true }))
            .map(|found| field.options[found.index].label.clone())
            .collect()
    } else {
        values.to_vec()
    };
    (!labels.is_empty()).then(|| Rendered::new(Value::Choices(labels.into_iter().take(MULTIPLE_MAX).collect()), 0.95))
}

/// Adds what a web address box insists on.
fn with_scheme(link: &str) -> String {
    if link.contains("://") || link.contains(' ') { link.to_owned() } else { format!("https://{link}") }
}

fn chosen(field: &Field, found: Option<Pick>) -> Option<Rendered> {
    let found = found?;
    Some(Rendered::new(Value::Choices(vec![field.options[found.index].label.clone()]), found.fit))
}

/// A list whose options are shown only when typed into: the words themselves are chosen.
fn unseen(field: &Field, text: &str) -> Option<Rendered> {
    (!field.options_complete).then(|| Rendered::new(Value::Choices(vec![text.to_owned()]), UNSEEN_OPTIONS))
}

/// A typeahead that shows some options, none of them the one.
fn unlisted(field: &Field, text: &str) -> Option<Rendered> {
    unseen(field, text).map(|r| Rendered { fit: 0.8, ..r })
}

fn tick(field: &Field, answer: &str) -> Option<Rendered> {
    let yes = polarity(answer)?;
    // A box whose own label denies ("I do not need sponsorship") is not the question's yes.
    let denies = words(&field.label).iter().any(|word| matches!(word.as_str(), "not" | "dont" | "no"));
    (!denies).then(|| Rendered::new(Value::Checked(yes), 0.97))
}

fn choices(field: &Field, kind: Canonical, answer: &str) -> Option<Rendered> {
    if !has_options(field) {
        let rendered = unseen(field, answer)?;
        return Some(if kind.is_strict() { Rendered { fit: 0.75, ..rendered } } else { rendered });
    }
    let parts: Vec<&str> = if field.multiple || field.kind == FieldKind::CheckboxGroup {
        answer.split(';').map(str::trim).filter(|part| !part.is_empty()).collect()
    } else {
        vec![answer]
    };
    let mut labels = Vec::new();
    let mut fit: f32 = 1.0;
    for part in parts {
        let found = choose_one(&field.options, kind, part)?;
        fit = fit.min(found.fit);
        labels.push(field.options[found.index].label.clone());
    }
    if labels.is_empty() { None } else { Some(Rendered::new(Value::Choices(labels), fit)) }
}

/// The option for an answer in words: the same words, then what the kind makes of them.
fn choose_one(options: &[Choice], kind: Canonical, answer: &str) -> Option<Pick> {
    if let Some(found) = pick(options, &Want::Words { text: answer, exact: true }) {
        return Some(found);
    }
    if let Some(found) = identity(kind, answer).and_then(|identity| pick(options, &Want::Identity(identity, answer))) {
        return Some(found);
    }
    if let Some(yes) = polarity(answer)
        && words(answer).len() <= 2
        && let Some(found) = pick(options, &Want::Yes(yes))
    {
        return Some(found);
    }
    let number = || numbers_in(answer).first().copied();
    let found = match kind {
        Canonical::YearsExperience | Canonical::YearsWithSkill => {
            number().and_then(|years| pick(options, &Want::Number(years.floor())))
        }
        Canonical::Salary | Canonical::CurrentSalary => {
            number().and_then(|amount| pick(options, &Want::Number(amount)))
        }
        Canonical::NoticePeriod => days_of(answer).and_then(|days| pick(options, &Want::Days(days))),
        Canonical::HowHeard => pick(options, &Want::HeardFrom(answer)),
        Canonical::Degree | Canonical::HighestDegree => {
            pick(options, &Want::Degree { level: DegreeLevel::of(answer), text: answer })
        }
        Canonical::Country | Canonical::Citizenship => {
            Country::named(answer).and_then(|country| pick(options, &Want::Country(country)))
        }
        Canonical::Location | Canonical::City | Canonical::JobLocation => {
            pick(options, &Want::Town(&Place::parse(answer)))
        }
        // "N/A" to whether relatives work there.
        Canonical::Relatives if is_not_applicable(answer) => {
            pick(options, &Want::Yes(false)).map(|found| Pick { fit: 0.8, ..found })
        }
        _ => None,
    };
    if found.is_some() {
        return found;
    }
    let loose = pick(options, &Want::Words { text: answer, exact: false })?;
    (!kind.is_strict()).then_some(loose)
}

fn identity(kind: Canonical, answer: &str) -> Option<Identity> {
    kind.is_self_identification().then(|| identity_of(kind, answer)).flatten()
}

fn is_not_applicable(answer: &str) -> bool {
    matches!(normalise(answer).as_str(), "n a" | "na" | "none" | "not applicable" | "nobody" | "no one")
}

/// Days in "2 weeks", "1 month", "immediately".
fn days_of(answer: &str) -> Option<f64> {
    let words = words(answer);
    if words.iter().any(|word| word.starts_with("immediate") || word == "none") {
        return Some(0.0);
    }
    Some(numbers_in(answer).first()? * unit_days(&words)?)
}

/// The digits of an answer for a number field; a length of time in the unit the label asks for.
fn number_of(answer: &str, kind: Canonical, field: &Field) -> Option<String> {
    let numbers = numbers_in(answer);
    let [number] = numbers.as_slice() else { return None };
    let mut number = *number;
    if kind == Canonical::NoticePeriod {
        let asked = unit_days(&words(&format!("{} {} {}", field.label, field.description, field.placeholder)))?;
        number = days_of(answer)? / asked;
        if number.fract() != 0.0 {
            return None;
        }
    }
    Some(format!("{number}"))
}

pub(super) fn iso_date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()
}

/// How a form writes dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    MonthDayYear(char),
    DayMonthYear(char),
    YearMonthDay(char),
    MonthYear,
}

impl Format {
    fn write(self, date: NaiveDate) -> String {
        match self {
            Self::MonthDayYear(by) => date.format(&format!("%m{by}%d{by}%Y")).to_string(),
            Self::DayMonthYear(by) => date.format(&format!("%d{by}%m{by}%Y")).to_string(),
            Self::YearMonthDay(by) => date.format(&format!("%Y{by}%m{by}%d")).to_string(),
            Self::MonthYear => date.format("%m/%Y").to_string(),
        }
    }
}

/// The format a form names: "MM/DD/YYYY", "dd.mm.yyyy".
fn field_format(field: &Field) -> Option<Format> {
    for source in [&field.placeholder, &field.description, &field.label] {
        let text = source
            .to_lowercase()
            .replace("jjjj", "yyyy")
            .replace("aaaa", "yyyy")
            .replace("tt", "dd")
            .replace("jj", "dd");
        for by in ['/', '-', '.'] {
            if text.contains(&format!("mm{by}dd{by}yy")) {
                return Some(Format::MonthDayYear(by));
            }
            if text.contains(&format!("dd{by}mm{by}yy")) {
                return Some(Format::DayMonthYear(by));
            }
            if text.contains(&format!("yyyy{by}mm{by}dd")) {
                return Some(Format::YearMonthDay(by));
            }
            if text.contains(&format!("mm{by}yyyy")) {
                return Some(Format::MonthYear);
            }
        }
    }
    None
}
