//! Finds the option that says what is meant: "United States of America (+1)" for the United States, "5-10 years"
//! for eight, "I am authorised" for yes. One best option or none: what is ambiguous is asked.

use protocol::form::Choice;

use super::derive::DegreeLevel;
use super::geo::{Country, Place, State};
use super::text::{has_phrase, normalise, similarity, words};

mod identity;
mod ranges;

pub use identity::{Identity, identity_of};
pub(super) use ranges::{numbers_in, unit_days};

/// What an option has to say.
#[derive(Debug, Clone)]
pub enum Want<'a> {
    Yes(bool),
    /// "I prefer not to answer".
    Decline,
    /// The words themselves, or, unless `exact`, ones that mean the same.
    Words {
        text: &'a str,
        exact: bool,
    },
    Country(&'static Country),
    /// The country of a phone number, possibly by its code alone.
    Dial(&'static Country),
    State(&'static State),
    /// A town, by its parts: "Portland, OR" is "Portland, Oregon, United States".
    Town(&'a Place),
    Degree {
        level: Option<DegreeLevel>,
        text: &'a str,
    },
    /// A number that an option's range contains, or that it equals.
    Number(f64),
    /// A length of time in days.
    Days(f64),
    Month(u32),
    Identity(Identity, &'a str),
    /// How the person heard of the job: the site itself, else the sort of site.
    HeardFrom(&'a str),
}

/// An option and how surely it is the one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pick {
    pub index: usize,
    /// 0..=1, to be multiplied with how sure the value is.
    pub fit: f32,
}

/// Says the same, word for word.
const EXACT: f32 = 1.0;
/// Says the same in other words, by a table.
const MEANING: f32 = 0.97;
/// Contains or resembles it.
const LIKELY: f32 = 0.82;

/// The one option that says what is wanted.
#[must_use]
pub fn pick(options: &[Choice], want: &Want<'_>) -> Option<Pick> {
    let labels: Vec<(usize, &str)> = options
        .iter()
        .enumerate()
        .map(|(index, option)| (index, option.label.as_str()))
        .filter(|(_, label)| !is_placeholder(label))
        .collect();
    match want {
        Want::Yes(yes) => yes_no(&labels, *yes),
        Want::Decline => unique(&labels, MEANING, is_decline),
        Want::Words { text, exact: true } => same_words(&labels, text),
        Want::Words { text, exact: false } => by_words(&labels, text),
        Want::Country(country) => by_country(&labels, country),
        Want::Dial(country) => by_dial(&labels, country),
        Want::State(state) => unique(&labels, EXACT, |label| {
            normalise(label) == normalise(state.name) || label.trim().eq_ignore_ascii_case(state.code)
        })
        .or_else(|| {
            unique(&labels, MEANING, |label| {
                let words = words(label);
                has_phrase(&words, &normalise(state.name)) && words.iter().any(|w| w.eq_ignore_ascii_case(state.code))
            })
        })
        .or_else(|| by_words(&labels, state.name)),
        Want::Town(place) => by_town(&labels, place),
        Want::Degree { level, text } => by_degree(&labels, *level, text),
        Want::Number(number) => ranges::number(&labels, *number),
        Want::Days(days) => ranges::days(&labels, *days),
        Want::Month(month) => ranges::month(&labels, *month),
        Want::Identity(identity, text) => same_words(&labels, text).or_else(|| identity::pick(&labels, *identity)),
        Want::HeardFrom(text) => heard_from(&labels, text),
    }
}

/// The one option that names the town, and neither a state nor a country that is not the place's.
fn by_town(labels: &[(usize, &str)], place: &Place) -> Option<Pick> {
    let city = normalise(place.city.as_deref()?);
    unique(labels, MEANING, |label| {
        let other = Place::parse(label);
        let agrees = |a: Option<&str>, b: Option<&str>| a.is_none() || b.is_none() || a == b;
        other.city.as_deref().is_some_and(|name| normalise(name) == city)
            && agrees(place.state.map(|s| s.code), other.state.map(|s| s.code))
            && agrees(place.country.map(|c| c.code), other.country.map(|c| c.code))
    })
}

/// "Select…", "--", "Please choose": what a list shows before anything is chosen.
#[must_use]
pub fn is_placeholder(label: &str) -> bool {
    let text = normalise(label);
    text.is_empty()
        || matches!(
            text.as_str(),
            "select"
                | "choose"
                | "please select"
                | "none selected"
                | "select one"
                | "no selection"
                | "choose one"
                | "select an option"
                | "please choose"
                | "choose an option"
                | "not selected"
                | "make a selection"
                | "bitte waehlen"
                | "seleccione"
                | "selectionner"
                | "selecione"
                | "seleccionar"
                | "pick one"
        )
        || (text.starts_with("select ") && text.len() < 30)
        || (text.starts_with("please select") && text.len() < 40)
        || (text.starts_with("choose ") && text.len() < 30)
}

/// An option that declines to answer.
#[must_use]
pub fn is_decline(label: &str) -> bool {
    let words = words(label);
    let has = |phrase: &str| has_phrase(&words, phrase);
    has("decline")
        || has("declined")
        || has("choose not")
        || has("prefer not")
        || has("rather not")
        || has("not wish to")
        || has("dont wish to")
        || has("not want to")
        || has("dont want to")
        || has("not to answer")
        || has("not disclosed")
        || has("not specified")
        || has("do not wish")
        || has("not to disclose")
        || has("not to say")
        || has("not to self identify")
        || has("not declared")
        || has("undisclosed")
        || has("no deseo")
        || has("prefiero no")
        || has("prefere nao")
        || has("prefiro nao")
        || has("ne souhaite pas")
        || has("prefere ne pas")
        || has("keine angabe")
        || has("moechte nicht")
        || has("keine angaben")
        || has("nao quero")
        || has("dont care to")
}

/// Whether a text says yes or no; none when it says neither at its beginning nor by negation.
#[must_use]
pub fn polarity(text: &str) -> Option<bool> {
    const YES: &[&str] = &["yes", "y", "true", "si", "oui", "ja", "sim", "yep", "agree", "i agree"];
    const NO: &[&str] = &["no", "n", "n0", "false", "non", "nein", "nao", "none", "nope"];
    let words = words(text);
    let first = words.first()?.as_str();
    if YES.contains(&first) {
        return Some(true);
    }
    NO.contains(&first).then_some(false)
}

/// A sentence that denies: "I am not authorised".
fn is_negated(words: &[String]) -> bool {
    const NEGATIONS: &[&str] = &[
        "not", "dont", "doesnt", "wont", "cannot", "cant", "havent", "isnt", "arent", "never", "without", "unable",
        "nicht", "kein", "keine", "pas", "nunca", "nao",
    ];
    words.iter().any(|word| NEGATIONS.contains(&word.as_str()))
}

fn yes_no(labels: &[(usize, &str)], yes: bool) -> Option<Pick> {
    let open: Vec<_> = labels.iter().copied().filter(|(_, label)| !is_decline(label)).collect();
    // Plain "Yes" and "No" first: a list may add "Yes, with conditions".
    let plain = |label: &str| words(label).len() == 1 && polarity(label) == Some(yes);
    if let Some(pick) = unique(&open, EXACT, plain)
        && open.iter().filter(|(_, label)| polarity(label) == Some(yes)).count() == 1
    {
        return Some(pick);
    }
    if open.iter().any(|(_, label)| polarity(label).is_some()) {
        return unique(&open, MEANING, |label| polarity(label) == Some(yes));
    }
    // Two sentences, one of which denies the other.
    let (denied, affirmed): (Vec<_>, Vec<_>) = open.iter().copied().partition(|(_, label)| is_negated(&words(label)));
    match (affirmed.as_slice(), denied.as_slice()) {
        ([affirmed], [denied]) if similarity(affirmed.1, denied.1) >= 0.5 => {
            Some(Pick { index: if yes { affirmed.0 } else { denied.0 }, fit: MEANING })
        }
        _ => None,
    }
}

fn same_words(labels: &[(usize, &str)], text: &str) -> Option<Pick> {
    let wanted = normalise(text);
    if wanted.is_empty() {
        return None;
    }
    unique(labels, EXACT, |label| normalise(label) == wanted)
        .or_else(|| unique(labels, EXACT, |label| label.trim() == text.trim()))
}

fn by_words(labels: &[(usize, &str)], text: &str) -> Option<Pick> {
    if let Some(pick) = same_words(labels, text) {
        return Some(pick);
    }
    let wanted = normalise(text);
    if wanted.is_empty() {
        return None;
    }
    let wanted_words = words(text);
    unique(labels, 0.93, |label| {
        let label = normalise(label);
        label.starts_with(&format!("{wanted} ")) || wanted.starts_with(&format!("{label} ")) && label.len() > 3
    })
    .or_else(|| unique(labels, LIKELY, |label| has_phrase(&words(label), &wanted)))
    .or_else(|| {
        unique(labels, LIKELY, |label| normalise(label).len() > 3 && has_phrase(&wanted_words, &normalise(label)))
    })
    .or_else(|| {
        let mut scored: Vec<(f32, usize)> =
            labels.iter().map(|(index, label)| (similarity(label, text), *index)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        match scored.as_slice() {
            [(best, index), rest @ ..] if *best >= 0.75 && rest.first().is_none_or(|next| next.0 < *best - 0.05) => {
                Some(Pick { index: *index, fit: 0.75 })
            }
            _ => None,
        }
    })
}

/// An option's country: its name or code, with or without a dialling code behind.
fn option_country(label: &str) -> Option<&'static Country> {
    if let Some(country) = Country::named(label) {
        return Some(country);
    }
    let name = label.split(['(', '+']).next().unwrap_or_default().trim().trim_end_matches(['-', '–', ',', ':']);
    Country::named(name).or_else(|| {
        // "+1 United States", "🇺🇸 United States (+1)", "US - United States".
        let text: String = label.chars().filter(|c| !c.is_ascii_digit() && !matches!(c, '+' | '(' | ')')).collect();
        Country::named(&text).or_else(|| text.split([':', '-', '–']).map(str::trim).find_map(Country::named))
    })
}

fn by_country(labels: &[(usize, &str)], country: &'static Country) -> Option<Pick> {
    unique(labels, EXACT, |label| option_country(label) == Some(country))
        .or_else(|| unique(labels, EXACT, |label| normalise(label) == normalise(country.name)))
}

fn by_dial(labels: &[(usize, &str)], country: &'static Country) -> Option<Pick> {
    by_country(labels, country).or_else(|| {
        unique(labels, 0.93, |label| {
            let digits: String = label.chars().filter(char::is_ascii_digit).collect();
            digits == country.dial && !label.chars().any(|c| c.is_alphabetic() && c.is_ascii())
        })
    })
}

fn by_degree(labels: &[(usize, &str)], level: Option<DegreeLevel>, text: &str) -> Option<Pick> {
    if let Some(pick) = same_words(labels, text) {
        return Some(pick);
    }
    let Some(level) = level else { return by_words(labels, text) };
    let of_level: Vec<(usize, &str)> =
        labels.iter().copied().filter(|(_, label)| DegreeLevel::of(label) == Some(level)).collect();
    match of_level.as_slice() {
        [] => None,
        [(index, _)] => Some(Pick { index: *index, fit: MEANING }),
        several => by_words(several, text)
            .or_else(|| {
                // The plain name of the level ("Bachelor's Degree") beside particular ones.
                unique(several, MEANING, |label| words(label).iter().all(|word| is_level_word(word)))
            })
            .map(|pick| Pick { index: pick.index, fit: pick.fit.max(0.93) }),
    }
}

fn is_level_word(word: &str) -> bool {
    word.starts_with("bachelor")
        || word.starts_with("master")
        || word.starts_with("doctor")
        || word.starts_with("associate")
        || matches!(word, "degree" | "s" | "phd" | "level" | "high" | "school" | "diploma" | "or" | "equivalent")
}

fn heard_from(labels: &[(usize, &str)], text: &str) -> Option<Pick> {
    const BOARDS: &[&str] = &[
        "linkedin",
        "indeed",
        "glassdoor",
        "monster",
        "ziprecruiter",
        "stepstone",
        "xing",
        "infojobs",
        "dice",
        "wellfound",
    ];
    let by_name = by_words(labels, text);
    if by_name.is_some() || !words(text).iter().any(|word| BOARDS.contains(&word.as_str())) {
        return by_name;
    }
    for sort in
        ["job board|boards|site|sites|portal", "online job", "social media|network|networks", "internet|web|online"]
    {
        let pattern = super::text::Pattern::parse(sort);
        if let Some(pick) = unique(labels, LIKELY, |label| pattern.find(&words(label)).is_some()) {
            return Some(pick);
        }
    }
    None
}

fn unique(labels: &[(usize, &str)], fit: f32, is: impl Fn(&str) -> bool) -> Option<Pick> {
    let mut found = labels.iter().filter(|(_, label)| is(label));
    let first = found.next()?;
    // The same words twice are one choice: lists repeat frequent ones at their top.
    found.all(|(_, label)| *label == first.1).then_some(Pick { index: first.0, fit })
}
