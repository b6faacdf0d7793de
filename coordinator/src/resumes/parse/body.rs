//! What lines under a heading are: heads of entries, or what is said about them.

use super::dates::{Span, spans, without};
use super::lexicon::{starts_with_verb, title_score};
use super::lines::{Line, words};

/// A head is short; longer lines are prose.
const HEAD_CHARS_MAX: usize = 130;
const HEAD_WORDS_MAX: usize = 16;

/// A line of a section, looked at once.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub line: Line,
    pub spans: Vec<Span>,
    /// The line without its dates.
    pub rest: String,
    pub role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Has the dates of an entry.
    Anchor,
    /// Could be part of an entry's head.
    Head,
    /// A bullet point or a sentence.
    Body,
}

/// The lines of a section with wrapped lines joined and roles told.
pub(super) fn items(lines: &[Line]) -> Vec<Item> {
    let bullets_only = lines.iter().all(|line| line.bullet);
    join_wrapped(lines)
        .into_iter()
        .map(|line| {
            let spans = spans(&line.text);
            let rest = without(&line.text, &spans);
            let role = role(&line, &spans, &rest, bullets_only);
            Item { line, spans, rest, role }
        })
        .collect()
}

fn role(line: &Line, spans: &[Span], rest: &str, bullets_only: bool) -> Role {
    if line.bullet && !bullets_only {
        return Role::Body;
    }
    if is_prose(rest) {
        return Role::Body;
    }
    if spans.iter().any(|span| anchors(line, span, rest)) {
        return Role::Anchor;
    }
    Role::Head
}

/// Whether a date dates an entry, rather than being mentioned.
fn anchors(line: &Line, span: &Span, rest: &str) -> bool {
    if span.is_range() || rest.is_empty() {
        return true;
    }
    let before = line.text[..span.from].trim_end();
    let after = line.text[span.to..].trim_start();
    let fenced = before.is_empty()
        || before.ends_with(['(', ',', '|', '·', '•', '–', '—', '-', ':', '['])
        || line.text[..span.from].ends_with(['\t'])
        || line.text[..span.from].ends_with("  ");
    let closes = after.is_empty() || after.starts_with([')', '|', ']', ',', '·', '•', '–', '—', ':']);
    closes && (fenced || !span.bare_year)
        || before.is_empty()
            && (line.text[span.to..].starts_with(['\t', ':', ',', '|']) || line.text[span.to..].starts_with("  "))
}

/// A sentence, a paragraph's line, or too long for a head.
pub(super) fn is_prose(text: &str) -> bool {
    let count = text.split_whitespace().count();
    let first = text.chars().find(|char| !char.is_whitespace());
    let ends_sentence = text.ends_with('.')
        && count >= 6
        && !["inc.", "ltd.", "co.", "corp.", "llc.", "jr.", "sr."].iter().any(|end| text.to_lowercase().ends_with(end));
    text.chars().count() > HEAD_CHARS_MAX
        || count > HEAD_WORDS_MAX
        || ends_sentence
        || first.is_some_and(|char| char.is_lowercase()) && count > 3
        || starts_with_verb(text) && title_score(text) < 3
}

/// Puts lines together that were one before the page was too narrow.
fn join_wrapped(lines: &[Line]) -> Vec<Line> {
    let mut widths: Vec<usize> = lines.iter().map(Line::width).collect();
    widths.sort_unstable();
    let full = widths.get(widths.len() * 9 / 10).copied().unwrap_or_default().max(40);
    let indented = lines.iter().any(|line| line.bullet) && lines.iter().any(|line| !line.bullet && line.indent > 0);
    let mut joined: Vec<Line> = Vec::new();
    // Width of the last line as it stood, not of what it was joined to.
    let mut last_width = 0;
    let mut bullet_indent = None;
    for line in lines {
        let width = line.width();
        let wraps = joined.last().is_some_and(|last| {
            if line.bullet || line.gap {
                return false;
            }
            let dated = spans(&line.text).iter().any(Span::is_range);
            let prose = last.bullet || is_prose(&last.text);
            let first = line.text.chars().next().unwrap_or_default();
            let lower = first.is_lowercase() || "&(,;".contains(first);
            let reaches = last_width * 100 >= full * 78;
            let open = !last.text.ends_with(['.', '!', '?', ':']);
            let deeper = indented && bullet_indent.is_some_and(|indent| line.indent > indent);
            if dated {
                return false;
            }
            if last.bullet && indented && bullet_indent.is_some_and(|indent| line.indent < indent) {
                return lower && reaches;
            }
            prose
                && (lower && !line.text.contains('\t')
                    || deeper && last.bullet && (reaches || lower)
                    || reaches && open && last_is_unfinished(&last.text, line))
        });
        if wraps {
            let index = joined.len() - 1;
            let last = &mut joined[index].text;
            // A word divided at the line's end.
            let divided = last.ends_with('-')
                && line.text.chars().next().is_some_and(char::is_lowercase)
                && !last.ends_with(" -");
            if divided && last.rsplit(' ').next().is_some_and(|word| word.len() > 3 && word.matches('-').count() == 1) {
                last.push_str(&line.text);
            } else {
                last.push(' ');
                last.push_str(&line.text);
            }
        } else {
            if line.bullet {
                bullet_indent = Some(line.indent);
            } else if !joined.last().is_some_and(|last| last.bullet) {
                bullet_indent = None;
            }
            joined.push(line.clone());
        }
        last_width = width;
    }
    joined
}

/// Whether a full line that does not end a sentence goes on in a line that begins with a capital.
fn last_is_unfinished(last: &str, line: &Line) -> bool {
    let tail = words(last).pop().unwrap_or_default();
    let hanging = last.ends_with([',', '-', '/', '&', '–', '('])
        || matches!(
            tail.as_str(),
            "and"
                | "or"
                | "of"
                | "for"
                | "the"
                | "a"
                | "an"
                | "with"
                | "in"
                | "to"
                | "by"
                | "on"
                | "from"
                | "using"
                | "und"
                | "et"
                | "de"
                | "von"
                | "mit"
                | "at"
                | "as"
                | "its"
                | "our"
                | "their"
        );
    hanging || (title_score(&line.text) < 3 && !line.text.contains('\t') && line.text.split_whitespace().count() < 12)
}
