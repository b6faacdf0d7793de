//! Skills: lists in all the ways they are written.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::lines::{Line, cells, fold};

/// Skills kept.
const SKILLS_MAX: usize = 200;
/// A skill is a few words; longer phrases are sentences about skills.
const WORDS_MAX: usize = 6;

static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\s*[(\[–—:-]\s*(?:beginner|basic|elementary|intermediate|advanced|expert|proficient|fluent|native|familiar|strong|working knowledge|professional|very good|good|excellent|grundkenntnisse|gut|sehr gut|fortgeschritten|experte|\d+\+?\s*(?:years?|yrs?|jahre|ans)|\d{1,3}\s?%|\d\s?/\s?(?:5|10))\s*[)\]]?\s*$|[\s●○◉◯★☆⬤■□▪▫•]+$").expect("constant pattern")
});
static LEAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:and|und|et|y|or|e\.g\.|i\.e\.|proficient (?:in|with)|experienced (?:in|with)|experience (?:in|with)|familiar with|knowledge of|working knowledge of|expert in|skilled in|including|such as|advanced|intermediate|basic)\s+").expect("constant pattern")
});

/// The skills of a section, in order, each once.
pub(super) fn skills(lines: &[Line]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for line in wrapped(lines) {
        for cell in cells(&without_category(&line)) {
            for skill in split_outside_parentheses(cell) {
                let skill = clean(&skill);
                let wordy = skill.split_whitespace().count() > WORDS_MAX || skill.chars().count() > 60;
                if skill.is_empty() || wordy || !skill.chars().any(char::is_alphanumeric) {
                    continue;
                }
                if found.len() < SKILLS_MAX && seen.insert(fold(&skill)) {
                    found.push(skill);
                }
            }
        }
    }
    found
}

/// Lists that go on in the next line, put together: "… machine" / "learning, statistics".
fn wrapped(lines: &[Line]) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut last_width = 0;
    let full = lines.iter().map(Line::width).max().unwrap_or_default();
    for line in lines {
        let list = |text: &str| text.matches(',').count() >= 2;
        let label = line.text.split_once(':').is_some_and(|(label, _)| label.len() < 40 && !label.contains(','));
        let goes_on = joined.last().is_some_and(|last| {
            let open = last.ends_with([',', '/', '&', '(']) || last.ends_with(" and");
            let lower = line.text.starts_with(char::is_lowercase) && list(last);
            let long = last_width * 100 >= full * 85 && full > 50 && list(last);
            !line.bullet && !line.gap && !label && (open || lower || long)
        });
        match joined.last_mut() {
            Some(last) if goes_on => {
                last.push(' ');
                last.push_str(&line.text);
            }
            _ => joined.push(line.text.clone()),
        }
        last_width = line.width();
    }
    joined
}

/// "Languages: Rust, Go" without its label; the label may stand in a cell of its own.
fn without_category(text: &str) -> String {
    if let Some((label, rest)) = text.split_once(':')
        && label.chars().count() <= 45
        && !label.contains(',')
    {
        return rest.trim().to_owned();
    }
    let parts = cells(text);
    if let [label, rest] = parts[..]
        && rest.contains(',')
        && !label.contains(',')
    {
        return rest.to_owned();
    }
    // "Languages – Rust, Go"
    for dash in [" – ", " — ", " - "] {
        if let Some((label, rest)) = text.split_once(dash)
            && rest.contains(',')
            && !label.contains(',')
            && label.split_whitespace().count() <= 4
        {
            return rest.to_owned();
        }
    }
    text.to_owned()
}

fn split_outside_parentheses(text: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut parts = vec![String::new()];
    let chars: Vec<char> = text.chars().collect();
    for (at, &char) in chars.iter().enumerate() {
        match char {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let spaced = at > 0 && chars[at - 1] == ' ' && chars.get(at + 1) == Some(&' ');
        let divides = matches!(char, ',' | ';' | '|' | '•' | '·' | '●' | '∙' | '▪' | '，' | '、')
            || spaced && matches!(char, '/' | '–' | '—');
        if divides && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(char);
        }
    }
    parts
}

fn clean(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', ';', ':', ',']).trim();
    let text = LEAD.replace(text, "");
    let text = LEVEL.replace(&text, "");
    let text = text.trim();
    // A parenthesis that lost its other half.
    if text.matches('(').count() != text.matches(')').count() {
        return text.replace(['(', ')'], "").trim().to_owned();
    }
    text.to_owned()
}
