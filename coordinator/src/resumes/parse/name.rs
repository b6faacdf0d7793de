//! The person's name: the first phrase at the top that can be one, preferably one the e-mail address
//! vouches for.

use super::contact::pieces;
use super::lexicon::{employer_score, is_place, is_school, title_score};
use super::lines::{Line, fold, words};
use super::sections::{Block, Section, heading};

/// The name, if the resume shows one.
pub(super) fn name(blocks: &[Block], email: Option<&str>) -> Option<String> {
    let top: Vec<&Line> = blocks
        .iter()
        .filter(|block| matches!(block.section, Section::Top | Section::Contact))
        .flat_map(|block| &block.lines)
        .take(40)
        .collect();
    let rest: Vec<&Line> = blocks
        .iter()
        .filter(|block| !matches!(block.section, Section::Top | Section::Contact))
        .flat_map(|block| &block.lines)
        .collect();
    let local = email.map(|email| fold(email.split('@').next().unwrap_or_default())).unwrap_or_default();
    let backed = |name: &str| words(name).iter().filter(|word| word.len() > 2 && local.contains(word.as_str())).count();
    let mut best: Option<(usize, String)> = None;
    let mut offer = |score: usize, name: String| {
        if best.as_ref().is_none_or(|(known, _)| score > *known) {
            best = Some((score, name));
        }
    };
    for (index, line) in top.iter().enumerate() {
        let early = 6_usize.saturating_sub(index);
        for piece in pieces(&line.text) {
            let piece = piece.trim_start_matches("Name:").trim_start_matches("Name ").trim().to_owned();
            if let Some(name) = as_name(&piece) {
                offer(early + 10 * backed(&name), name);
            }
        }
        // "JANE" above "DOE": large type breaks names.
        if index < 3
            && let Some(next) = top.get(index + 1)
            && [&line.text, &next.text].iter().all(|text| text.split_whitespace().count() == 1)
            && let Some(name) = as_name(&format!("{} {}", line.text, next.text))
        {
            offer(early + 10 * backed(&name), name);
        }
    }
    if best.as_ref().is_some_and(|(score, _)| *score >= 1) {
        return best.map(|(_, name)| name);
    }
    // A sidebar was read first: the name stands somewhere below, and the address vouches for it.
    for line in rest.iter().filter(|line| !line.bullet && line.text.len() < 60) {
        for piece in pieces(&line.text) {
            if let Some(name) = as_name(&piece)
                && backed(&name) > 0
            {
                return Some(name);
            }
        }
    }
    best.map(|(_, name)| name)
}

/// The phrase as a name, if it can be one.
fn as_name(text: &str) -> Option<String> {
    const NOT: &str = "resume cv curriculum vitae lebenslauf summary profile page of the and for with in street road avenue ave st drive lane phone email address confidential linkedin github portfolio website twitter mobile contact";
    const POST_NOMINALS: &str = "rn bsn msn np md do phd dphil mba cpa cfa pmp pe esq lcsw jd dds dvm phr shrm-cp cissp csm ms msc bsc ma rph pharmd eit psm fnp lpn cna pt dpt ra aia";
    const PARTICLES: &str = "de la le da di du del della van von der den dos das bin ibn al el y e ter ten zu af st";
    let before_degree = text.split(',').next().unwrap_or(text);
    let before_degree = before_degree.split('(').next().unwrap_or(text).trim();
    let mut tokens: Vec<&str> = before_degree.split_whitespace().collect();
    // "Jane Doe RN": letters behind a name that is not in capitals itself.
    let post_nominal = |token: &str| POST_NOMINALS.split(' ').any(|known| known == fold(token).replace('.', ""));
    while tokens.len() > 2 && post_nominal(tokens[tokens.len() - 1]) {
        tokens.pop();
    }
    let honorific = |token: &str| {
        matches!(fold(token).trim_end_matches('.'), "dr" | "prof" | "mr" | "mrs" | "ms" | "herr" | "frau")
    };
    while tokens.len() > 2 && honorific(tokens[0]) {
        tokens.remove(0);
    }
    let joined = tokens.join(" ");
    let before_degree = joined.as_str();
    // J A N E  D O E
    let tracked = tokens.len() >= 5 && tokens.iter().all(|token| token.chars().count() == 1);
    if tracked || !(2..=5).contains(&tokens.len()) || heading(before_degree).is_some() {
        return None;
    }
    let letters = |token: &&str| {
        token.chars().all(|c| c.is_alphabetic() || ".'-".contains(c)) && token.chars().any(char::is_alphabetic)
    };
    if !tokens.iter().all(letters) || tokens.iter().map(|token| token.chars().count()).max() < Some(2) {
        return None;
    }
    let particle = |token: &str| PARTICLES.split(' ').any(|known| known == fold(token));
    let capital = |token: &&str| token.chars().next().is_some_and(char::is_uppercase) || particle(token);
    let folded = words(before_degree);
    let banned = folded.iter().any(|word| NOT.split(' ').any(|known| known == word));
    if !tokens.iter().all(capital) || banned || is_place(text) || is_school(before_degree) {
        return None;
    }
    if title_score(before_degree) >= 2 || employer_score(before_degree) >= 3 {
        return None;
    }
    let shouted = before_degree.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase);
    if !shouted {
        return Some(tokens.join(" "));
    }
    Some(tokens.iter().map(|token| calm(token, particle(token))).collect::<Vec<_>>().join(" "))
}

/// A word in capitals as a name is written: "O'BRIEN" → "O'Brien", "MCDONALD" → "McDonald".
fn calm(token: &str, particle: bool) -> String {
    if token.chars().count() == 2 && token.ends_with('.') || matches!(token, "II" | "III" | "IV") {
        return token.to_owned();
    }
    let lower = token.to_lowercase();
    if particle && lower.len() <= 3 && !matches!(lower.as_str(), "st" | "al" | "el") {
        return lower;
    }
    let mut out = String::new();
    let mut start = true;
    for (index, char) in lower.chars().enumerate() {
        let after_mc = index == 2 && lower.starts_with("mc") && lower.len() > 4;
        if start || after_mc {
            out.extend(char.to_uppercase());
        } else {
            out.push(char);
        }
        start = "-'.".contains(char);
    }
    out
}
