//! Positions: who employed the person, as what, where and when.
//!
//! Entries are found by their dates; the lines around a date up to the entry's first bullet point or
//! sentence are its head, and the head is cut into title, employer and place.

use std::sync::LazyLock;

use protocol::resume::WorkHistoryEntry;
use regex::Regex;

use super::body::{Item, Role, items};
use super::dates::{Date, Span};
use super::lexicon::{city_like, employer_score, is_place, split_place, title_score};
use super::lines::{Line, cells, fold};

/// Lines of a head before and after the dates.
const HEAD_LINES_MAX: usize = 3;
/// Positions kept.
const ENTRIES_MAX: usize = 60;

static STRONG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\s*[|•·‧∙●⋅¦▪■◆]\s*|\s+[–—−]+\s*|\s*[–—]\s+|\s+-+\s+|\s+@\s+|\s+//\s+|\s+/\s+|\s+~\s+").expect("constant pattern")
});
static AT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\s+(?:at|bei|chez)\s+").expect("constant pattern"));
static URL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\(?\b(?:https?://|www\.)[^\s()]+\)?").expect("constant pattern"));
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:company|employer|organi[sz]ation|client|title|job title|designation|position|role|location|dates?|duration|period)\s*:\s*").expect("constant pattern")
});

/// A position, and when it was for the sum of years.
#[derive(Debug, Clone)]
pub(super) struct Position {
    pub entry: WorkHistoryEntry,
    pub start: Option<Date>,
    /// `None` while it lasts.
    pub end: Option<Date>,
}

/// A head in pieces, in the order they were read.
#[derive(Debug, Default, Clone)]
struct Head {
    parts: Vec<Part>,
    place: Option<String>,
}

#[derive(Debug, Clone)]
struct Part {
    text: String,
    title: i32,
    employer: i32,
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
    let drafts = if items.iter().any(|item| item.role == Role::Anchor) {
        dated(&items)
    } else {
        undated(&items)
    };
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
            let place = is_place(&LABEL.replace(&items[free].rest, "")) && drafts[draft].head.place.is_none();
            if complete && !place || items[free].line.gap && complete {
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

// === Heads ===

fn read_head(head: &mut Head, text: &str) {
    let text = URL.replace_all(text, "");
    for cell in cells(&text) {
        let mut pieces: Vec<&str> = STRONG.split(cell).map(str::trim).filter(|p| !p.is_empty()).collect();
        // "Engineer at Acme"; "at" may stand in names, so the left must be a title.
        if let [one] = pieces[..]
            && let Some(found) = AT.find(one)
            && title_score(&one[..found.start()]) >= 2
        {
            pieces = vec![&one[..found.start()], &one[found.end()..]];
        }
        for piece in pieces {
            add_piece(head, piece);
        }
    }
}

fn add_piece(head: &mut Head, piece: &str) {
    let piece = LABEL.replace(piece, "");
    let piece = piece.trim().trim_matches([',', ';', ':', '|']).trim();
    if piece.is_empty() || is_terms(piece) {
        return;
    }
    if is_place(piece) {
        head.place.get_or_insert_with(|| piece.trim_matches(['(', ')']).to_owned());
        return;
    }
    let (piece, place) = split_place(piece);
    if let Some(place) = place {
        head.place.get_or_insert(place);
    }
    let piece = piece.trim_end_matches([',', ':']).trim();
    if !piece.chars().any(char::is_alphabetic) {
        return;
    }
    head.parts.push(Part { title: title_score(piece), employer: employer_score(piece), text: piece.to_owned() });
}

/// Terms of employment, said beside the title.
fn is_terms(text: &str) -> bool {
    let folded = fold(text);
    matches!(
        folded.trim_matches(['(', ')']),
        "full-time" | "full time" | "part-time" | "part time" | "contract" | "permanent" | "temporary" | "seasonal" | "internship" | "vollzeit" | "teilzeit" | "fulltime" | "cdi" | "cdd" | "fixed-term"
    )
}

impl Head {
    /// Whether title and employer are both there.
    fn complete(&self) -> bool {
        match &self.parts[..] {
            [] => false,
            [one] => cut_at_comma(&one.text).is_some(),
            _ => true,
        }
    }
}

/// "Title, Employer" or "Employer, Title" in one phrase: (title, employer).
fn cut_at_comma(text: &str) -> Option<(String, String)> {
    let mut pieces: Vec<String> = Vec::new();
    for piece in text.split(',').map(str::trim).filter(|piece| !piece.is_empty()) {
        let legal = matches!(fold(piece).trim_end_matches('.'), "inc" | "llc" | "ltd" | "gmbh" | "corp" | "co" | "lp" | "llp" | "plc" | "s.a" | "ag");
        match pieces.last_mut() {
            Some(last) if legal => *last = format!("{last}, {piece}"),
            _ => pieces.push(piece.to_owned()),
        }
    }
    if pieces.len() < 2 {
        return None;
    }
    let titled = |text: &str| title_score(text) - employer_score(text);
    let last = pieces.len() - 1;
    if titled(&pieces[0]) >= 1 {
        // The employer begins at the first piece that looks like one; a bare "Director" has a field behind it.
        let bare = !pieces[0].contains(' ') && pieces.len() > 2;
        let at = (1..=last)
            .find(|&at| employer_score(&pieces[at]) >= 1 && title_score(&pieces[at]) < 3)
            .unwrap_or(if bare { 2 } else { 1 });
        return Some((pieces[..at].join(", "), pieces[at..].join(", ")));
    }
    let at = (1..=last).find(|&at| titled(&pieces[at]) >= 2)?;
    Some((pieces[at..].join(", "), pieces[..at].join(", ")))
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
            let from = umbrella.as_ref().map(|(entry, _)| entry).or(above.filter(|_| !draft.led || draft.head.parts.len() == 1));
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
        let Some((name, town)) = part.text.rsplit_once(',') else { continue };
        let (name, town) = (name.trim().to_owned(), town.trim().to_owned());
        let enough = several || name.contains(',');
        let named = !several || part.title <= part.employer.max(1);
        if enough && named && city_like(&town) && town.split(' ').count() <= 2 && employer_score(&town) == 0 && title_score(&town) == 0 {
            part.text = name;
            head.place = Some(town);
        }
    }
}

/// +1 when a head clearly names the title first, −1 when the employer.
fn order_vote(head: &Head) -> i32 {
    let [first, second, ..] = &head.parts[..] else { return 0 };
    let lean = |part: &Part| part.title - part.employer;
    (lean(first) - lean(second)).signum()
}

fn assign(head: &Head, title_first: bool) -> (String, String) {
    let parts = &head.parts;
    match &parts[..] {
        [] => (String::new(), String::new()),
        [one] => {
            if let Some(cut) = cut_at_comma(&one.text) {
                return cut;
            }
            if one.title > one.employer || one.title == one.employer && one.title > 0 {
                (one.text.clone(), String::new())
            } else {
                (String::new(), one.text.clone())
            }
        }
        _ => {
            let lean = |part: &Part| part.title - part.employer;
            let best = parts.iter().map(lean).max().unwrap_or_default();
            let leaders: Vec<usize> = (0..parts.len()).filter(|&at| lean(&parts[at]) == best).collect();
            let title = if best > 0 && leaders.len() == 1 {
                leaders[0]
            } else if best > 0 || parts.iter().all(|part| lean(part) == best) {
                if title_first { leaders[0] } else { leaders[leaders.len() - 1] }
            } else {
                usize::from(!title_first)
            };
            let title = title.min(parts.len() - 1);
            let near = |at: usize| {
                // Beside the title, on the side the resume usually has it.
                let usual = if title_first { at > title } else { at < title };
                (parts[at].employer, usual, std::cmp::Reverse(at.abs_diff(title)))
            };
            let employer = (0..parts.len()).filter(|&at| at != title).max_by_key(|&at| near(at));
            let name = employer.map(|at| parts[at].text.clone()).unwrap_or_default();
            (parts[title].text.clone(), name)
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
