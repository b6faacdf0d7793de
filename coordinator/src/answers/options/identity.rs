//! Self-identification: what an answer and an option say of gender, race, ethnicity, veteran and disability status.
//! Both are read into the same classes; an option is taken when it alone is of the answer's class.

use super::{LIKELY, MEANING, Pick, is_decline, polarity};
use crate::answers::kind::Canonical;
use crate::answers::text::{has_phrase, words};

/// A class of self-identification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    Female,
    Male,
    NonBinary,
    White,
    Black,
    Asian,
    NativeAmerican,
    PacificIslander,
    MiddleEastern,
    HispanicRace,
    SeveralRaces,
    Hispanic,
    NotHispanic,
    Veteran,
    NotVeteran,
    Disabled,
    NotDisabled,
}

/// The class a text states, for a question of this kind; none when it states none or several.
#[must_use]
pub fn identity_of(kind: Canonical, text: &str) -> Option<Identity> {
    if is_decline(text) {
        return None;
    }
    let words = words(text);
    match kind {
        Canonical::Gender => gender(&words),
        Canonical::Race => race(&words),
        Canonical::Hispanic => hispanic(text, &words),
        Canonical::Veteran => veteran(text, &words),
        Canonical::Disability => match polarity(text) {
            Some(true) => Some(Identity::Disabled),
            Some(false) => Some(Identity::NotDisabled),
            None if has(
                &words,
                &["not disabled", "no disability", "do not have a disability", "dont have a disability"],
            ) =>
            {
                Some(Identity::NotDisabled)
            }
            None if has(&words, &["i have a disability", "disabled"]) => Some(Identity::Disabled),
            None => None,
        },
        _ => None,
    }
}

/// The one option of a class.
pub(super) fn pick(labels: &[(usize, &str)], identity: Identity) -> Option<Pick> {
    let kind = kind_of(identity);
    let mut found = labels.iter().filter(|(_, label)| identity_of(kind, label) == Some(identity));
    let first = found.next()?;
    if found.next().is_some() {
        return None;
    }
    // A list that tells veterans who are not "protected" apart leaves open which of the two "not protected" meant.
    if identity == Identity::NotVeteran && labels.iter().any(|(_, label)| is_unprotected_veteran(label)) {
        return Some(Pick { index: first.0, fit: LIKELY });
    }
    Some(Pick { index: first.0, fit: MEANING })
}

fn kind_of(identity: Identity) -> Canonical {
    match identity {
        Identity::Female | Identity::Male | Identity::NonBinary => Canonical::Gender,
        Identity::White
        | Identity::Black
        | Identity::Asian
        | Identity::NativeAmerican
        | Identity::PacificIslander
        | Identity::MiddleEastern
        | Identity::HispanicRace
        | Identity::SeveralRaces => Canonical::Race,
        Identity::Hispanic | Identity::NotHispanic => Canonical::Hispanic,
        Identity::Veteran | Identity::NotVeteran => Canonical::Veteran,
        Identity::Disabled | Identity::NotDisabled => Canonical::Disability,
    }
}

fn has(words: &[String], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| has_phrase(words, phrase))
}

fn gender(words: &[String]) -> Option<Identity> {
    if has(words, &["trans", "transgender"]) {
        return None;
    }
    if has(words, &["non binary", "nonbinary", "enby", "no binario", "nao binario", "non binaire", "divers"]) {
        Some(Identity::NonBinary)
    } else if has(
        words,
        &["female", "woman", "f", "mujer", "femenino", "femme", "frau", "weiblich", "mulher", "feminino", "women"],
    ) {
        Some(Identity::Female)
    } else if has(words, &["male", "man", "m", "hombre", "masculino", "homme", "mann", "maennlich", "homem", "men"]) {
        Some(Identity::Male)
    } else {
        None
    }
}

fn race(words: &[String]) -> Option<Identity> {
    if has(words, &["two or more", "multiracial", "more than one race", "mixed", "multiple races", "biracial"]) {
        return Some(Identity::SeveralRaces);
    }
    let denied = has(words, &["not hispanic", "non hispanic", "not of hispanic"]);
    let mut found = Vec::new();
    let mut add = |identity, phrases: &[&str]| {
        if has(words, phrases) {
            found.push(identity);
        }
    };
    add(
        Identity::NativeAmerican,
        &["american indian", "alaska native", "alaskan native", "native american", "indigenous"],
    );
    add(Identity::PacificIslander, &["pacific islander", "native hawaiian"]);
    add(Identity::Black, &["black", "african american"]);
    add(Identity::Asian, &["asian"]);
    add(Identity::MiddleEastern, &["middle eastern", "north african", "mena"]);
    add(Identity::White, &["white", "caucasian"]);
    if !denied {
        add(Identity::HispanicRace, &["hispanic", "latino", "latina", "latinx"]);
    }
    // Long legal descriptions name other peoples ("origins in Europe, the Middle East"): the first words decide.
    match found.as_slice() {
        [only] => Some(*only),
        [_, _, ..] if words.len() > 6 => race(&words[..4.min(words.len())]),
        _ => None,
    }
}

fn hispanic(text: &str, words: &[String]) -> Option<Identity> {
    match polarity(text) {
        Some(true) => Some(Identity::Hispanic),
        Some(false) => Some(Identity::NotHispanic),
        None if has(words, &["not hispanic", "non hispanic", "not of hispanic", "not latino"]) => {
            Some(Identity::NotHispanic)
        }
        None if has(words, &["hispanic", "latino", "latina", "latinx"]) => Some(Identity::Hispanic),
        None => None,
    }
}

fn veteran(text: &str, words: &[String]) -> Option<Identity> {
    if is_unprotected_veteran(text) {
        return None;
    }
    let denies = has(
        words,
        &[
            "not a veteran",
            "not a protected veteran",
            "not protected veteran",
            "no military service",
            "non veteran",
            "not a us veteran",
            "not veteran",
            "never served",
            "have not served",
            "not served",
        ],
    );
    if denies || polarity(text) == Some(false) {
        return Some(Identity::NotVeteran);
    }
    let states =
        polarity(text) == Some(true) || has(words, &["veteran", "veterans", "one or more of the classifications"]);
    states.then_some(Identity::Veteran)
}

/// "I am a veteran, but not a protected veteran".
fn is_unprotected_veteran(text: &str) -> bool {
    let words = words(text);
    has(&words, &["not a protected", "not protected", "but not", "just not"])
        && has(
            &words,
            &[
                "i am a veteran",
                "a veteran but",
                "am a us veteran",
                "veteran but not",
                "as a veteran just not",
                "veteran just not",
            ],
        )
}
