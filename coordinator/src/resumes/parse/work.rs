//! Positions: who employed the person, as what, where and when.
//!
//! Entries are found by their dates; the lines around a date up to the entry's first bullet point or
//! sentence are its head, and the head is cut into title, employer and place.

use protocol::resume::WorkHistoryEntry;

use super::body::{Item, Role, items};
use super::dates::{Date, Span};
use super::head::{Head, assign, names_place, order_vote, read_head};
use super::lexicon::{city_like, employer_score, title_score};
use super::lines::{Line, fold};

/// Lines of a head before and after the dates.
const HEAD_LINES_MAX: usize = 3;
/// Positions kept.
const ENTRIES_MAX: usize = 60;

/// A position, and when it was for the sum of years.
#[derive(Debug, Clone)]
pub(super) struct Position {
    pub entry: WorkHistoryEntry,
    pub start: Option<Date>,
    /// `None` while it lasts.
    pub end: Option<Date>,
}

struct Draft {
    head: Head,
    span: Option<Span>,
    body: Vec<Line>,
    /// Head lines stood above the dates, so an employer named there is this entry's own.
    led: bool,
}

/// The positions of a section.
pub(super) fn positions(lines: &[Line]) -> Vec<Position> {
    let items = items(lines);
    let drafts = if items.iter().any(|item| item.role == Role::Anchor) { dated(&items) } else { undated(&items) };
    settle(drafts)
}

// === Entries ===

fn dated(items: &[Item]) -> Vec<Draft> {
    let anchors: Vec<usize> = (0..items.len()).filter(|&at| items[at].role == Role::Anchor).collect();
    let lead = heads_before(items, anchors[0], 0);
    let mut drafts: Vec<Draft> = Vec::new();
    let mut free = 0; // first line that belongs to no entry yet
    for (nth, &at) in anchors.iter().enumerate().take(ENTRIES_MAX) {
        let available = heads_before(items, at, free);
        let begins = at - available;
        // After a body, heads announce the next entry; between two bare dates, the first entry tells.
        let fresh = nth == 0 || begins > free || begins == free && free > 0 && items[free - 1].role == Role::Body;
        let before = if fresh { available } else { available.min(lead) };
        let top = at - before;
        if let Some(last) = drafts.last_mut() {
            take_rest(last, &items[free..top]);
        }
        let mut head = Head::default();
        for item in &items[top..=at] {
            read_head(&mut head, &item.rest);
        }
        drafts.push(Draft {
            head,
            span: items[at].spans.iter().find(|span| span.is_range()).or(items[at].spans.first()).cloned(),
            body: Vec::new(),
            led: before > 0,
        });
        free = at + 1;
        // Heads below the dates, as long as something is missing.
        let limit = anchors.get(nth + 1).copied().unwrap_or(items.len());
        let reserved = match anchors.get(nth + 1) {
            Some(&next) if !items[free..next].iter().any(|item| item.role == Role::Body) => {
                lead.min(heads_before(items, next, free))
            }
            _ => 0,
        };
        let draft = drafts.len() - 1;
        while free < limit - reserved && free <= at + HEAD_LINES_MAX && items[free].role == Role::Head {
            let complete = drafts[draft].head.complete();
            let place = names_place(&items[free].rest) && drafts[draft].head.place.is_none();
            if complete && (!place || items[free].line.gap) {
                break;
            }
            read_head(&mut drafts[draft].head, &items[free].rest);
            free += 1;
        }
    }
    if let Some(last) = drafts.last_mut() {
        take_rest(last, &items[free..]);
    }
    drafts
}

/// How many lines right before `at`, not before `free`, are heads of the same block.
fn heads_before(items: &[Item], at: usize, free: usize) -> usize {
    let mut count = 0;
    // A line of nothing but dates may stand apart from its head.
    let mut gap = items[at].line.gap && !items[at].rest.is_empty();
    while count < HEAD_LINES_MAX && at - count > free && !gap && items[at - count - 1].role == Role::Head {
        count += 1;
        gap = items[at - count].line.gap;
    }
    count
}

fn take_rest(draft: &mut Draft, items: &[Item]) {
    draft.body.extend(items.iter().map(|item| item.line.clone()));
}

/// No dates at all: a head after a body, or after a gap, starts an entry.
fn undated(items: &[Item]) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut open = false;
    for item in items {
        if item.role == Role::Body {
            if let Some(draft) = drafts.last_mut() {
                draft.body.push(item.line.clone());
            }
            open = false;
            continue;
        }
        if !open || item.line.gap {
            drafts.push(Draft { head: Head::default(), span: None, body: Vec::new(), led: true });
            open = true;
        }
        if let Some(draft) = drafts.last_mut() {
            read_head(&mut draft.head, &item.rest);
        }
    }
    drafts.retain(|draft| draft.head.parts.iter().any(|part| part.title >= 2));
    drafts.truncate(ENTRIES_MAX);
    drafts
}

// === From heads to positions ===

fn settle(mut drafts: Vec<Draft>) -> Vec<Position> {
    find_small_towns(&mut drafts);
    let title_first = drafts.iter().map(|draft| order_vote(&draft.head)).sum::<i32>() >= 0;
    let mut positions: Vec<Position> = Vec::new();
    // An employer's own line with the whole time there, above the positions held.
    let mut umbrella: Option<(WorkHistoryEntry, Option<Span>)> = None;
    let count = drafts.len();
    let heads: Vec<Head> = drafts.iter().map(|draft| draft.head.clone()).collect();
    for (nth, draft) in drafts.into_iter().enumerate() {
        let (title, company) = assign(&draft.head, title_first);
        let mut entry = WorkHistoryEntry { title, company, location: draft.head.place.clone(), ..Default::default() };
        let next_titled = heads.get(nth + 1).is_some_and(|head| head.parts.len() == 1 && head.parts[0].title >= 2);
        if entry.title.is_empty() && draft.body.is_empty() && nth + 1 < count && next_titled {
            umbrella = Some((entry, draft.span));
            continue;
        }
        if entry.company.is_empty() && !entry.title.is_empty() {
            let above = positions.last().map(|position| &position.entry);
            let from = umbrella
                .as_ref()
                .map(|(entry, _)| entry)
                .or(above.filter(|_| !draft.led || draft.head.parts.len() == 1));
            if let Some(from) = from {
                entry.company.clone_from(&from.company);
                if entry.location.is_none() {
                    entry.location.clone_from(&from.location);
                }
            }
        } else if !entry.company.is_empty() {
            umbrella = None;
        }
        fill_body(&mut entry, &draft.body);
        if entry.title.is_empty() && entry.company.is_empty() {
            continue;
        }
        let (start, end) = match &draft.span {
            Some(span) if span.is_range() => (span.start, span.end),
            // One date alone is when it was, "Summer 2022".
            Some(span) => (span.end, span.end),
            None => (None, None),
        };
        entry.start_date = start.map(|date| date.to_string());
        entry.end_date = end.map(|date| date.to_string());
        positions.push(Position { entry, start, end });
    }
    positions
}

/// Where the other entries name their places, the last word of "Royal Infirmary, Bath" is one too.
fn find_small_towns(drafts: &mut [Draft]) {
    if !drafts.iter().any(|draft| draft.head.place.is_some()) {
        return;
    }
    for head in drafts.iter_mut().map(|draft| &mut draft.head).filter(|head| head.place.is_none()) {
        let several = head.parts.len() > 1;
        let Some(part) = head.parts.iter_mut().rev().find(|part| part.text.contains(',')) else {
            continue;
        };
        let Some((name, town)) = part.text.rsplit_once(',') else {
            continue;
        };
        let (name, town) = (name.trim().to_owned(), town.trim().to_owned());
        let enough = several || name.contains(',');
        let named = !several || part.title <= part.employer.max(1);
        if enough
            && named
            && city_like(&town)
            && town.split(' ').count() <= 2
            && employer_score(&town) == 0
            && title_score(&town) == 0
        {
            part.text = name;
            head.place = Some(town);
        }
    }
}

fn fill_body(entry: &mut WorkHistoryEntry, body: &[Line]) {
    const STACK: [&str; 5] = ["technologies", "tech stack", "tools", "environment", "stack"];
    let mut prose: Vec<&str> = Vec::new();
    for line in body {
        let label = line.text.split_once(':').map(|(label, _)| fold(label));
        let is_stack = label.is_some_and(|label| STACK.contains(&label.as_str()));
        if line.bullet && !is_stack {
            entry.bullets.push(line.text.replace('\t', " "));
        } else {
            prose.push(&line.text);
        }
    }
    if !prose.is_empty() {
        entry.description = Some(prose.join("\n").replace('\t', " "));
    }
}
