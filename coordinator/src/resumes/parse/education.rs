//! Schools and degrees.

use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate};
use protocol::resume::EducationEntry;
use regex::Regex;

use super::dates::{Date, Span, spans, without};
use super::lexicon::{is_place, is_school, split_place};
use super::lines::{Line, cells, fold};

/// Entries kept.
const ENTRIES_MAX: usize = 20;

/// A degree at the start of a phrase, over the phrase as written. Short forms are matched by case: "MA"
/// is a degree, "ma" is not.
static DEGREE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?x)
      (?i:\b(?:
        (?:(?:joint|double|dual|combined|honou?rs)\s+)?(?:bachelor|master|associate|doctor|magister)(?:'?s)?(?:\s+(?:degree|diploma))?(?:\s+of\s+(?:(?:applied|fine|computer|business|public|political|natural|liberal|social|health|human)\s+)?(?:science|sciences|arts|art|engineering|technology|business\s+administration|administration|commerce|education|law|laws|philosophy|medicine|music|architecture|nursing|design|fine\s+arts|computing|economics|finance|accounting|management|social\s+work|public\s+health|public\s+policy|theology|divinity|surgery|pharmacy|studies|letters|journalism|statistics|mathematics|research|information\s+technology|information\s+systems|software\s+engineering|data\s+science|computer\s+applications))?(?:\s+(?:and|&)\s+(?:science|arts))?
        | ph\.?\s?d\.?(?:\s+candidate)? | d\.?phil\.? | doctorate | postdoc(?:toral\s+fellowship)?
        | high\s+school\s+diploma | secondary\s+school\s+certificate | ged | a[-\s]levels | gcses? | international\s+baccalaureate | ib\s+diploma | advanced\s+diploma | graduate\s+diploma | post-?graduate\s+(?:diploma|certificate) | (?:graduate|professional)\s+certificate | diploma | certificate
        | diplom(?:-?\w+)? | abitur | fachabitur | mittlere\s+reife | staatsexamen | promotion | licence(?:\s+professionnelle)? | baccalaur[eé]at | bac\s?\+\s?\d | dut | bts | licenciatura | grado | ingenier[ií]a | t[eé]cnico | m[aá]ster | maestr[ií]a | laurea(?:\s+(?:triennale|magistrale))? | juris\s+doctor | foundation\s+degree | minor
      )\b\.?)
      | \b(?:B\.?\s?Sc|M\.?\s?Sc|B\.?\s?Eng|M\.?\s?Eng|B\.?\s?Tech|M\.?\s?Tech|B\.?\s?Com|M\.?\s?Com|B\.?\s?Ed|M\.?\s?Ed|M\.?\s?Phil|M\.?\s?Res|LL\.?B|LL\.?M|Pharm\.?D|Psy\.?D|Ed\.?D|D\.?D\.?S|M\.?B\.?B\.?S|E?M\.?B\.?A|B\.?B\.?A|B\.?C\.?A|M\.?C\.?A|B\.?F\.?A|M\.?F\.?A|B\.?S\.?N|M\.?S\.?N|B\.?S\.?E|M\.?S\.?E|B\.?S\.?B\.?A|B\.?A\.?Sc|A\.?A\.?S|M\.?P\.?H|M\.?P\.?A|M\.?P\.?P|M\.?S\.?W|M\.?H\.?A|M\.?Arch|B\.?Arch|J\.?D|M\.?D|B\.?S|M\.?S|B\.?A|M\.?A|A\.?A|A\.?S|A\.?B|S\.?B|S\.?M|B\.?E|M\.?E)\b\.?(?:\s?\((?i:hons?|honou?rs)\.?\))?
    ").expect("constant pattern")
});
static GPA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:c?\.?g\.?p\.?a\.?|grade point average|notendurchschnitt|abschlussnote|note|grade)\s*(?:of|[:=–-])?\s*(\d{1,2}(?:[.,]\d{1,2})?)(?:\s*(?:/|out of)\s*\d{1,3}(?:[.,]\d{1,2})?)?|\b(\d[.,]\d{1,2})\s*(?:/\s*\d{1,2}(?:[.,]\d{1,2})?)?\s*(?:c?gpa)\b|\b(\d\.\d{1,2})\s*/\s*(?:4|5|10)(?:\.0{1,2})?\b").expect("constant pattern")
});
static HONORS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:summa|magna)\s+cum\s+laude|\bcum\s+laude|with (?:high(?:est)? )?(?:honou?rs|distinction)|first[- ]class(?: honou?rs)?|(?:upper|lower) second[- ]class(?: honou?rs)?|dean'?s (?:list|fellow|scholar|honou?r roll)|valedictorian|salutatorian|phi beta kappa").expect("constant pattern")
});
static STRONG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\s*[|•·∙●]\s*|\s+[–—−-]+\s+|\s*[–—]\s+|\s+/\s+|;\s+|:\s+").expect("constant pattern")
});
static FIELD_LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[\s,:;–—-]*(?:degree\b)?[\s,:]*(?:(?:in|of|im|en|major(?:ing)?(?:\s+in)?|field|studiengang|fach|concentration(?:\s+in)?|speciali[sz]ation(?:\s+in)?|mention|with a major in)\b[\s,:]*)?").expect("constant pattern")
});
static MAJOR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:majors?|field of study|concentration|specialization|studiengang|major in)\s*:?\s+(.{3,60})$")
        .expect("constant pattern")
});
static MINOR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[\s,;&/+]+(?:and\s+)?(?:with\s+)?(?:an?\s+)?(?:minor|nebenfach)\b").expect("constant pattern")
});
static NOT_SCHOOL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:relevant |selected |key )?(?:coursework|courses|capstone|modules|thesis|dissertation|minor|activities|societies|honou?rs|awards?|gpa|grade|advisor|focus|subjects|clubs?|scholarships?|dean's|member|exchange|study abroad|abschlussarbeit|bachelorarbeit|masterarbeit|schwerpunkt\w*|note)\b").expect("constant pattern")
});

/// An entry being put together.
#[derive(Debug, Default)]
struct Draft {
    entry: EducationEntry,
    span: Option<Span>,
    /// Phrases that are neither school, degree nor place.
    loose: Vec<String>,
}

/// The entries of a section. `today` tells an end that lies ahead.
pub(super) fn entries(lines: &[Line], today: NaiveDate) -> Vec<EducationEntry> {
    let mut drafts: Vec<Draft> = vec![Draft::default()];
    let has_heads = lines.iter().any(|line| !line.bullet && says_something(&line.text));
    for line in lines {
        let detail = line.bullet && has_heads || NOT_SCHOOL.is_match(&line.text);
        read_line(&mut drafts, line, detail);
    }
    let mut entries: Vec<EducationEntry> = Vec::new();
    for draft in drafts.into_iter().take(ENTRIES_MAX) {
        if let Some(entry) = finish(draft, entries.last(), today) {
            entries.push(entry);
        }
    }
    entries
}

fn says_something(text: &str) -> bool {
    is_school(text) || degree(text).is_some()
}

fn read_line(drafts: &mut Vec<Draft>, line: &Line, detail: bool) {
    let text = &line.text;
    let index = drafts.len() - 1;
    let gpa = GPA
        .captures(text)
        .and_then(|found| (1..=3).find_map(|group| found.get(group)))
        .map(|found| found.as_str().replace(',', "."));
    let honors = HONORS.find(text).map(|found| found.as_str().to_owned());
    if detail {
        let entry = &mut drafts[index].entry;
        entry.honors = entry.honors.take().or(honors);
        entry.gpa = entry.gpa.take().or(gpa);
        return;
    }
    let grade = GPA.find(text).map(|found| text.replacen(found.as_str(), "\t", 1)).unwrap_or_else(|| text.clone());
    let grade = HONORS.replace_all(&grade, "\t").into_owned();
    let spans = spans(&grade);
    let rest = without(&grade, &spans);
    let parts = parts(&rest);
    let has_school = parts.iter().any(|part| matches!(part, Part::School(_)));
    let has_degree = parts.iter().any(|part| matches!(part, Part::Degree(..)));
    let now = &drafts[index];
    let taken = has_school && !now.entry.school.is_empty()
        || has_degree && !now.entry.degree.is_empty()
        || !spans.is_empty() && now.span.is_some() && (line.gap || has_school || has_degree || !now.loose.is_empty())
        || line.gap
            && !now.entry.school.is_empty()
            && (!now.entry.degree.is_empty() || now.span.is_some() && !has_degree)
            && (!parts.is_empty() || !spans.is_empty())
            && (has_school || !spans.is_empty() || has_degree);
    if taken {
        drafts.push(Draft::default());
    }
    let index = drafts.len() - 1;
    let draft = &mut drafts[index];
    draft.entry.gpa = draft.entry.gpa.take().or(gpa);
    draft.entry.honors = draft.entry.honors.take().or(honors);
    draft.span = draft.span.take().or(spans.into_iter().find(|span| span.is_range() || span.end.is_some()));
    let stray =
        line.gap && !taken && !draft.entry.school.is_empty() && !has_school && !has_degree && draft.span.is_some();
    for part in parts {
        match part {
            Part::Loose(_) if stray => {}
            Part::School(name) if draft.entry.school.is_empty() => draft.entry.school = name,
            Part::Degree(degree, field) if draft.entry.degree.is_empty() => {
                draft.entry.degree = degree;
                draft.entry.field_of_study = draft.entry.field_of_study.take().or(field);
            }
            Part::School(name) | Part::Loose(name) => draft.loose.push(name),
            Part::Degree(..) => {}
        }
    }
}

#[derive(Debug)]
enum Part {
    School(String),
    Degree(String, Option<String>),
    Loose(String),
}

/// A line's phrases. Places are dropped, commas cut only where school and degree share a phrase.
fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    for cell in cells(text) {
        for phrase in STRONG.split(cell) {
            let phrase = phrase.trim().trim_matches([',', ';', '(', ':', '|']).trim();
            let phrase = if phrase.contains('(') { phrase } else { phrase.trim_end_matches(')') };
            if phrase.is_empty() || is_place(phrase) || !phrase.chars().any(char::is_alphabetic) {
                continue;
            }
            let (phrase, _) = split_place(phrase);
            if let Some(major) = MAJOR.captures(&phrase) {
                found.push(Part::Loose(major[1].to_owned()));
                continue;
            }
            match (is_school(&phrase), degree(&phrase)) {
                (true, _) if DEGREE.is_match(&phrase) => found.extend(school_and_degree(&phrase)),
                (true, _) => found.push(Part::School(phrase)),
                (false, Some((degree, field))) => found.push(Part::Degree(degree, field)),
                (false, None) => found.push(Part::Loose(phrase)),
            }
        }
    }
    found
}

/// "B.S., Computer Science, Riverside University", "Riverside University, B.S. in Physics", "Diploma
/// from Riverside School".
fn school_and_degree(phrase: &str) -> Vec<Part> {
    static FROM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)[\s,]+(?:from|at|an der|de l'|bei)\s+(?:the\s+)?").expect("constant pattern")
    });
    // "High School Diploma", "Master of Science, Institute" differ in whether the school is outside the degree.
    let found = DEGREE.find(phrase);
    if let Some(found) = found {
        let outside = format!("{}\u{0}{}", &phrase[..found.start()], &phrase[found.end()..]);
        if !is_school(&outside) {
            return degree(phrase).map(|(degree, field)| Part::Degree(degree, field)).into_iter().collect();
        }
    }
    if let Some(from) = FROM.find(phrase) {
        let (head, tail) = (&phrase[..from.start()], &phrase[from.end()..]);
        if is_school(tail)
            && let Some((degree, field)) = degree(head)
        {
            return vec![Part::Degree(degree, field), Part::School(tail.trim().to_owned())];
        }
    }
    let pieces: Vec<&str> = phrase.split(',').map(str::trim).filter(|piece| !piece.is_empty()).collect();
    let school_at = pieces.iter().position(|piece| is_school(piece) && degree(piece).is_none());
    let degree_at = pieces.iter().position(|piece| degree(piece).is_some());
    match (school_at, degree_at) {
        (Some(school), Some(at)) if at < school => {
            let (degree, field) = degree(&pieces[at..school].join(", ")).unwrap_or_default();
            vec![Part::Degree(degree, field), Part::School(pieces[school..].join(", "))]
        }
        (Some(school), Some(at)) => {
            let (degree, field) = degree(&pieces[at..].join(", ")).unwrap_or_default();
            vec![Part::School(pieces[school..at].join(", ")), Part::Degree(degree, field)]
        }
        // "Riverside University Bachelor of Science in Physics": the degree begins where it begins.
        _ => match DEGREE.find(phrase) {
            Some(found) if found.start() > 0 => {
                let (degree, field) = degree(&phrase[found.start()..]).unwrap_or_default();
                vec![
                    Part::School(phrase[..found.start()].trim_matches([' ', ',', '(']).to_owned()),
                    Part::Degree(degree, field),
                ]
            }
            _ => vec![Part::School(phrase.to_owned())],
        },
    }
}

/// The degree at the head of a phrase, and the field behind it.
fn degree(phrase: &str) -> Option<(String, Option<String>)> {
    let found = DEGREE.find(phrase)?;
    let before = phrase[..found.start()].trim();
    // Words before a degree that belong to it are few: "Executive MBA", "Dual".
    if before.split_whitespace().count() > 2 {
        return None;
    }
    let mut name = phrase[..found.end()].trim().to_owned();
    let mut rest = phrase[found.end()..].trim_start();
    // "Master of Business Administration (MBA)", "Bachelor of Science (B.Sc.)", "(Hons)"
    if let Some(tail) = rest.strip_prefix('(')
        && let Some((inside, after)) = tail.split_once(')')
    {
        if inside.len() <= 8 && DEGREE.is_match(inside) || fold(inside).starts_with("hon") {
            name = format!("{name} ({inside})");
            rest = after;
        } else if after.trim().is_empty() {
            rest = inside;
        }
    }
    let rest = FIELD_LABEL.replace(rest, "");
    let rest = rest.trim().trim_matches([',', ';', ':', '.', ')', '-', '–']).trim();
    let rest = rest.split(" (").next().unwrap_or(rest);
    let rest = MINOR.split(rest).next().unwrap_or(rest).trim();
    let plausible = rest.chars().any(char::is_alphabetic) && rest.chars().count() <= 80 && !GPA.is_match(rest);
    Some((name.trim_end_matches(',').to_owned(), plausible.then(|| rest.to_owned())))
}

fn finish(mut draft: Draft, above: Option<&EducationEntry>, today: NaiveDate) -> Option<EducationEntry> {
    let mut loose = draft.loose.into_iter().filter(|phrase| phrase.chars().count() <= 80 && !phrase.ends_with('.'));
    if draft.entry.school.is_empty() && (!draft.entry.degree.is_empty() || draft.span.is_some()) {
        match above {
            // A second degree of the school above.
            Some(above) if loose.size_hint().1 == Some(0) => draft.entry.school.clone_from(&above.school),
            _ => {
                if let Some(name) = loose.next() {
                    draft.entry.school = name;
                } else if let Some(above) = above {
                    draft.entry.school.clone_from(&above.school);
                }
            }
        }
    }
    if draft.entry.field_of_study.is_none() && !draft.entry.school.is_empty() {
        draft.entry.field_of_study = loose.next().filter(|field| field.split_whitespace().count() <= 6);
    }
    let entry = &mut draft.entry;
    if entry.school.is_empty() && entry.degree.is_empty() {
        return None;
    }
    if let Some(span) = draft.span {
        entry.start_date = span.start.map(|date| date.to_string());
        entry.end_date = span.end.map(|date| date.to_string());
        let ahead = |date: Date| {
            let month = date.month.unwrap_or(1);
            (date.year, month) > (today.year(), today.month())
        };
        if let Some(end) = span.end
            && (span.expected || ahead(end))
        {
            entry.expected_graduation = Some(end.to_string());
        }
    }
    Some(draft.entry)
}
