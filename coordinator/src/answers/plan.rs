//! Decides what goes into each field of a form: a pure function of the form and the person's facts.
//!
//! Order of authority: what the person said for this task, the bank, the profile and resume, what is computed from
//! them, and the form's own neutral choice. What none of them answers stays blank, and a required blank is the
//! person's to fill.

use protocol::form::{Field, FieldKind, FormModel, Value};
use protocol::plan::{FillPlan, PlannedField, Source};

use super::bank::{Bank, Found};
use super::classify::{Class, KIND_MIN, classify};
use super::derive::Known;
use super::facts::{Facts, UsageMode};
use super::groups;
use super::kind::Canonical;
use super::options::{is_placeholder, polarity};
use super::own::{self, Setting};
use super::render::{self, Rendered};
use super::scope::Scope;
use super::text::{normalise, words};

/// A bank answer less sure than this is not entered.
const BANK_MIN: f32 = 0.7;

/// How sure we are of what a page had filled in itself and we know nothing of.
const PAGE_CONFIDENCE: f32 = 0.6;

/// An option for a question of law, self-identification or pay must say what was answered, not nearly so.
const STRICT_FIT: f32 = 0.95;

/// Plans a whole form, or the step of it that is in the page.
#[must_use]
pub fn plan(form: &FormModel, facts: &Facts) -> FillPlan {
    let known = Known::new(facts);
    let bank = Bank::new(facts);
    let classes: Vec<Class> = form.fields.iter().map(|field| classify(field, form)).collect();
    let planner = Planner { form, facts, known: &known, bank: &bank };
    let settings = super::setting::settings(form, &classes);
    let mut fields: Vec<PlannedField> = form
        .fields
        .iter()
        .zip(&classes)
        .zip(&settings)
        .map(|((field, class), setting)| planner.field(field, class, *setting))
        .collect();
    for group in groups::find(form) {
        let class = classify(&group.as_field, form);
        let decision = planner.field(&group.as_field, &class, Setting::default());
        group.spread(&decision, form, &mut fields);
    }
    FillPlan { fields }
}

struct Planner<'a> {
    form: &'a FormModel,
    facts: &'a Facts,
    known: &'a Known<'a>,
    bank: &'a Bank<'a>,
}

impl Planner<'_> {
    fn field(&self, field: &Field, class: &Class, setting: Setting) -> PlannedField {
        let kind = class.kind;
        let mut blank = PlannedField {
            field: field.id.clone(),
            value: None,
            source: None,
            source_detail: String::new(),
            confidence: 0.0,
            note: String::new(),
            qa_entry: None,
            sensitive: kind.is_sensitive(),
            ask: false,
        };
        if !field.editable {
            return kept(blank, field, 1.0, "Set by the page");
        }
        if kind.is_never_filled() {
            if field.required && matches!(kind, Canonical::Password | Canonical::IdentityNumber | Canonical::Payment) {
                "Valet never enters passwords, identity or card numbers: enter it yourself".clone_into(&mut blank.note);
            }
            return blank;
        }
        if let Some(planned) = self.given(field, &blank) {
            return planned;
        }
        if matches!(kind, Canonical::Attestation | Canonical::Signature | Canonical::SignatureDate) {
            blank.ask = true;
            "A declaration in your name: read it and decide yourself".clone_into(&mut blank.note);
            return blank;
        }
        if kind == Canonical::ConsentPrivacy {
            return self.privacy(field, class, blank);
        }
        if kind == Canonical::ConsentMarketing {
            return self.marketing(field, class, blank);
        }
        let planned = self.decide(field, class, setting, &blank);
        self.with_page(field, class, planned)
    }

    /// The bank, the person's facts, the form's neutral choice, in this order.
    fn decide(&self, field: &Field, class: &Class, setting: Setting, blank: &PlannedField) -> PlannedField {
        let kind = class.kind;
        let found = if is_follow_up(field) { None } else { self.bank.find(field, class, self.form, self.known) };
        // What a form calls a fact ("City") is answered by the fact; the bank speaks first where it asks a question.
        let own_first = is_own_fact(kind);
        let mut note = String::new();
        if !own_first && let Some(found) = found {
            match self.bank_value(field, class, found, blank) {
                Ok(planned) => return planned,
                Err(why) => note = why,
            }
        }
        if class.confidence >= KIND_MIN
            && !is_follow_up(field)
            && let Some(own) = own::answer(field, class, setting, self.form, self.known)
        {
            return PlannedField {
                value: Some(own.value),
                source: Some(own.source),
                source_detail: own.detail,
                confidence: class.confidence * own.fit,
                ..blank.clone()
            };
        }
        if own_first && let Some(found) = found {
            match self.bank_value(field, class, found, blank) {
                Ok(planned) => return planned,
                Err(why) => note = why,
            }
        }
        if note.is_empty()
            && let Some(planned) = self.combined_authorization(field, class, blank)
        {
            return planned;
        }
        if note.is_empty()
            && kind.is_self_identification()
            && let Some(declined) = render::decline(field)
        {
            return PlannedField {
                value: Some(declined.value),
                source: Some(Source::Default),
                source_detail: "Declined: you have not answered this".to_owned(),
                confidence: class.confidence * declined.fit,
                ..blank.clone()
            };
        }
        let mut planned = blank.clone();
        planned.note = match (note.is_empty(), field.required) {
            (false, _) => note,
            (true, true) => "Nothing you told Valet answers this".to_owned(),
            (true, false) => String::new(),
        };
        planned
    }

    /// An entry of the bank as a value; `Err` says why it could not be used, when that should stop other sources.
    fn bank_value(
        &self,
        field: &Field,
        class: &Class,
        found: Found<'_>,
        blank: &PlannedField,
    ) -> Result<PlannedField, String> {
        let entry = &found.entry.entry;
        let kind = class.kind;
        let mut planned = PlannedField {
            source: Some(Source::QaBank),
            source_detail: format!("Your answer to “{}”", short(&entry.question)),
            qa_entry: Some(found.entry.id),
            ..blank.clone()
        };
        if found.confidence < BANK_MIN {
            return Err(String::new());
        }
        if entry.usage_mode == UsageMode::DeclineToAnswer {
            let Some(Rendered { value, fit }) = render::decline(field) else {
                return Ok(PlannedField {
                    source: None,
                    note: if field.required {
                        "You decline to answer this, but the form offers no such choice".to_owned()
                    } else {
                        "Left blank: you decline to answer this".to_owned()
                    },
                    ..planned
                });
            };
            planned.value = Some(value);
            planned.confidence = found.confidence * fit;
            return Ok(planned);
        }
        let ask = entry.usage_mode == UsageMode::AskEachTime;
        if ask {
            planned.ask = true;
            "You asked to be asked each time".clone_into(&mut planned.note);
        }
        if matches!(kind, Canonical::BackgroundCheck | Canonical::DrugTest) {
            planned.ask = true;
            "A consent in your name: check it before it is sent".clone_into(&mut planned.note);
        }
        if let Some(why) = super::pay::differs(field, kind, &entry.answer, self.known.place.country) {
            return Err(why);
        }
        let rendered =
            render::text(field, kind, &entry.answer).filter(|r| !kind.is_strict() || r.fit >= strict_fit(field, kind));
        if kind.is_self_identification()
            && render::has_options(field)
            && rendered.as_ref().is_some_and(|r| r.fit < STRICT_FIT)
        {
            planned.ask = true;
            "The form's choices differ from your answer: check that this one says the same"
                .clone_into(&mut planned.note);
        }
        match rendered {
            Some(rendered) if !ask || (!blank.sensitive && found.confidence >= 0.8) => {
                planned.value = Some(rendered.value);
                planned.confidence = found.confidence * rendered.fit;
                Ok(planned)
            }
            _ if ask => Ok(PlannedField { source: None, ..planned }),
            _ if render::is_choice(field) => Err("No choice of this form surely says what you answered".to_owned()),
            _ => Err("Your answer does not fit this field".to_owned()),
        }
    }

    /// "Authorised to work without sponsorship": both of the person's answers for that country together.
    fn combined_authorization(&self, field: &Field, class: &Class, blank: &PlannedField) -> Option<PlannedField> {
        if class.kind != Canonical::WorkAuthorization || !Scope::of_field(field, self.form).without_sponsorship {
            return None;
        }
        let scope = Scope::of_field(field, self.form);
        let answer = |kind: Canonical| {
            self.facts.bank.iter().find_map(|entry| {
                let question = &entry.entry.question;
                let same = super::classify::classify_question(question).0 == kind
                    && Scope::of_question(question).same_country(&scope, self.known.place.country)
                    && entry.entry.usage_mode == UsageMode::AlwaysUse;
                same.then(|| polarity(&entry.entry.answer)).flatten()
            })
        };
        let authorised = answer(Canonical::WorkAuthorization)?;
        let needs_visa = answer(Canonical::Sponsorship)?;
        let rendered =
            render::yes_no(field, authorised && !needs_visa).filter(|r| r.fit >= strict_fit(field, class.kind))?;
        Some(PlannedField {
            value: Some(rendered.value),
            source: Some(Source::Inferred),
            source_detail: "Your answers on the right to work and on sponsorship".to_owned(),
            confidence: class.confidence * rendered.fit * 0.97,
            ..blank.clone()
        })
    }

    /// What the person entered for this task, in this field or under the same words.
    fn given(&self, field: &Field, blank: &PlannedField) -> Option<PlannedField> {
        let question = normalise(&field.label);
        let given = self
            .facts
            .given
            .iter()
            .rev()
            .find(|given| given.field == field.id)
            .or_else(|| {
                let same =
                    |given: &&super::facts::Given| !question.is_empty() && normalise(&given.question) == question;
                let repeated = self.form.fields.iter().filter(|other| normalise(&other.label) == question).count() > 1;
                self.facts.given.iter().rev().find(|given| !repeated && same(given))
            })
            .filter(|given| super::edit::takes(field, &given.value))?;
        Some(PlannedField {
            value: Some(given.value.clone()).filter(|value| *value != Value::Empty),
            source: Some(Source::User),
            source_detail: "Entered by you".to_owned(),
            confidence: 1.0,
            ..blank.clone()
        })
    }

    /// A plain privacy notice: ticked for the person unless they do not want that, and shown to them always.
    fn privacy(&self, field: &Field, class: &Class, mut planned: PlannedField) -> PlannedField {
        planned.ask = true;
        "Read the notice and agree yourself".clone_into(&mut planned.note);
        let banked = self
            .bank
            .find(field, class, self.form, self.known)
            .filter(|found| found.entry.entry.usage_mode == UsageMode::AlwaysUse)
            .filter(|found| polarity(&found.entry.entry.answer) == Some(true));
        let (source, detail) = match banked {
            Some(found) => {
                planned.qa_entry = Some(found.entry.id);
                (Source::QaBank, "Your answer on privacy notices")
            }
            None if self.facts.accepts_privacy_notices => (Source::Default, "The form's privacy notice"),
            None => return planned,
        };
        if let Some(Rendered { value, fit }) = agree(field) {
            planned.value = Some(value);
            planned.source = Some(source);
            detail.clone_into(&mut planned.source_detail);
            planned.confidence = class.confidence * fit;
            "Ticked for you: read the notice before you send".clone_into(&mut planned.note);
        }
        planned
    }

    /// Marketing, newsletters, text messages, "follow us": off, unless the bank says yes.
    fn marketing(&self, field: &Field, class: &Class, mut planned: PlannedField) -> PlannedField {
        let found = self.bank.find(field, class, self.form, self.known);
        let wanted = found
            .filter(|found| found.entry.entry.usage_mode == UsageMode::AlwaysUse)
            .and_then(|found| polarity(&found.entry.entry.answer).map(|yes| (yes, found)));
        let yes = wanted.is_some_and(|(yes, _)| yes);
        match wanted {
            Some((_, found)) => {
                planned.source = Some(Source::QaBank);
                planned.qa_entry = Some(found.entry.id);
                planned.source_detail = format!("Your answer to “{}”", short(&found.entry.entry.question));
            }
            None => {
                planned.source = Some(Source::Default);
                "Marketing stays off".clone_into(&mut planned.source_detail);
            }
        }
        let on = matches!(field.value, Value::Checked(true));
        let rendered = match field.kind {
            FieldKind::Checkbox if yes || on => Some(Rendered { value: Value::Checked(yes), fit: 1.0 }),
            FieldKind::Checkbox => None,
            FieldKind::CheckboxGroup if !yes => None,
            _ if yes || field.required || !is_blank(field) => {
                render::yes_no(field, yes).or_else(|| yes.then(|| agree(field))?)
            }
            _ => None,
        };
        match rendered {
            Some(Rendered { value, fit }) => {
                planned.value = Some(value);
                planned.confidence = class.confidence * fit;
            }
            None => {
                planned.source = None;
                planned.source_detail.clear();
                planned.qa_entry = None;
            }
        }
        planned
    }

    /// What the page holds already: kept where it is right or where nothing is known, replaced where facts differ.
    fn with_page(&self, field: &Field, class: &Class, planned: PlannedField) -> PlannedField {
        if is_blank(field) {
            return planned;
        }
        match &planned.value {
            Some(value) if same_value(class.kind, value, &field.value) => {
                PlannedField { value: Some(field.value.clone()), ..planned }
            }
            Some(_) => planned,
            // A choice that a page makes for the person on law or pay is no answer of theirs.
            None if class.kind.is_strict() && !class.kind.is_self_identification() => PlannedField {
                ask: true,
                note: "The page chose this: check that it is true".to_owned(),
                ..kept(planned, field, 0.3, "Already in the page")
            },
            None if planned.ask => planned,
            None => kept(planned, field, PAGE_CONFIDENCE, "Already in the page"),
        }
    }
}

fn kept(planned: PlannedField, field: &Field, confidence: f32, detail: &str) -> PlannedField {
    if is_blank(field) {
        return planned;
    }
    PlannedField {
        value: Some(field.value.clone()),
        source: Some(Source::Page),
        source_detail: detail.to_owned(),
        confidence,
        ..planned
    }
}

/// Holds nothing, or only what a list shows before a choice.
fn is_blank(field: &Field) -> bool {
    match &field.value {
        Value::Choices(labels) => labels.iter().all(|label| is_placeholder(label)),
        Value::Text(text) => text.trim().is_empty(),
        value => value.is_empty(),
    }
}

/// The same answer, however the page writes it (phone numbers, letter case).
fn same_value(kind: Canonical, planned: &Value, held: &Value) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    match (planned, held) {
        (Value::Text(planned), Value::Text(held)) if kind == Canonical::Phone => {
            let (planned, held) = (digits(planned), digits(held));
            !held.is_empty() && held.len() >= 7 && (planned.ends_with(&held) || held.ends_with(&planned))
        }
        (Value::Text(planned), Value::Text(held)) => normalise(planned) == normalise(held),
        _ => planned == held,
    }
}

/// "If yes, please explain": blank unless asked anew.
fn is_follow_up(field: &Field) -> bool {
    let words = words(&field.label);
    words.first().is_some_and(|word| matches!(word.as_str(), "if" | "si" | "falls" | "wenn" | "se"))
        && words.get(1).is_none_or(|word| !matches!(word.as_str(), "hired" | "offered" | "selected" | "necesita"))
}

/// Kinds that are facts of a person, answered from the profile before the bank.
fn is_own_fact(kind: Canonical) -> bool {
    use Canonical::*;
    matches!(
        kind,
        FirstName
            | MiddleName
            | LastName
            | FullName
            | Email
            | Phone
            | PhoneCountry
            | Address
            | AddressLine2
            | City
            | State
            | PostalCode
            | Country
            | Location
            | Linkedin
            | Github
            | Portfolio
            | CurrentCompany
            | CurrentTitle
            | JobLocation
            | JobDescription
            | JobCurrent
            | JobStart
            | JobEnd
            | School
            | Degree
            | FieldOfStudy
            | EducationStart
            | EducationEnd
            | Resume
    )
}

/// Options not yet shown are matched by the agent when they are; shown ones must say exactly what was answered.
/// A self-identification that nearly fits is put to the person.
fn strict_fit(field: &Field, kind: Canonical) -> f32 {
    let unseen = render::is_choice(field) && !render::has_options(field);
    if unseen || kind == Canonical::Veteran { 0.7 } else { STRICT_FIT }
}

fn agree(field: &Field) -> Option<Rendered> {
    use super::options::{Want, pick};
    if field.kind == FieldKind::Checkbox {
        return Some(Rendered { value: Value::Checked(true), fit: 1.0 });
    }
    let options: Vec<_> = field.options.iter().filter(|option| !is_placeholder(&option.label)).collect();
    if let [only] = options.as_slice() {
        return Some(Rendered { value: Value::Choices(vec![only.label.clone()]), fit: 1.0 });
    }
    let found = pick(&field.options, &Want::Yes(true))?;
    Some(Rendered { value: Value::Choices(vec![field.options[found.index].label.clone()]), fit: found.fit })
}

fn short(question: &str) -> String {
    const SHOWN: usize = 60;
    if question.chars().count() <= SHOWN {
        return question.to_owned();
    }
    question.chars().take(SHOWN).chain(std::iter::once('…')).collect()
}
