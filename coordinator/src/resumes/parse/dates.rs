//! Dates and ranges as resumes write them: "Jan 2020 – Present", "03/2019 - 05/2021", "Summer 2022",
//! "seit 2019", "2019–20".

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use super::lines::fold;

/// A month, or a year when the resume says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub year: i32,
    pub month: Option<u32>,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.month {
            Some(month) => write!(f, "{}-{month:02}", self.year),
            None => write!(f, "{}", self.year),
        }
    }
}

/// A date or range found in a text, with its place (bytes).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub from: usize,
    pub to: usize,
    /// `None` for a single date.
    pub start: Option<Date>,
    /// `None` when it lasts until now.
    pub end: Option<Date>,
    pub current: bool,
    /// Said to lie ahead: "expected", "anticipated".
    pub expected: bool,
    /// No more than a year, without a second date: could be any number.
    pub bare_year: bool,
}

impl Span {
    pub fn is_range(&self) -> bool {
        self.start.is_some() && (self.end.is_some() || self.current)
    }
}

const MONTHS: [&str; 12] = [
    "january jan janvier janv januar enero ene gennaio jaenner janner",
    "february feb febr fevrier fev fevr februar febrero febbraio",
    "march mar mars marz maerz marzo mrz",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mei",
    "june jun juin juni junio giugno",
    "july jul juillet juil juli julio luglio",
    "august aug aout agosto ago",
    "september sept sep septembre septiembre settembre",
    "october oct octobre oktober okt octubre ottobre",
    "november nov novembre noviembre",
    "december dec decembre dezember dez diciembre dic dicembre",
];

const PRESENT: &str = r"present|presently|current|currently|now|today|to date|ongoing|till date|heute|aktuell|jetzt|laufend|aujourd'hui|actuel|actuellement|ce jour|a ce jour|actualidad|la actualidad|actual|presente|oggi|heden";

/// One date, over folded text. Alternatives are tried from the most to the least telling.
static POINT: LazyLock<Regex> = LazyLock::new(|| {
    let months: Vec<&str> = MONTHS.iter().flat_map(|names| names.split(' ')).collect();
    let mut months = months;
    months.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let month = months.join("|");
    let year = r"(?:19[5-9]\d|20[0-4]\d)";
    Regex::new(&format!(
        r"(?x)
        (?P<present>\b(?:{present})\b)
        | \b(?:\d{{1,2}}(?:st|nd|rd|th)?\.?\s+)?(?P<mon>{month})\b\.?,?\s*(?:\d{{1,2}}(?:st|nd|rd|th)?,\s*)?(?:of\s+|de\s+|/\s*|-)?(?P<my>{year})\b
        | \b(?P<mon2>{month})\b\.?\s*'(?P<my2>\d\d)\b
        | \b(?:spring|summer|fall|autumn|winter|sommer|herbst|fruhjahr|ete|hiver|printemps|automne|verano|otono|invierno|primavera|sommersemester|wintersemester)\s+(?:of\s+)?'?(?P<sy>{year})\b
        | \bq[1-4][\s/]*(?P<qy>{year})\b
        | \b(?P<iy>{year})[-/.](?P<im>0?[1-9]|1[0-2])(?:[-/.](?:0?[1-9]|[12]\d|3[01]))?\b
        | \b(?:[0-3]?\d)\.\s?(?P<dm>0?[1-9]|1[0-2])\.\s?(?P<dy>{year})\b
        | \b(?P<um>0?[1-9]|1[0-2])/[0-3]?\d/(?P<uy>{year})\b
        | \b(?P<nm>0?[1-9]|1[0-2])\s?[/.-]\s?(?P<ny>{year})\b
        | \b(?P<y1>{year})[–—](?P<y2>\d\d)\b
        | \b(?P<y>{year})\b
        | \b(?P<sm>0[1-9]|1[0-2])/(?P<s2>\d\d)\b
        ",
        present = PRESENT.replace(' ', r"\s+"),
    ))
    .expect("constant pattern")
});

static JOIN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:[-–—−‒~→]{1,3}|>|to|until|till|til|up\s+to|through|thru|bis|a|au|al|à|hasta|and|tot)?\s*(?:\bthe\s+)?$").expect("constant pattern")
});
static OPEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\s*[-–—]+\s*(?:[)\]|]|\t|$)").expect("constant pattern"));
static SINCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:since|seit|depuis|desde|dal)\s*$").expect("constant pattern"));
static EXPECTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:expected|anticipated|exp\.?|graduating|voraussichtlich|prevu|projected)\b[\s:,(]*(?:graduation|completion|in)?[\s:,(]*(?:date)?[\s:,(]*$")
        .expect("constant pattern")
});
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:from|since|seit|von|depuis|de|desde|dal|graduated|graduation|graduation\s+date|class\s+of|completed|conferred|expected|anticipated|exp\.?|date|dates|graduating|voraussichtlich)[\s:,(]*(?:in|on|graduation|completion|date|:)?[\s:,(]*$")
        .expect("constant pattern")
});
static MONTH_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    let months: Vec<&str> = MONTHS.iter().flat_map(|names| names.split(' ')).collect();
    Regex::new(&format!(r"\b({})\.?\s*(?:[-–—]|to)\s*$", months.join("|"))).expect("constant pattern")
});

fn month_number(name: &str) -> Option<u32> {
    let index = MONTHS.iter().position(|names| names.split(' ').any(|known| known == name))?;
    u32::try_from(index + 1).ok()
}

enum Point {
    At(Date),
    Present,
    Both(Date, Date),
}

/// Every date and range of a text, in order.
pub(super) fn spans(text: &str) -> Vec<Span> {
    // Folding keeps the number of characters but not of bytes, so places are mapped back.
    let folded = fold(text);
    let mut map: Vec<usize> = Vec::with_capacity(folded.len() + 1);
    if folded.chars().count() == text.chars().count() {
        for ((at, _), char) in text.char_indices().zip(folded.chars()) {
            map.extend(std::iter::repeat_n(at, char.len_utf8()));
        }
        map.push(text.len());
    } else {
        return Vec::new();
    }
    let points: Vec<(usize, usize, Point)> = POINT
        .captures_iter(&folded)
        .filter_map(|found| {
            let whole = found.get(0)?;
            Some((whole.start(), whole.end(), point(&found)?))
        })
        .collect();
    let mut spans: Vec<Span> = Vec::new();
    let mut index = 0;
    while index < points.len() {
        let (from, to, ref at) = points[index];
        index += 1;
        let before = &folded[..from];
        let mut span = match *at {
            Point::Present => continue,
            Point::Both(start, end) => {
                Span { from, to, start: Some(start), end: Some(end), current: false, expected: false, bare_year: false }
            }
            Point::At(date) => {
                let mut span = Span {
                    from,
                    to,
                    start: None,
                    end: Some(date),
                    current: false,
                    expected: false,
                    bare_year: to - from == 4,
                };
                let next = points.get(index).filter(|(next, ..)| {
                    let between = &folded[to..*next];
                    JOIN.is_match(between) && !between.trim().is_empty()
                });
                match next {
                    Some((_, end, Point::At(second))) => {
                        span = Span { to: *end, start: Some(date), end: Some(*second), bare_year: false, ..span };
                        index += 1;
                    }
                    Some((_, end, Point::Present)) => {
                        span = Span { to: *end, start: Some(date), end: None, current: true, bare_year: false, ..span };
                        index += 1;
                    }
                    _ if SINCE.is_match(before) => {
                        span = Span { start: Some(date), end: None, current: true, bare_year: false, ..span };
                    }
                    _ if OPEN.is_match(&folded[to..]) => {
                        let dash = folded[to..].char_indices().find(|(_, char)| "-–—".contains(*char));
                        let after = dash.map_or(0, |(at, char)| at + char.len_utf8());
                        span = Span {
                            to: to + after,
                            start: Some(date),
                            end: None,
                            current: true,
                            bare_year: false,
                            ..span
                        };
                    }
                    _ => {
                        if let (Some(found), Some(_)) = (MONTH_BEFORE.captures(before), date.month) {
                            let month = month_number(&found[1]);
                            let from = found.get(0).map_or(from, |whole| whole.start());
                            span = Span { from, start: Some(Date { year: date.year, month }), ..span };
                        }
                    }
                }
                span
            }
        };
        span.expected = EXPECTED.is_match(&folded[..span.from]);
        if let Some(label) = LABEL.find(&folded[..span.from]) {
            span.from = label.start();
        }
        span.from = map[span.from];
        span.to = map[span.to];
        spans.push(span);
    }
    spans
}

fn point(found: &regex::Captures<'_>) -> Option<Point> {
    let number = |name: &str| found.name(name).and_then(|group| group.as_str().parse::<i32>().ok());
    let month = |name: &str| found.name(name).and_then(|group| month_number(group.as_str()));
    let at = |year, month: Option<u32>| Some(Point::At(Date { year, month }));
    let small = |year: i32| if year < 50 { 2000 + year } else { 1900 + year };
    if found.name("present").is_some() {
        return Some(Point::Present);
    }
    if let Some(year) = number("my") {
        return at(year, month("mon"));
    }
    if let Some(year) = number("my2") {
        return at(small(year), month("mon2"));
    }
    for (year, month) in [("iy", "im"), ("dy", "dm"), ("uy", "um"), ("ny", "nm")] {
        if let Some(year) = number(year) {
            return at(year, number(month).and_then(|month| u32::try_from(month).ok()));
        }
    }
    if let (Some(start), Some(end)) = (number("y1"), number("y2")) {
        let end = start / 100 * 100 + end;
        return Some(Point::Both(Date { year: start, month: None }, Date { year: end, month: None }));
    }
    if let (Some(month), Some(year)) = (number("sm"), number("s2")) {
        return at(small(year), u32::try_from(month).ok());
    }
    for year in ["sy", "qy", "y"] {
        if let Some(year) = number(year) {
            return at(year, None);
        }
    }
    None
}

static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[·•,(|]?\s*\b\d{1,2}\+?\s*(?:years?|yrs?|jahre?|ans?)\b\.?(?:\s*(?:,|and)?\s*\d{1,2}\s*(?:months?|mos?|monate?|mois)\b\.?)?\s*\)?|[·•,(|]?\s*\b\d{1,2}\s*(?:months?|mos|monate?|mois)\b\.?\s*\)?")
        .expect("constant pattern")
});
static HUSKS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[(\[]\s*[,;–—-]*\s*[)\]]").expect("constant pattern"));

/// The text without the spans, what they leave empty, and durations beside them. Cells stay apart.
pub(super) fn without(text: &str, spans: &[Span]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        if span.from >= at {
            rest.push_str(&text[at..span.from]);
            rest.push('\t');
            at = span.to;
        }
    }
    rest.push_str(&text[at..]);
    if !spans.is_empty() {
        rest = DURATION.replace_all(&rest, "").into_owned();
        // Parentheses cut in two by the removal.
        rest = rest.replace("(\t", "\t").replace("[\t", "\t").replace("\t)", "\t").replace("\t]", "\t");
    }
    rest = HUSKS.replace_all(&rest, "").into_owned();
    rest.trim_matches(|c: char| c.is_whitespace() || ",;|·•–—-:/".contains(c)).to_owned()
}
