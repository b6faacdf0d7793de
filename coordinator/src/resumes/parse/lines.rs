//! A text as lines a reader would see: clean characters, bullets told from text, cells, blank lines.

use std::sync::LazyLock;

use regex::Regex;

/// Lines looked at; a resume of thirty pages has two thousand.
const LINES_MAX: usize = 4000;
/// Characters of one line looked at.
const LINE_MAX: usize = 2000;

const BULLETS: &str = "•●▪◦‣·∙○■□◆◇❖➢➤➔→✓✔►▶»⁃▸▹✦✧★☆*";

static FURNITURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\W*(?:.{0,40}\W)?(?:page|seite)\s*\d{1,2}(?:\s*(?:of|von|/)\s*\d{1,2})?\W*$|^\W*\d{1,2}\s*(?:of|/)\s*\d{1,2}\W*$")
        .expect("constant pattern")
});
static NUMBERED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\(?\d{1,2}[.)]\s+(?:\D|\d+\D)").expect("constant pattern"));
static CELLS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\s*\t\s*|\s{2,}").expect("constant pattern"));

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Without bullet and outer space; tabs and runs of spaces inside are kept, they divide cells.
    pub text: String,
    pub bullet: bool,
    /// Spaces before the text or the bullet.
    pub indent: usize,
    /// A blank line stands before it.
    pub gap: bool,
}

impl Line {
    /// Stretches divided by wide gaps.
    pub fn cells(&self) -> Vec<&str> {
        cells(&self.text)
    }

    /// How far the line reaches, in characters.
    pub fn width(&self) -> usize {
        self.indent + self.text.chars().count()
    }
}

/// Stretches of a text divided by tabs or at least two spaces.
pub(super) fn cells(text: &str) -> Vec<&str> {
    CELLS.split(text).map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

/// The lines of a text.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut gap = false;
    let mut lone_bullet = false;
    for raw in text.lines().take(LINES_MAX) {
        let clean = clean(raw);
        let trimmed = clean.trim_start();
        if trimmed.trim().is_empty() || is_rule(trimmed) {
            gap = true;
            continue;
        }
        if FURNITURE.is_match(trimmed) {
            continue;
        }
        let indent = clean.len() - trimmed.len();
        let untracked = join_tracked(trimmed);
        let trimmed = untracked.as_deref().unwrap_or(trimmed);
        let (bullet, body) = strip_bullet(trimmed);
        let body = body.trim();
        if body.is_empty() {
            lone_bullet = bullet;
            continue;
        }
        lines.push(Line {
            text: body.to_owned(),
            bullet: bullet || std::mem::take(&mut lone_bullet),
            indent,
            gap: std::mem::take(&mut gap),
        });
    }
    lines
}

/// "J A N E   D O E" as "JANE DOE"; `None` for a line that is not set so.
fn join_tracked(text: &str) -> Option<String> {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let letters =
        tokens.iter().all(|token| token.chars().count() == 1 && token.chars().all(|c| c.is_alphabetic() || c == '&'));
    (tokens.len() >= 4 && letters).then(|| {
        let words: Vec<String> = cells(text).iter().map(|word| word.replace(' ', "")).collect();
        words.join(" ")
    })
}

fn is_rule(text: &str) -> bool {
    text.chars().count() >= 3 && text.chars().all(|char| " \t-_=*~—–#.•·|".contains(char))
}

fn strip_bullet(text: &str) -> (bool, &str) {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or_default();
    let rest = chars.as_str();
    if BULLETS.contains(first) {
        return (true, rest);
    }
    if "-–—−o+>".contains(first) && rest.starts_with([' ', '\t']) {
        return (true, rest);
    }
    if NUMBERED.is_match(text) {
        let rest = text.trim_start_matches(['(', ')', '.']).trim_start_matches(|c: char| c.is_ascii_digit());
        return (true, rest.trim_start_matches(['.', ')']));
    }
    (false, text)
}

/// Odd characters as plain ones: ligatures, non-breaking and zero-width spaces, symbol-font bullets,
/// Markdown emphasis.
fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for char in raw.chars().take(LINE_MAX) {
        match char {
            'ﬀ' => out.push_str("ff"),
            'ﬁ' => out.push_str("fi"),
            'ﬂ' => out.push_str("fl"),
            'ﬃ' => out.push_str("ffi"),
            'ﬄ' => out.push_str("ffl"),
            'ﬅ' | 'ﬆ' => out.push_str("st"),
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => out.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{ad}' | '\u{feff}' | '\u{2060}' => {}
            '’' | '‘' | 'ʼ' => out.push('\''),
            '“' | '”' => out.push('"'),
            '\u{2010}' | '\u{2011}' => out.push('-'),
            // Symbol and Wingdings draw bullets from the private area; so do icon fonts.
            '\u{f0b7}' | '\u{f0a7}' | '\u{f0d8}' | '\u{f076}' | '\u{f0fc}' | '\u{2023}' => out.push('•'),
            '\u{e000}'..='\u{f8ff}' => out.push(' '),
            '\t' => out.push('\t'),
            char if char.is_control() => {}
            char => out.push(char),
        }
    }
    let out = out.trim_end();
    let unmarked = out.replace("**", "").replace("__", "");
    match unmarked.trim_start().strip_prefix('#') {
        Some(rest) if rest.trim_start_matches('#').starts_with(' ') => rest.trim_start_matches('#').trim().to_owned(),
        _ => unmarked,
    }
}

/// Lower case without accents, for comparing words.
pub(super) fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|char| match char {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => 'a',
            'è' | 'é' | 'ê' | 'ë' => 'e',
            'ì' | 'í' | 'î' | 'ï' => 'i',
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => 'o',
            'ù' | 'ú' | 'û' | 'ü' => 'u',
            'ç' => 'c',
            'ñ' => 'n',
            char => char,
        })
        .collect()
}

/// The folded words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    fold(text)
        .split(|char: char| !(char.is_alphanumeric() || char == '\'' || char == '+' || char == '#'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
