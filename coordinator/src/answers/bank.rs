//! Finds the entry of the bank that answers a field: by the same words, by the same kind within the same scope, or
//! by likeness of the questions.

use protocol::form::{Field, FormModel};

use super::classify::{Class, classify_question};
use super::derive::Known;
use super::facts::{BankEntry, Facts};
use super::kind::Canonical;
use super::options::polarity;
use super::scope::{Scope, Where};
use super::text::{likeness, normalise, only_in, shared, unique_content, words};

/// How alike two questions of no known kind must be for one's answer to serve the other.
const ALIKE_MIN: f32 = 0.72;

/// How alike two questions of a broad kind must be: the kind alone does not make them the same question.
const BROAD_MIN: f32 = 0.5;

/// The bank, read once per plan.
#[derive(Debug)]
pub struct Bank<'a> {
    entries: Vec<Indexed<'a>>,
}

#[derive(Debug)]
struct Indexed<'a> {
    entry: &'a BankEntry,
    kind: Canonical,
    kind_confidence: f32,
    scope: Scope,
    question: String,
    words: Vec<String>,
}

/// An entry that answers a field.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub entry: &'a BankEntry,
    /// 0..=1: that the entry answers this question.
    pub confidence: f32,
}

impl<'a> Bank<'a> {
    #[must_use]
    pub fn new(facts: &'a Facts) -> Self {
        let entries = facts
            .bank
            .iter()
            .map(|entry| {
                let question = &entry.entry.question;
                let (kind, kind_confidence) = classify_question(question);
                let scope = Scope::of_question(question);
                let words = unique_content(question);
                Indexed { entry, kind, kind_confidence, scope, question: normalise(question), words }
            })
            .collect();
        Self { entries }
    }

    /// The entry that answers a field best; `None` when none surely enough does.
    #[must_use]
    pub fn find(&self, field: &Field, class: &Class, form: &FormModel, known: &Known<'_>) -> Option<Found<'a>> {
        let question = normalise(&field.label);
        let asked = unique_content(&field.label);
        let scope = Scope::of_field(field, form);
        let mut scored: Vec<(f32, f32, &Indexed<'a>)> = self
            .entries
            .iter()
            .filter_map(|indexed| {
                let alike = contained(&indexed.words, &asked).max(likeness(&asked, &indexed.words));
                let confidence = if indexed.question == question && in_scope(indexed, &scope, class.kind, form, known) {
                    0.99
                } else {
                    self.score(indexed, &asked, class, &scope, alike, form, known)?
                };
                Some((confidence, alike, indexed))
            })
            .collect();
        scored.sort_by(|a, b| (b.0 + b.1 * 0.05).total_cmp(&(a.0 + a.1 * 0.05)));
        let (confidence, alike, best) = *scored.first()?;
        // Two entries as near as each other that say different things: neither is sure.
        let rival = scored.get(1).is_some_and(|(other, likeness, indexed)| {
            (confidence + alike * 0.05) - (other + likeness * 0.05) < 0.005
                && indexed.entry.entry.answer != best.entry.entry.answer
        });
        if rival {
            return None;
        }
        Some(Found { entry: best.entry, confidence })
    }

    #[expect(clippy::too_many_arguments, reason = "one comparison, private to this file")]
    fn score(
        &self,
        indexed: &Indexed<'a>,
        asked: &[String],
        class: &Class,
        scope: &Scope,
        alike: f32,
        form: &FormModel,
        known: &Known<'_>,
    ) -> Option<f32> {
        let same_kind = class.kind == indexed.kind && class.kind != Canonical::Custom;
        let by_kind = class.confidence.min(indexed.kind_confidence);
        if same_kind && by_kind >= 0.6 {
            if !in_scope(indexed, scope, class.kind, form, known) {
                return None;
            }
            if is_broad(class.kind) && alike < BROAD_MIN {
                return None;
            }
            let mut confidence = by_kind.min(0.95) + 0.04 * alike;
            if class.kind == Canonical::WorkAuthorization
                && indexed.scope.without_sponsorship
                && !scope.without_sponsorship
                && polarity(&indexed.entry.entry.answer) == Some(false)
            {
                // "Not without sponsorship" does not say "not at all".
                confidence = confidence.min(0.75);
            }
            if class.kind == Canonical::Relocate
                && !scope.names.is_empty()
                && polarity(&indexed.entry.entry.answer) == Some(true)
            {
                // Willing to move is not yet willing to move there.
                confidence = confidence.min(0.8);
            }
            return Some(confidence);
        }
        // Questions of different kinds are different questions, however alike their words.
        if class.kind != Canonical::Custom && indexed.kind != Canonical::Custom && class.confidence >= 0.7 {
            return None;
        }
        if alike < ALIKE_MIN || !same_particulars(indexed, asked, scope, form) {
            return None;
        }
        Some(0.6 + 0.35 * alike)
    }
}

/// A long question that says all of an earlier one, with more about it: less alike than the same words alone.
fn contained(earlier: &[String], asked: &[String]) -> f32 {
    const LONG: usize = 5;
    const ALL_OF_IT: f32 = 0.8;
    if earlier.len() >= LONG && shared(earlier, asked) == earlier.len() { ALL_OF_IT } else { 0.0 }
}

/// Kinds that gather many different questions.
fn is_broad(kind: Canonical) -> bool {
    matches!(
        kind,
        Canonical::LanguageFluency
            | Canonical::SecurityClearance
            | Canonical::DriverLicense
            | Canonical::Citizenship
            | Canonical::Onsite
            | Canonical::Travel
            | Canonical::LocatedIn
            | Canonical::PreviouslyApplied
            | Canonical::CriminalRecord
            | Canonical::OtherLink
            | Canonical::Login
            | Canonical::Certifications
    )
}

fn in_scope(indexed: &Indexed<'_>, scope: &Scope, kind: Canonical, form: &FormModel, known: &Known<'_>) -> bool {
    match kind {
        Canonical::WorkAuthorization | Canonical::Sponsorship if asks_both(scope, kind) => false,
        Canonical::WorkAuthorization | Canonical::Sponsorship => {
            indexed.scope.same_country(scope, known.place.country)
                && !(kind == Canonical::WorkAuthorization
                    && scope.without_sponsorship
                    && !indexed.scope.without_sponsorship
                    && polarity(&indexed.entry.entry.answer) == Some(true))
        }
        Canonical::LocatedIn | Canonical::Onsite | Canonical::Citizenship => {
            let there = place_words(&indexed.scope);
            let here = place_words(scope);
            let job = words(form.page.job_location.as_deref().unwrap_or_default());
            there.iter().all(|name| here.contains(name) || (here.is_empty() && job.contains(name)))
                && here.iter().all(|name| there.contains(name) || !is_place_name(name, form))
                && same_place(&indexed.scope, scope)
        }
        Canonical::YearsExperience => indexed.scope.same_topic(scope),
        Canonical::Adult => indexed.scope.numbers.first() == scope.numbers.first() || scope.numbers.is_empty(),
        Canonical::PreviouslyEmployed => {
            let here = of_this_employer(scope, form);
            here && indexed.scope.names.iter().all(|name| scope.words.contains(name) || is_of_page(name, form))
        }
        Canonical::ConsentMarketing => {
            // Text messages are agreed to apart from e-mail.
            let sms = |question: &str| {
                words(question).iter().any(|word| matches!(word.as_str(), "sms" | "text" | "texts" | "whatsapp"))
            };
            sms(&indexed.question) == sms(&scope.words.join(" "))
        }
        _ => true,
    }
}

/// "Are you authorised to work, or do you need sponsorship?": one yes would answer two opposite questions.
fn asks_both(scope: &Scope, kind: Canonical) -> bool {
    let first = |stems: &[&str]| scope.words.iter().position(|word| stems.iter().any(|stem| word.starts_with(stem)));
    let (work, visa) = (first(&["authori", "eligible", "entitled", "permitted"]), first(&["sponsor", "visa"]));
    match (kind, work, visa) {
        (Canonical::WorkAuthorization, _, Some(_)) => !scope.without_sponsorship,
        (Canonical::Sponsorship, Some(work), Some(visa)) => work < visa,
        _ => false,
    }
}

/// Whether a question about earlier work is about this employer, and not about work of some sort anywhere.
fn of_this_employer(scope: &Scope, form: &FormModel) -> bool {
    let generic = [
        "us",
        "here",
        "company",
        "organization",
        "organisation",
        "firm",
        "subsidiaries",
        "affiliates",
        "group",
        "employer",
    ];
    let named = scope.names.iter().any(|name| is_of_page(name, form) || form.page.company.is_none());
    named || scope.words.iter().any(|word| generic.contains(&word.as_str()) || is_of_page(word, form))
}

/// A word of the company's name, as the page, its title or its address have it.
fn is_of_page(name: &str, form: &FormModel) -> bool {
    let title = words(&form.page.title);
    name.len() > 2
        && !super::text::is_filler(name)
        && (words(form.page.company.as_deref().unwrap_or_default()).iter().any(|word| word == name)
            || (name.len() > 4 && title.iter().any(|word| word == name) && form.page.company.is_none()))
}

fn place_words(scope: &Scope) -> Vec<String> {
    let mut names: Vec<String> = scope
        .names
        .iter()
        .filter(|name| !matches!(name.as_str(), "area" | "region" | "office" | "city" | "the"))
        .cloned()
        .collect();
    if let Where::Country(country) = scope.place {
        names.retain(|name| !normalise(country.name).contains(name.as_str()));
    }
    names
}

fn same_place(a: &Scope, b: &Scope) -> bool {
    match (a.place, b.place) {
        (Where::Country(a), Where::Country(b)) => a == b,
        (Where::Region(a), Where::Region(b)) => a == b,
        (Where::Home, _) => true,
        _ => false,
    }
}

/// A name in the question that is neither the company's nor the job's title.
fn is_place_name(name: &str, form: &FormModel) -> bool {
    let known = |text: &Option<String>| words(text.as_deref().unwrap_or_default()).iter().any(|word| word == name);
    !known(&form.page.company) && !known(&form.page.job_title)
}

/// Alike in words is not enough: names and numbers must be the same, and no single word may simply be exchanged
/// ("Rust" for "Go").
fn same_particulars(indexed: &Indexed<'_>, asked: &[String], scope: &Scope, form: &FormModel) -> bool {
    let theirs = &indexed.words;
    let (own_only, their_only) = (only_in(asked, theirs), only_in(theirs, asked));
    let company = words(form.page.company.as_deref().unwrap_or_default());
    let named =
        |names: &[String], only: &[&String]| names.iter().any(|name| only.contains(&name) && !company.contains(name));
    if named(&scope.names, &own_only) || named(&indexed.scope.names, &their_only) {
        return false;
    }
    if scope.numbers != indexed.scope.numbers || scope.place != indexed.scope.place {
        return false;
    }
    let negated =
        |words: &[String]| words.iter().any(|w| matches!(w.as_str(), "not" | "dont" | "never" | "without" | "no"));
    if negated(asked) != negated(theirs) {
        return false;
    }
    // One meaningful word against one other in a short question is another question.
    !(own_only.len() == 1 && their_only.len() == 1 && theirs.len() <= 6)
}
