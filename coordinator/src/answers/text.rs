//! Words of labels and answers, made comparable: case, accents and punctuation removed, and a small pattern
//! language for the tables of the lexicon.

/// Words that carry no meaning in a label.
const FILLER: &[&str] = &[
    "a", "an", "and", "are", "be", "can", "choose", "current", "did", "do", "does", "enter", "for", "give", "have",
    "if", "in", "is", "of", "on", "optional", "or", "our", "please", "provide", "required", "s", "select", "share",
    "the", "this", "to", "us", "we", "what", "whats", "which", "with", "would", "you", "your", "yourself", "el", "la",
    "le", "de", "du", "tu", "votre", "ihr", "ihre", "der", "die", "das", "seu", "sua", "su", "o", "das", "bitte",
];

/// Lower case, accents folded, apostrophes dropped, everything that is not a letter or digit a space,
/// dotted abbreviations joined ("U.S." is "us").
#[must_use]
pub fn normalise(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, &c) in chars.iter().enumerate() {
        match c {
            '\'' | '’' | '‘' | '´' | '`' => {}
            '.' if abbreviation_dot(&chars, at) => {}
            // "C++", "C#"; not the plus of "Canada+1".
            '+' | '#' if follows_letter(&chars, at) && !chars.get(at + 1).is_some_and(char::is_ascii_digit) => {
                out.push(c)
            }
            c if c.is_alphanumeric() => c.to_lowercase().for_each(|c| fold(c, &mut out)),
            '\u{300}'..='\u{36f}' => {}
            _ => push_space(&mut out),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A dot between single letters: "U.S.", "Ph.D" keeps "ph d" apart, as its first part has two letters.
fn abbreviation_dot(chars: &[char], at: usize) -> bool {
    let letter = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphabetic());
    let alone = letter(at.checked_sub(1)) && !letter(at.checked_sub(2));
    let after = letter(Some(at + 1)) && !letter(Some(at + 2));
    let closes = at >= 3 && chars[at - 2] == '.' && alone;
    alone && (after || closes)
}

fn follows_letter(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphabetic() || chars[at - 1] == '+')
}

fn push_space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

fn fold(c: char, out: &mut String) {
    out.push_str(match c {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' => "o",
        'ö' | 'œ' => "oe",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'š' | 'ś' => "s",
        'ž' | 'ź' | 'ż' => "z",
        'ł' => "l",
        'đ' | 'ď' => "d",
        'ř' => "r",
        'ť' => "t",
        'ß' => "ss",
        other => return out.push(other),
    });
}

/// The words of a text, normalised.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    normalise(text).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words that carry meaning; all of them when none would remain.
#[must_use]
pub fn content(text: &str) -> Vec<String> {
    let all = words(text);
    let kept: Vec<String> = all.iter().filter(|word| !is_filler(word)).cloned().collect();
    if kept.is_empty() { all } else { kept }
}

pub(super) fn is_filler(word: &str) -> bool {
    FILLER.contains(&word)
}

/// True when the words of `phrase` (already normalised, separated by spaces) follow each other in `text`.
#[must_use]
pub fn has_phrase(text: &[String], phrase: &str) -> bool {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    text.windows(phrase.len()).any(|window| window.iter().zip(&phrase).all(|(word, want)| word == want))
}

/// How alike two texts are, 0..=1; see [`likeness`].
#[must_use]
pub fn similarity(a: &str, b: &str) -> f32 {
    likeness(&unique_content(a), &unique_content(b))
}

/// Shared meaningful words (Dice), words alike by stem counted as shared. Takes what [`unique_content`] gives.
#[must_use]
pub fn likeness(a: &[String], b: &[String]) -> f32 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    (2 * shared(a, b)) as f32 / (a.len() + b.len()) as f32
}

/// How many words of `a` have a like in `b`.
#[must_use]
pub fn shared(a: &[String], b: &[String]) -> usize {
    a.iter().filter(|word| b.iter().any(|other| alike(word, other))).count()
}

/// The words of `a` that have no like in `b`.
#[must_use]
pub fn only_in<'a>(a: &'a [String], b: &[String]) -> Vec<&'a String> {
    a.iter().filter(|word| !b.iter().any(|other| alike(word, other))).collect()
}

/// The meaningful words of a text, each once.
#[must_use]
pub fn unique_content(text: &str) -> Vec<String> {
    let mut words = content(text);
    words.sort_unstable();
    words.dedup();
    words
}

/// Same word, or the same stem under an English ending ("providing", "provide"; "product", "products").
pub(super) fn alike(a: &str, b: &str) -> bool {
    a == b || (a.len() > 3 && b.len() > 3 && stem(a) == stem(b))
}

fn stem(word: &str) -> &str {
    for ending in
        ["ations", "ation", "ments", "ment", "ings", "ing", "ies", "ied", "ers", "er", "es", "ed", "s", "e", "y"]
    {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.len() >= 3
        {
            return stem;
        }
    }
    word
}

/// One line of the lexicon: words that must (and must not) occur.
///
/// `a b` is a phrase, `a|b` either word, `stem*` a word's beginning, `x & y` both anywhere, `!x` none of it, and a
/// leading `^` means that the pattern is all the label says, apart from filler words.
#[derive(Debug)]
pub struct Pattern {
    /// With which letters its first word may begin: tells of most patterns, without a look at them, that they do not
    /// occur.
    initials: u64,
    whole: bool,
    all: Vec<Phrase>,
    none: Vec<Phrase>,
}

/// The slots of a phrase, each with its alternatives.
type Phrase = Vec<Vec<Stem>>;

/// A word, or the beginning of one.
#[derive(Debug)]
struct Stem {
    text: &'static str,
    open: bool,
}

impl Stem {
    fn parse(text: &'static str) -> Self {
        text.strip_suffix('*').map_or(Self { text, open: false }, |text| Self { text, open: true })
    }

    fn is(&self, word: &str) -> bool {
        if self.open { word.starts_with(self.text) } else { word == self.text }
    }
}

impl Pattern {
    #[must_use]
    pub fn parse(text: &'static str) -> Self {
        let (whole, text) = text.strip_prefix('^').map_or((false, text), |rest| (true, rest));
        let mut pattern = Self { initials: u64::MAX, whole, all: Vec::new(), none: Vec::new() };
        for part in text.split('&').map(str::trim) {
            let (list, part) = match part.strip_prefix('!') {
                Some(rest) => (&mut pattern.none, rest),
                None => (&mut pattern.all, part),
            };
            list.push(part.split(' ').map(|slot| slot.split('|').map(Stem::parse).collect()).collect());
        }
        if let Some(first) = pattern.all.first().and_then(|phrase: &Phrase| phrase.first()) {
            pattern.initials = initials(first.iter().map(|stem| stem.text));
        }
        pattern
    }

    /// How many words the pattern explains; `None` when it does not match.
    #[must_use]
    pub fn find(&self, words: &[String]) -> Option<usize> {
        if !self.occurs(words) {
            return None;
        }
        let mut used = vec![false; words.len()];
        self.mark(words, &mut used).then(|| used.iter().filter(|used| **used).count())
    }

    /// Whether its phrases are there, and those it excludes are not. Most patterns fail here, and cost nothing more.
    #[must_use]
    pub fn occurs(&self, words: &[String]) -> bool {
        let there = |phrase| position(words, phrase).is_some();
        self.initials & initials(words.iter().map(String::as_str)) != 0
            && self.all.iter().all(there)
            && !self.none.iter().any(there)
    }

    /// Marks the words the pattern explains, and says whether it matches at all.
    pub fn mark(&self, words: &[String], used: &mut [bool]) -> bool {
        if !self.occurs(words) {
            return false;
        }
        let mut own = vec![false; words.len()];
        for phrase in &self.all {
            let Some(at) = position(words, phrase) else { return false };
            own[at..at + phrase.len()].iter_mut().for_each(|used| *used = true);
        }
        if self.whole && words.iter().zip(&own).any(|(word, used)| !*used && !is_filler(word)) {
            return false;
        }
        used.iter_mut().zip(own).for_each(|(used, own)| *used |= own);
        true
    }
}

/// A set of the letters with which these begin; what is empty begins like any.
fn initials<'a>(words: impl Iterator<Item = &'a str>) -> u64 {
    words.map(|word| word.bytes().next().map_or(u64::MAX, |byte| 1 << (byte % 64))).fold(0, |all, one| all | one)
}

fn position(words: &[String], phrase: &Phrase) -> Option<usize> {
    if phrase.len() > words.len() {
        return None;
    }
    (0..=words.len() - phrase.len())
        .find(|&at| phrase.iter().zip(&words[at..]).all(|(slot, word)| slot.iter().any(|stem| stem.is(word))))
}
