//! The lexicon: how forms word each canonical kind. Data only; [`super::text::Pattern`] explains the notation and
//! [`super::classify`] weighs the matches.
//!
//! English first; Spanish, French, German and Portuguese for the labels that every form has. Patterns are written
//! normalised: lower case, no accents ("telefono"), "ü" as "ue".

mod names;
mod sentences;

use std::sync::LazyLock;

use self::names::NAMES;
use self::sentences::SENTENCES;
use super::kind::Canonical::{self, *};
use super::text::Pattern;

/// How a match is weighed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weight {
    /// The label names the fact: the more of it the pattern explains, the surer.
    Name,
    /// A sentence is recognised by these words, whatever else it says.
    Sentence(f32),
}

/// One kind's wordings.
#[derive(Debug)]
pub struct Rule {
    pub kind: Canonical,
    pub weight: Weight,
    pub patterns: Vec<Pattern>,
}

/// All rules.
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let names = NAMES.iter().map(|(kind, patterns)| (*kind, Weight::Name, *patterns));
    let sentences = SENTENCES.iter().map(|(kind, weight, patterns)| (*kind, Weight::Sentence(*weight), *patterns));
    names
        .chain(sentences)
        .map(|(kind, weight, patterns)| Rule {
            kind,
            weight,
            patterns: patterns.iter().map(|text| Pattern::parse(text)).collect(),
        })
        .collect()
});

/// Words that make a label speak of someone else: a fact of the applicant must not be put there.
pub static OTHERS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        "reference|references|referee & !reference number",
        "referrer|referrers|referred",
        "emergency",
        "manager|managers|supervisor|supervisors",
        "parent|parents|guardian|guardians|spouse|partners",
        "recruiter|recruiters",
        "relative|relatives",
        "friend|friends",
        "next of kin",
        "contact person",
        "notfallkontakt",
        "employee name",
        "name of employee",
    ]
    .iter()
    .map(|text| Pattern::parse(text))
    .collect()
});

/// `autocomplete` tokens of the HTML standard.
pub const AUTOCOMPLETE: &[(&str, Canonical)] = &[
    ("given-name", FirstName),
    ("additional-name", MiddleName),
    ("family-name", LastName),
    ("name", FullName),
    ("nickname", PreferredName),
    ("honorific-prefix", NameTitle),
    ("honorific-suffix", NameSuffix),
    ("email", Email),
    ("tel", Phone),
    ("tel-national", Phone),
    ("tel-country-code", PhoneCountry),
    ("tel-extension", PhoneExtension),
    ("street-address", Address),
    ("address-line1", Address),
    ("address-line2", AddressLine2),
    ("address-level2", City),
    ("address-level1", State),
    ("postal-code", PostalCode),
    ("country", Country),
    ("country-name", Country),
    ("organization", CurrentCompany),
    ("organization-title", CurrentTitle),
    ("bday", BirthDate),
    ("sex", Gender),
    ("url", Portfolio),
    ("username", Login),
    ("new-password", Password),
    ("current-password", Password),
    ("one-time-code", Password),
    ("cc-number", Payment),
    ("cc-name", Payment),
    ("cc-exp", Payment),
    ("cc-csc", Payment),
];
