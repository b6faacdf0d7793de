//! The smaller sections: projects, volunteering, awards, and plain lists.

use std::sync::LazyLock;

use protocol::resume::{AwardEntry, ProjectEntry, VolunteerEntry};
use regex::Regex;

use super::body::{Role, items};
use super::dates::{spans, without};
use super::lines::{Line, cells, fold};
use super::work;

/// Entries of one list kept.
const ENTRIES_MAX: usize = 50;
/// Longer phrases are prose.
const PHRASE_CHARS_MAX: usize = 160;

static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:https?://|www\.|github\.com/|gitlab\.com/)[^\s|<>()\[\],;]+").expect("constant pattern")
});
static STACK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^(?:tech(?:nologies|nology|nical)?(?: used)?(?: stack)?|tools|stack|built with|technologien)\s*:\s*(.+)$",
    )
    .expect("constant pattern")
});

/// Projects: a head names one, what follows describes it.
pub(super) fn projects(lines: &[Line]) -> Vec<ProjectEntry> {
    let mut found: Vec<ProjectEntry> = Vec::new();
    let mut told = true; // whether the open project has been described
    for item in items(lines) {
        let text = item.line.text.as_str();
        let url = URL.find(text).map(|url| url.as_str().trim_end_matches(['.', '/']).to_owned());
        let rest = URL.replace_all(&item.rest, "").into_owned();
        let stack = STACK.captures(text).map(|stack| split_list(&stack[1]));
        if let (Some(stack), Some(project)) = (&stack, found.last_mut()) {
            project.technologies.extend(stack.iter().cloned());
            continue;
        }
        let opens = item.role != Role::Body && (told || item.line.gap || item.role == Role::Anchor);
        let one_line = item.line.bullet || item.role == Role::Body;
        let names_itself = one_line
            && text.split_once(": ").is_some_and(|(name, _)| name.len() < 50 && name.split_whitespace().count() <= 6)
            && found
                .last()
                .is_none_or(|project| project.technologies.is_empty() && !project.name.is_empty() && item.line.gap);
        if opens || names_itself || found.is_empty() {
            let mut project = ProjectEntry { url, ..Default::default() };
            if let Some(span) = item.spans.first() {
                project.start_date = span.start.map(|date| date.to_string());
                project.end_date = span.end.map(|date| date.to_string());
            }
            let (name, about) = name_and_about(&rest);
            project.name = name;
            match about {
                // "Name | Rust, Postgres, Docker"
                Some(about) if is_stack(&about) => project.technologies = split_list(&about),
                about => project.description = about,
            }
            told = project.description.is_some();
            if !project.name.is_empty() && found.len() < ENTRIES_MAX {
                found.push(project);
            }
        } else if let Some(project) = found.last_mut() {
            told |= item.role == Role::Body;
            project.url = project.url.take().or(url);
            let description = project.description.get_or_insert_default();
            if !description.is_empty() {
                description.push('\n');
            }
            description.push_str(&text.replace('\t', " "));
        }
    }
    found
}

/// Short phrases between commas rather than a sentence.
fn is_stack(text: &str) -> bool {
    let parts = split_list(text);
    parts.len() >= 2 && parts.iter().all(|part| part.split_whitespace().count() <= 3)
}

fn name_and_about(text: &str) -> (String, Option<String>) {
    let text = text.trim().trim_matches(['(', ')', '|', ',']).trim();
    for divider in ["\t", ": ", " | ", " – ", " — ", " - "] {
        if let Some((name, about)) = text.split_once(divider) {
            let about = about.trim().trim_matches(['|', '(', ')']).trim();
            return (name.trim().to_owned(), (!about.is_empty()).then(|| about.replace('\t', " ")));
        }
    }
    (text.to_owned(), None)
}

/// Volunteering, written like positions.
pub(super) fn volunteering(lines: &[Line]) -> Vec<VolunteerEntry> {
    work::positions(lines)
        .into_iter()
        .map(|position| {
            let entry = position.entry;
            let (organization, role) = if entry.company.is_empty() {
                (entry.title, None)
            } else {
                (entry.company, Some(entry.title).filter(|title| !title.is_empty()))
            };
            let said: Vec<String> = entry.description.into_iter().chain(entry.bullets).collect();
            VolunteerEntry {
                organization,
                role,
                description: (!said.is_empty()).then(|| said.join("\n")),
                start_date: entry.start_date,
                end_date: entry.end_date,
            }
        })
        .collect()
}

/// Awards: a line each.
pub(super) fn awards(lines: &[Line]) -> Vec<AwardEntry> {
    lines
        .iter()
        .filter(|line| line.text.chars().count() <= PHRASE_CHARS_MAX)
        .filter_map(|line| {
            let spans = spans(&line.text);
            let rest = without(&line.text, &spans);
            let divided = ["\t", " | ", " – ", " — ", " - ", ", "].iter().find_map(|divider| rest.split_once(divider));
            let (title, issuer) = match divided {
                Some((title, issuer)) => {
                    (title.trim(), Some(issuer.trim().trim_matches(['(', ')', ',']).replace('\t', " ")))
                }
                None => (rest.trim(), None),
            };
            (!title.is_empty()).then(|| AwardEntry {
                title: title.to_owned(),
                issuer: issuer.filter(|issuer| !issuer.is_empty()),
                date: spans.first().and_then(|span| span.end).map(|date| date.to_string()),
            })
        })
        .take(ENTRIES_MAX)
        .collect()
}

/// Certifications: a line each, without its date; one line may list several.
pub(super) fn certifications(lines: &[Line]) -> Vec<String> {
    let single = lines.len() == 1;
    lines
        .iter()
        .filter(|line| line.text.chars().count() <= PHRASE_CHARS_MAX * 2)
        .flat_map(|line| {
            let text = without(&line.text, &spans(&line.text));
            if single && text.matches(',').count() >= 2 || text.contains(';') || text.contains(" | ") && single {
                split_list(&text)
            } else {
                vec![cells(&text).join(", ")]
            }
        })
        .map(|text| text.trim().trim_end_matches(['.', ',']).to_owned())
        .filter(|text| text.chars().filter(|c| c.is_alphabetic()).count() >= 2)
        .take(ENTRIES_MAX)
        .collect()
}

/// Languages and interests: lists.
pub(super) fn list(lines: &[Line]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| line.text.chars().count() <= PHRASE_CHARS_MAX * 2) {
        for part in split_list(&line.text) {
            let known = found.iter().any(|known| fold(known) == fold(&part));
            if !known && part.chars().count() <= 60 && found.len() < ENTRIES_MAX {
                found.push(part);
            }
        }
    }
    found
}

/// Parts of a list, commas in parentheses left alone.
fn split_list(text: &str) -> Vec<String> {
    let mut depth = 0_i32;
    text.split(|char: char| {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth <= 0 && matches!(char, ',' | ';' | '|' | '•' | '·' | '●' | '\t')
    })
    .map(|part| part.trim().trim_end_matches('.').trim().to_owned())
    .filter(|part| part.chars().any(char::is_alphabetic))
    .collect()
}
