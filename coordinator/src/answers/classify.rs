//! Names what a field asks for. Every source of words is weighed (label, `autocomplete`, kind, section, the
//! element's name, the neighbours); the label wins over the rest, as it is what a person reads.

use protocol::form::{Field, FieldKind, FormModel};

use super::control::{by_control, fits_control, is_typed_fact};
use super::kind::Canonical::{self, *};
use super::lexicon::{AUTOCOMPLETE, OTHERS, RULES, Weight};
use super::text::{content, normalise, words};

/// Below this a fact is not put into a field on the strength of its label.
pub const KIND_MIN: f32 = 0.7;

/// Qualifiers that do not change what a label asks for: "home phone number" is a phone.
const BENIGN: &[&str] = &[
    "account",
    "active",
    "address",
    "applicant",
    "best",
    "candidate",
    "complete",
    "contact",
    "desired",
    "details",
    "field",
    "full",
    "here",
    "home",
    "information",
    "legal",
    "line",
    "link",
    "local",
    "main",
    "most",
    "mobile",
    "my",
    "name",
    "number",
    "page",
    "personal",
    "preferred",
    "present",
    "primary",
    "private",
    "profile",
    "public",
    "recent",
    "residence",
    "residential",
    "update",
    "upload",
    "url",
    "valid",
    "work",
    "attach",
    "add",
    "file",
    "document",
    "numero",
    "confirm",
    "confirmation",
    "repeat",
    "retype",
    "again",
    "re",
    "verify",
    "actual",
    "actuelle",
    "actuel",
    "completo",
    "e",
    "y",
    "et",
    "und",
    "1",
    "100",
    "digits",
];

/// Words that show a parenthesis to be an instruction, not part of the question.
const INSTRUCTION: &[&str] = &[
    "mark",
    "select",
    "all",
    "apply",
    "optional",
    "required",
    "eg",
    "format",
    "mm",
    "dd",
    "yyyy",
    "yy",
    "digits",
    "max",
    "maximum",
    "minimum",
    "check",
    "pdf",
    "doc",
    "docx",
    "usd",
    "eur",
    "gbp",
    "if",
    "please",
    "example",
    "ex",
    "city",
    "include",
    "including",
    "actual",
    "expected",
    "characters",
    "only",
    "paste",
    "opcional",
    "facultatif",
];

/// What a field is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    pub kind: Canonical,
    /// 0..=1.
    pub confidence: f32,
    pub context: Context,
}

/// The repeated section a field stands in, with its number from 0 when the page says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    None,
    Work(Option<usize>),
    Education(Option<usize>),
    /// A reference, an emergency contact: someone else.
    Other,
}

/// Names the kind of one field of a form.
#[must_use]
pub fn classify(field: &Field, form: &FormModel) -> Class {
    let (prefix, label) = split_prefix(&field.label);
    let context = context_of(&[&field.section, prefix, &split_name(&field.name)]);
    let named = by_words(label, field);
    let mut best = named;
    if best.1 < KIND_MIN
        && let Some(hinted) = by_hints(field, label)
        && hinted.1 > best.1
    {
        best = hinted;
    }
    let (kind, confidence) = refined(best, field);
    let (kind, confidence) = in_context(kind, confidence, context, label, field);
    let (kind, confidence) = by_control(kind, confidence, field, form);
    let other = context == Context::Other || OTHERS.iter().any(|pattern| pattern.find(&words(label)).is_some());
    if other && is_personal(kind) {
        return Class { kind: OtherPerson, confidence: 0.9, context };
    }
    if confidence < KIND_MIN && !matches!(kind, Password | IdentityNumber | Payment) {
        return Class { kind: Custom, confidence, context };
    }
    Class { kind, confidence, context }
}

/// The kind of a bare question, as it stands in the bank.
#[must_use]
pub fn classify_question(question: &str) -> (Canonical, f32) {
    best_rule(&words(question), |_| true)
}

/// "Work 1: Job Title" is the label "Job Title" under "Work 1".
fn split_prefix(label: &str) -> (&str, &str) {
    match label.split_once(": ") {
        Some((prefix, rest)) if words(prefix).len() <= 3 && !rest.trim().is_empty() && words(rest).len() <= 6 => {
            (prefix, rest)
        }
        _ => ("", label),
    }
}

/// An element's name with its camelCase and separators opened.
pub(super) fn split_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for c in name.chars() {
        if (c.is_uppercase() && before.is_lowercase()) || (c.is_ascii_digit() != before.is_ascii_digit()) {
            out.push(' ');
        }
        out.push(c);
        before = c;
    }
    out
}

fn context_of(sources: &[&str]) -> Context {
    for source in sources {
        let words = words(source);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let number = words.iter().find_map(|word| word.parse::<usize>().ok()).filter(|n| *n < 30);
        // Pages count from one; element names may count from zero, which then means the first as well.
        let number = number.map(|n| n.saturating_sub(1));
        if words.len() > 8 {
            continue;
        }
        if has(&["reference", "references", "emergency", "referee", "guardian"]) {
            return Context::Other;
        }
        if has(&[
            "education",
            "educations",
            "educational",
            "school",
            "formacion",
            "formation",
            "ausbildung",
            "educacao",
            "studies",
        ]) {
            return Context::Education(number);
        }
        let experience =
            has(&["experience", "experiences", "employment", "employer", "experiencia", "berufserfahrung"]);
        if experience && !has(&["years", "year"])
            || (has(&["work", "job", "employment"]) && (number.is_some() || has(&["history"])))
        {
            return Context::Work(number);
        }
    }
    Context::None
}

fn by_words(label: &str, field: &Field) -> (Canonical, f32) {
    let fits = |kind: Canonical| fits_control(kind, field.kind);
    let whole = best_rule(&words(label), fits);
    let without = without_instructions(label);
    if without == label {
        return whole;
    }
    let stripped = best_rule(&words(&without), fits);
    if stripped.1 > whole.1 { (stripped.0, stripped.1 - 0.01) } else { whole }
}

/// The label without parentheses that only instruct.
pub(super) fn without_instructions(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    let mut rest = label;
    while let Some((before, inside)) = rest.split_once('(') {
        out.push_str(before);
        let Some((inside, after)) = inside.split_once(')') else {
            rest = "";
            break;
        };
        if !words(inside).iter().any(|word| INSTRUCTION.contains(&word.as_str()) || word.parse::<u32>().is_ok()) {
            out.push_str(inside);
        }
        rest = after;
    }
    out.push_str(rest);
    out.trim().to_owned()
}

pub(super) fn best_rule(words: &[String], fits: impl Fn(Canonical) -> bool) -> (Canonical, f32) {
    let mut best = (Custom, 0.0, 0);
    if words.is_empty() {
        return (Custom, 0.0);
    }
    for rule in RULES.iter().filter(|rule| fits(rule.kind)) {
        let found = match rule.weight {
            Weight::Sentence(confidence) => {
                rule.patterns.iter().filter_map(|pattern| pattern.find(words)).max().map(|n| (confidence, n))
            }
            // "May we contact your current employer?" does not ask for the employer's name.
            Weight::Name if asks_yes_or_no(words) && !rule.kind.is_never_filled() => None,
            Weight::Name => name_score(&rule.patterns, words),
        };
        if let Some((confidence, explained)) = found
            && (confidence > best.1 || (confidence == best.1 && explained > best.2))
        {
            best = (rule.kind, confidence, explained);
        }
    }
    (best.0, best.1)
}

fn asks_yes_or_no(words: &[String]) -> bool {
    const OPENINGS: &[&str] =
        &["may", "can", "could", "are", "is", "do", "does", "did", "have", "has", "will", "would", "should"];
    words.len() > 2 && OPENINGS.contains(&words[0].as_str())
}

/// How much of a label the patterns of one kind explain together.
fn name_score(patterns: &[super::text::Pattern], words: &[String]) -> Option<(f32, usize)> {
    if !patterns.iter().any(|pattern| pattern.occurs(words)) {
        return None;
    }
    let mut used = vec![false; words.len()];
    let mut any = false;
    for pattern in patterns {
        any |= pattern.mark(words, &mut used);
    }
    if !any {
        return None;
    }
    let explained = used.iter().filter(|used| **used).count();
    let left = words
        .iter()
        .zip(&used)
        .filter(|(word, used)| !**used && !super::text::is_filler(word) && !BENIGN.contains(&word.as_str()))
        .count();
    let share = explained as f32 / (explained + left) as f32;
    let confidence = match share {
        share if share > 0.99 => 0.98,
        share if share >= 0.75 => 0.9,
        share if share >= 0.66 => 0.8,
        share if share >= 0.5 => 0.6,
        _ => return None,
    };
    // Among kinds that explain all of it, the one that leaves fewer qualifiers over is meant.
    let qualifiers = words.len() - explained - left;
    Some((confidence - 0.002 * qualifiers.min(5) as f32, explained))
}

/// `autocomplete`, placeholder, the element's own name: used when the label says little.
fn by_hints(field: &Field, label: &str) -> Option<(Canonical, f32)> {
    let token = field.autocomplete.split_whitespace().last().unwrap_or_default();
    if let Some((_, kind)) = AUTOCOMPLETE.iter().find(|(name, _)| *name == token) {
        // A token on a question of many words is a browser hint gone astray.
        return Some((*kind, if content(label).len() <= 4 { 0.95 } else { 0.6 }));
    }
    let fits = |kind: Canonical| fits_control(kind, field.kind);
    let long = content(label).len() > 3;
    let placeholder = best_rule(&words(&field.placeholder), fits);
    let name = best_rule(&words(&split_name(&field.name)), fits);
    let hinted = if placeholder.1 >= name.1 { placeholder } else { name };
    // Behind a label of its own, a name or placeholder may give an example of something else.
    let factor = if label.trim().is_empty() {
        0.95
    } else if long {
        0.5
    } else {
        0.75
    };
    let by_kind = match field.kind {
        FieldKind::Email if !long => Some((Email, 0.93)),
        FieldKind::Tel if !long => Some((Phone, 0.93)),
        FieldKind::Password => Some((Password, 1.0)),
        _ => None,
    };
    by_kind.or_else(|| (hinted.1 > 0.0).then_some((hinted.0, hinted.1 * factor)))
}

/// A box within a labelled group ("Name", "Address") says by its placeholder or name which part it takes.
fn refined(named: (Canonical, f32), field: &Field) -> (Canonical, f32) {
    let parts: &[Canonical] = match named.0 {
        FullName => &[FirstName, MiddleName, LastName],
        Address => &[AddressLine2, City, State, PostalCode, Country],
        Phone => &[PhoneCountry, PhoneExtension],
        _ => return named,
    };
    let token = field.autocomplete.split_whitespace().last().unwrap_or_default();
    let declared = AUTOCOMPLETE.iter().find(|(name, _)| *name == token).map(|(_, kind)| (*kind, 0.97));
    let placeholder = Some(best_rule(&words(&field.placeholder), |_| true));
    let name = Some(best_rule(&words(&split_name(&field.name)), |_| true)).map(|(kind, c)| (kind, c * 0.95));
    [declared, placeholder, name]
        .into_iter()
        .flatten()
        .find(|(kind, confidence)| parts.contains(kind) && *confidence >= 0.75)
        .map_or(named, |(kind, confidence)| (kind, confidence.min(0.96)))
}

/// What the same words mean inside a job or a school entry.
fn in_context(kind: Canonical, confidence: f32, context: Context, label: &str, field: &Field) -> (Canonical, f32) {
    let label_words = words(label);
    let starts = |list: &[&str]| label_words.iter().any(|word| list.contains(&word.as_str()));
    let dated = (
        starts(&["from", "start", "began", "begin", "desde", "von", "debut"]),
        starts(&["to", "end", "until", "hasta", "bis", "fin"]),
    );
    let by_name = normalise(&split_name(&field.name));
    let date_part = label_words.iter().any(|word| matches!(word.as_str(), "month" | "year" | "day"));
    let (from, to) = if dated == (false, false) && date_part {
        (
            by_name.contains("start") || by_name.contains("from") || by_name.contains("first"),
            by_name.contains("end") || by_name.contains("last"),
        )
    } else {
        dated
    };
    let short = content(label).len() <= 4;
    match context {
        Context::Work(_) if short => match kind {
            JobStart | EducationStart | StartDate | JobEnd | EducationEnd | Custom | SiteChrome if from => {
                (JobStart, 0.95)
            }
            JobStart | EducationStart | StartDate | JobEnd | EducationEnd | Custom | SiteChrome if to => (JobEnd, 0.95),
            NameTitle | Headline => (CurrentTitle, 0.95),
            Location | City => (JobLocation, 0.9),
            Summary => (JobDescription, 0.9),
            FullName => (CurrentCompany, 0.7),
            _ => (kind, confidence),
        },
        Context::Education(_) if short => match kind {
            JobStart | EducationStart | StartDate | JobEnd | EducationEnd | Custom | SiteChrome if from => {
                (EducationStart, 0.95)
            }
            JobStart | EducationStart | StartDate | JobEnd | EducationEnd | Custom | SiteChrome if to => {
                (EducationEnd, 0.95)
            }
            FullName => (School, 0.8),
            // Where the school is, what was taught there: not known, and not where the person lives.
            Location | City | State | Country | JobDescription | Summary => (Custom, 0.5),
            _ => (kind, confidence),
        },
        _ if signs_below(&field.section) && matches!(kind, FullName | LegalName) => (Signature, 0.9),
        _ if signs_below(&field.section) && short && starts(&["date", "month", "day", "year", "today", "todays"]) => {
            (SignatureDate, 0.9)
        }
        _ => match kind {
            JobStart | JobEnd => (Custom, 0.5),
            JobDescription => (Custom, 0.5),
            _ => (kind, confidence),
        },
    }
}

/// Headings under which a name and a date sign a declaration.
fn signs_below(section: &str) -> bool {
    let words = words(section);
    let has = |phrase: &str| super::text::has_phrase(&words, phrase);
    has("self identify")
        || has("signature")
        || has("disability")
        || has("cc 305")
        || has("certification") && has("sign")
        || has("acknowledgement")
        || has("acknowledgment")
        || has("declaration")
        || has("attestation")
}

/// Facts that would be wrong, not just odd, where someone else is asked about.
fn is_personal(kind: Canonical) -> bool {
    is_typed_fact(kind) && !matches!(kind, Password | IdentityNumber | Payment)
        || matches!(kind, CurrentCompany | CurrentTitle | Location | State | Country | JobStart)
}
