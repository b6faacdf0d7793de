//! Options that are numbers, ranges, lengths of time or months.

use super::{LIKELY, MEANING, Pick, unique};
use crate::answers::text::{normalise, words};

/// A range an option speaks of; ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    from: f64,
    to: f64,
}

const MONTHS: &[&[&str]] = &[
    &["january", "jan", "enero", "janvier", "januar", "janeiro"],
    &["february", "feb", "febrero", "fevrier", "februar", "fevereiro"],
    &["march", "mar", "marzo", "mars", "maerz", "marco"],
    &["april", "apr", "abril", "avril"],
    &["may", "mayo", "mai", "maio"],
    &["june", "jun", "junio", "juin", "juni", "junho"],
    &["july", "jul", "julio", "juillet", "juli", "julho"],
    &["august", "aug", "agosto", "aout"],
    &["september", "sep", "sept", "septiembre", "septembre", "setembro"],
    &["october", "oct", "octubre", "octobre", "oktober", "okt", "outubro"],
    &["november", "nov", "noviembre", "novembre", "novembro"],
    &["december", "dec", "diciembre", "decembre", "dezember", "dez", "dezembro"],
];

pub(super) fn number(labels: &[(usize, &str)], number: f64) -> Option<Pick> {
    containing(labels, number, range_of)
}

/// A length of time, options in days, weeks or months.
pub(super) fn days(labels: &[(usize, &str)], days: f64) -> Option<Pick> {
    containing(labels, days, |label| {
        let words = words(label);
        if words.iter().any(|word| word == "immediately" || word == "immediate")
            && !label.chars().any(|c| c.is_ascii_digit())
        {
            return Some(Range { from: 0.0, to: 0.0 });
        }
        let unit = unit_days(&words)?;
        let range = range_of(label)?;
        Some(Range { from: range.from * unit, to: range.to * unit })
    })
}

pub(super) fn month(labels: &[(usize, &str)], month: u32) -> Option<Pick> {
    let names = MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    unique(labels, MEANING, |label| {
        let words = words(label);
        words.len() <= 3 && words.iter().any(|word| names.contains(&word.as_str()) || word.parse::<u32>() == Ok(month))
    })
}

/// Days in the unit of time a text names first.
pub(in crate::answers) fn unit_days(words: &[String]) -> Option<f64> {
    words.iter().find_map(|word| match word.trim_start_matches(|c: char| c.is_ascii_digit()) {
        "day" | "days" | "tage" | "tag" | "dias" | "jours" => Some(1.0),
        "week" | "weeks" | "wochen" | "woche" | "semanas" | "semaines" | "wk" | "wks" => Some(7.0),
        "month" | "months" | "monat" | "monate" | "meses" | "mes" | "mois" => Some(30.0),
        _ => None,
    })
}

fn containing(labels: &[(usize, &str)], number: f64, read: impl Fn(&str) -> Option<Range>) -> Option<Pick> {
    let holding: Vec<(usize, Range)> = labels
        .iter()
        .filter_map(|(index, label)| read(label).map(|range| (*index, range)))
        .filter(|(_, range)| range.from <= number && number <= range.to)
        .collect();
    match holding.as_slice() {
        [] => None,
        [(index, _)] => Some(Pick { index: *index, fit: MEANING }),
        several => {
            // "3-5" and "5-10" both hold five: a range that begins there, beside one that ends there, is not surely
            // the one. A plain "5" among ranges is.
            let point = several.iter().find(|(_, range)| range.from == range.to);
            let begins = several.iter().filter(|(_, range)| range.from == number).collect::<Vec<_>>();
            match (point, begins.as_slice()) {
                (Some((index, _)), _) => Some(Pick { index: *index, fit: MEANING }),
                (None, [(index, _)]) => Some(Pick { index: *index, fit: LIKELY }),
                _ => None,
            }
        }
    }
}

/// Reads "3-5 years", "10+", "less than 1", "$100k – $150k", "over 20", "7".
fn range_of(label: &str) -> Option<Range> {
    let numbers = numbers_in(label);
    let text = normalise(label);
    let words = words(label);
    let says = |list: &[&str]| list.iter().any(|phrase| super::has_phrase(&words, phrase));
    let above = says(&[
        "more than",
        "over",
        "above",
        "at least",
        "or more",
        "and above",
        "and over",
        "plus",
        "or above",
        "greater than",
        "mas de",
        "plus de",
        "mehr als",
        "ueber",
        "mais de",
        "and up",
        "or over",
        "minimum",
    ]) || label.contains('+') && !text.is_empty()
        || label.trim_start().starts_with('>');
    let below = says(&[
        "less than",
        "under",
        "up to",
        "below",
        "fewer than",
        "menos de",
        "moins de",
        "weniger als",
        "unter",
        "or less",
        "or fewer",
        "bis zu",
    ]) || label.trim_start().starts_with('<');
    match numbers.as_slice() {
        [] if says(&["none", "no experience", "zero"]) => Some(Range { from: 0.0, to: 0.0 }),
        [low] if above => {
            // "More than 5" leaves five out; "5+" does not.
            let open = says(&[
                "more than",
                "over",
                "above",
                "greater than",
                "mas de",
                "plus de",
                "mehr als",
                "ueber",
                "mais de",
            ]);
            Some(Range { from: if open { low + 0.001 } else { *low }, to: f64::INFINITY })
        }
        [high] if below => {
            let open =
                says(&["less than", "under", "below", "fewer than", "menos de", "moins de", "weniger als", "unter"])
                    || label.trim_start().starts_with('<');
            Some(Range { from: 0.0, to: if open { high - 0.001 } else { *high } })
        }
        [only] => Some(Range { from: *only, to: *only }),
        [low, high] if low <= high => Some(Range { from: *low, to: *high }),
        _ => None,
    }
}

/// The numbers of a text: thousands separators joined, "k" and "m" multiplied.
pub(in crate::answers) fn numbers_in(text: &str) -> Vec<f64> {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if !digit(at) {
            at += 1;
            continue;
        }
        let mut number = String::new();
        while at < chars.len() {
            match chars[at] {
                c if c.is_ascii_digit() => number.push(c),
                // A separator before exactly three digits groups thousands, else it is a decimal sign.
                ',' | '.' | '\u{a0}' | '\'' if digit(at + 1) => {
                    let group = digit(at + 1) && digit(at + 2) && digit(at + 3) && !digit(at + 4);
                    if !group {
                        if number.contains('.') {
                            break;
                        }
                        number.push('.');
                    }
                }
                _ => break,
            }
            at += 1;
        }
        let factor = match chars.get(at) {
            Some('k' | 'K') => 1_000.0,
            Some('m' | 'M') if !chars.get(at + 1).is_some_and(|c| c.is_alphabetic()) => 1_000_000.0,
            _ => 1.0,
        };
        if let Ok(number) = number.parse::<f64>() {
            numbers.push(number * factor);
        }
    }
    numbers
}
