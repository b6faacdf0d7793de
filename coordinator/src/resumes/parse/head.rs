//! The head of a position, cut into title, employer and place.

use std::sync::LazyLock;

use regex::Regex;

use super::lexicon::{employer_score, is_place, split_place, title_score};
use super::lines::{cells, fold};

static STRONG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\s*[|•·‧∙●⋅¦▪■◆]\s*|\s+[–—−]+\s*|\s*[–—]\s+|\s+-+\s+|\s+@\s+|\s+//\s+|\s+/\s+|\s+~\s+")
        .expect("constant pattern")
});
static AT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\s+(?:at|bei|chez)\s+").expect("constant pattern"));
static URL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\(?\b(?:https?://|www\.)[^\s()]+\)?").expect("constant pattern"));
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:company|employer|organi[sz]ation|client|title|job title|designation|position|role|location|dates?|duration|period)\s*:\s*").expect("constant pattern")
});

/// A head in pieces, in the order they were read.
#[derive(Debug, Default, Clone)]
pub(super) struct Head {
    pub parts: Vec<Part>,
    pub place: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub text: String,
    /// See [`title_score`] and [`employer_score`].
    pub title: i32,
    pub employer: i32,
}

/// Adds a line of the head, its dates already taken out.
pub(super) fn read_head(head: &mut Head, text: &str) {
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
        "full-time"
            | "full time"
            | "part-time"
            | "part time"
            | "contract"
            | "permanent"
            | "temporary"
            | "seasonal"
            | "internship"
            | "vollzeit"
            | "teilzeit"
            | "fulltime"
            | "cdi"
            | "cdd"
            | "fixed-term"
    )
}

impl Head {
    /// Whether title and employer are both there.
    pub fn complete(&self) -> bool {
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
        let legal = matches!(
            fold(piece).trim_end_matches('.'),
            "inc" | "llc" | "ltd" | "gmbh" | "corp" | "co" | "lp" | "llp" | "plc" | "s.a" | "ag"
        );
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

/// +1 when a head clearly names the title first, −1 when the employer.
pub(super) fn order_vote(head: &Head) -> i32 {
    let [first, second, ..] = &head.parts[..] else {
        return 0;
    };
    let lean = |part: &Part| part.title - part.employer;
    (lean(first) - lean(second)).signum()
}

/// Title and employer of a head; `title_first` is how the resume usually has them.
pub(super) fn assign(head: &Head, title_first: bool) -> (String, String) {
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

/// Whether a head's line is a place, labelled or not.
pub(super) fn names_place(text: &str) -> bool {
    is_place(&LABEL.replace(text, ""))
}
