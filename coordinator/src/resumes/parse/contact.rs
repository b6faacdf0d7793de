//! Who the person is and how to reach them.

use std::sync::LazyLock;

use regex::Regex;

use super::lexicon::{is_place, split_place, title_score};
use super::lines::{Line, cells};
use super::name::name;
use super::sections::{Block, Section};

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9][A-Za-z0-9._%+-]*\s?@\s?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,12}\b")
        .expect("constant pattern")
});
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:\+|\b00)?\(?\+?\d{1,4}\)?(?:[\s./–-]{0,3}\(?\d{1,5}\)?){1,6}(?:\s?(?:ext\.?|x)\s?\d{1,5})?")
        .expect("constant pattern")
});
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:https?://|www\.)[^\s|<>()\[\],;]+|\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|org|net|io|dev|me|co|ai|app|de|fr|es|it|uk|us|ca|in|ch|at|nl|be|se|no|dk|fi|pl|pt|eu|info|tech|design|site|page|xyz|blog|online|cloud|edu|works|studio|engineer|software|website)\b(?:/[^\s|<>()\[\],;]*)?").expect("constant pattern")
});
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:e-?mail(?:\s+address)?|phone(?:\s+number)?|tel(?:efon|ephone)?\.?|mobile?|mobil|handy|cell(?:ular)?|address|adresse|location|based in|ort|wohnort|anschrift|linkedin|github|gitlab|twitter|website|web|portfolio|homepage|blog|residence|city|domicilio|telefono)\s*[:.]\s*|^[tpmeahcw]\s*:\s*").expect("constant pattern")
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
    found.phone =
        found.phone.or_else(|| far.iter().filter(|line| line.text.len() < 80).find_map(|line| phone(&line.text)));
    for (lines, all) in [(&near, true), (&far, false)] {
        for line in lines {
            for url in urls(&line.text) {
                let social = ["linkedin.com/", "github.com/", "gitlab.com/"]
                    .iter()
                    .any(|site| url.to_lowercase().contains(site));
                // Elsewhere, profiles stand alone; an address in a project is the project's.
                let profile =
                    social && line.text.len() < url.len() + 20 && url.trim_end_matches('/').matches('/').count() <= 4;
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
    (EMAIL.is_match(text) || phone(text).is_some() || !urls(text).is_empty())
        && rest.iter().all(|piece| piece.len() < 12 || is_place(piece))
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
            !(lower == "asp.net"
                || lower == "socket.io"
                || lower == "next.js"
                || lower.ends_with(".net") && lower.len() < 9)
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
pub(super) fn pieces(text: &str) -> Vec<String> {
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
        .map(|piece| {
            LABEL.replace(piece, "").trim().trim_matches([',', ';', '(', ')', ':', '/', '|']).trim().to_owned()
        })
        .filter(|piece| !piece.is_empty())
        .collect()
}

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
