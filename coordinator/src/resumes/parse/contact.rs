//! Who the person is and how to reach them.

use std::sync::LazyLock;

use regex::Regex;

use super::lexicon::{employer_score, is_place, is_school, split_place, title_score};
use super::lines::{Line, cells, fold, words};
use super::sections::{Block, Section, heading};

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9][A-Za-z0-9._%+-]*\s?@\s?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,12}\b").expect("constant pattern")
});
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:\+|\b00)?\(?\+?\d{1,4}\)?(?:[\s./–-]{0,3}\(?\d{1,5}\)?){1,6}(?:\s?(?:ext\.?|x)\s?\d{1,5})?").expect("constant pattern")
});
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:https?://|www\.)[^\s|<>()\[\],;]+|\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|org|net|io|dev|me|co|ai|app|de|fr|es|it|uk|us|ca|in|ch|at|nl|be|se|no|dk|fi|pl|pt|eu|info|tech|design|site|page|xyz|blog|online|cloud|edu|works|studio|engineer|software|website)\b(?:/[^\s|<>()\[\],;]*)?").expect("constant pattern")
});
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:e-?mail(?:\s+address)?|phone(?:\s+number)?|tel(?:efon|ephone)?\.?|mobile?|mobil|handy|cell(?:ular)?|address|adresse|location|based in|ort|wohnort|anschrift|linkedin|github|gitlab|twitter|website|web|portfolio|homepage|blog|residence|city|domicilio|telefono|t|p|m|e|a|h|c|w)\s*[:.]\s*").expect("constant pattern")
});
static AUTHORIZATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)authori[sz]ed to work|work (?:authori[sz]ation|permit|visa)|right to work|(?:us|u\.s\.|eu|uk|canadian|german|american) citizen|citizenship|green card|permanent resident|visa status|arbeitserlaubnis|permis de travail|\bh-?1b\b|\bopt\b.*\bstem\b").expect("constant pattern")
});

/// What was found; empty where nothing was.
#[derive(Debug, Default)]
pub(super) struct Contact {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub location: Option<String>,
    pub websites: Vec<String>,
    pub work_authorization: Option<String>,
}

/// The contact details of a resume in sections.
pub(super) fn contact(blocks: &[Block]) -> Contact {
    let mut found = Contact::default();
    let own = |section| matches!(section, Section::Top | Section::Contact);
    let near: Vec<&Line> = blocks.iter().filter(|b| own(b.section)).flat_map(|b| &b.lines).collect();
    let far: Vec<&Line> = blocks.iter().filter(|b| !own(b.section)).flat_map(|b| &b.lines).collect();
    for line in near.iter().chain(&far) {
        if found.email.is_none() {
            found.email = EMAIL.find(&line.text).map(|m| m.as_str().replace(' ', ""));
        }
    }
    found.phone = near.iter().find_map(|line| phone(&line.text));
    found.phone = found.phone.or_else(|| far.iter().filter(|line| line.text.len() < 80).find_map(|line| phone(&line.text)));
    for (lines, all) in [(&near, true), (&far, false)] {
        for line in lines {
            for url in urls(&line.text) {
                let social = ["linkedin.com/", "github.com/", "gitlab.com/"].iter().any(|site| url.to_lowercase().contains(site));
                // Elsewhere, profiles stand alone; an address in a project is the project's.
                let profile = social && line.text.len() < url.len() + 20 && url.trim_end_matches('/').matches('/').count() <= 4;
                let same = |known: &String| bare(known) == bare(&url);
                if (all || profile) && !found.websites.iter().any(same) {
                    found.websites.push(url);
                }
            }
        }
    }
    found.name = name(blocks, found.email.as_deref());
    found.location = location(&near, found.name.as_deref());
    found.location = found.location.or_else(|| labelled_place(&far));
    found.work_authorization = near
        .iter()
        .chain(&far)
        .find(|line| line.text.len() < 160 && AUTHORIZATION.is_match(&line.text))
        .map(|line| line.text.trim().to_owned());
    found
}

/// Whether a line holds contact details and nothing else; such lines stray into sections when a
/// sidebar is read.
pub(super) fn only_contact(text: &str) -> bool {
    let rest = pieces(text);
    (EMAIL.is_match(text) || phone(text).is_some() || !urls(text).is_empty()) && rest.iter().all(|piece| piece.len() < 12 || is_place(piece))
        && rest.len() <= 3
}

fn bare(url: &str) -> String {
    url.to_lowercase()
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_start_matches("www.")
        .trim_end_matches('/')
        .to_owned()
}

fn urls(text: &str) -> Vec<String> {
    let text = EMAIL.replace_all(text, " ");
    URL.find_iter(&text)
        .map(|found| found.as_str().trim_end_matches(['.', ',', ';', ':', '/', ')']).to_owned())
        // "Node.js" and "ASP.NET" are no sites; a bare host with a short name and no path may be either.
        .filter(|url| {
            let lower = url.to_lowercase();
            !(lower == "asp.net" || lower == "socket.io" || lower == "next.js" || lower.ends_with(".net") && lower.len() < 9)
        })
        .collect()
}

fn phone(text: &str) -> Option<String> {
    let text = URL.replace_all(text, "\t");
    let text = EMAIL.replace_all(&text, "\t");
    PHONE.find_iter(&text).find_map(|found| {
        let number = found.as_str().trim().trim_end_matches(['-', '–', '.', '/']).trim();
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let groups: Vec<&str> = number.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).collect();
        let years = groups.iter().filter(|g| g.len() == 4 && (g.starts_with("19") || g.starts_with("20"))).count();
        let dated = years >= 2 || groups.len() == 2 && years == 1 && digits <= 6;
        let opened = number.matches('(').count() == number.matches(')').count();
        let number = if opened { number.to_owned() } else { number.replace(['(', ')'], "") };
        ((7..=15).contains(&digits) && !dated).then_some(number)
    })
}

/// What is left of a line beside addresses and numbers, in pieces.
fn pieces(text: &str) -> Vec<String> {
    let mut rest = URL.replace_all(text, "\t").into_owned();
    rest = EMAIL.replace_all(&rest, "\t").into_owned();
    if let Some(number) = phone(&rest) {
        rest = rest.replacen(&number, "\t", 1);
    }
    rest.replace(" | ", "\t")
        .replace(['|', '•', '·', '●', '∙', '⋄', '◆', '♦', '■', '▪', '❖', '►', '○', '⋅', '¦'], "\t")
        .replace(" – ", "\t")
        .replace(" — ", "\t")
        .replace(" - ", "\t")
        .replace(" * ", "\t")
        .replace(" / ", "\t")
        .split('\t')
        .flat_map(cells)
        .map(|piece| LABEL.replace(piece, "").trim().trim_matches([',', ';', '(', ')', ':', '/', '|']).trim().to_owned())
        .filter(|piece| !piece.is_empty())
        .collect()
}

// === Name ===

fn name(blocks: &[Block], email: Option<&str>) -> Option<String> {
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
    let honorific = |token: &str| matches!(fold(token).trim_end_matches('.'), "dr" | "prof" | "mr" | "mrs" | "ms" | "herr" | "frau");
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
    let letters = |token: &&str| token.chars().all(|c| c.is_alphabetic() || ".'-".contains(c)) && token.chars().any(char::is_alphabetic);
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

// === Location ===

fn location(near: &[&Line], name: Option<&str>) -> Option<String> {
    if let Some(place) = labelled_place(near) {
        return Some(place);
    }
    let mut weak = None;
    for line in near.iter().take(30).filter(|line| line.text.len() < 200) {
        let contactish = EMAIL.is_match(&line.text) || phone(&line.text).is_some() || !urls(&line.text).is_empty();
        let pieces = pieces(&line.text);
        for piece in &pieces {
            if name == Some(piece.as_str()) {
                continue;
            }
            if is_place(piece) && !piece.to_lowercase().starts_with("remote") {
                return Some(piece.trim_end_matches('.').to_owned());
            }
            // A street before the place.
            let (head, place) = split_place(piece);
            let street = head.chars().any(|c| c.is_ascii_digit()) || contactish && title_score(&head) == 0;
            if let Some(place) = place
                && street
            {
                return Some(place);
            }
            let sides: Vec<&str> = piece.split(',').map(str::trim).collect();
            let plain = |side: &&str| {
                (1..=3).contains(&side.split_whitespace().count())
                    && side.chars().next().is_some_and(char::is_uppercase)
                    && side.chars().all(|c| c.is_alphabetic() || " .'-".contains(c))
            };
            if contactish && sides.len() == 2 && sides.iter().all(plain) && title_score(piece) == 0 && weak.is_none() {
                weak = Some(piece.clone());
            }
        }
    }
    weak
}

fn labelled_place(lines: &[&Line]) -> Option<String> {
    static PLACE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^(?:current )?(?:address|adresse|location|based in|ort|wohnort|anschrift|residence|city|domicilio|lieu)\s*:\s*([^|•\t]{2,80})").expect("constant pattern")
    });
    lines.iter().find_map(|line| {
        let found = PLACE.captures(&line.text)?[1].trim().to_owned();
        let (_, place) = split_place(&found);
        Some(place.filter(|_| found.chars().any(|c| c.is_ascii_digit())).unwrap_or(found))
    })
}
