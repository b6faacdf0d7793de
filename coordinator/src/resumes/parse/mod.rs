//! Text → [`ParsedResumeData`], by rules. Pure: no clock, no I/O, no model.
//!
//! [`lines`] cleans the text, [`sections`] cuts it at its headings, one module reads each kind of
//! section, [`dates`] and [`lexicon`] serve them all. A resume without headings is cut by what its
//! blocks look like.

mod body;
mod contact;
mod dates;
mod education;
mod extras;
mod head;
mod lexicon;
mod lines;
mod name;
mod sections;
mod skills;
mod work;

use chrono::{Datelike, NaiveDate};
use protocol::resume::ParsedResumeData;

use lines::Line;
use sections::{Block, Section};

/// Characters of a summary kept.
const SUMMARY_MAX: usize = 2000;

/// Reads a resume's text. The second value is the share of signals of a resume found in it, 0 to 1.
pub fn parse(text: &str, today: NaiveDate) -> (ParsedResumeData, f32) {
    let lines = lines::lines(text);
    let confidence = confidence(&lines);
    let mut blocks = sections::blocks(lines);
    let mut contact = contact::contact(&blocks);
    if contact.name.as_deref().is_some_and(|name| sections::reopen_top(&mut blocks, name)) {
        contact = contact::contact(&blocks);
    }
    drop_stray_contacts(&mut blocks);
    if !blocks.iter().any(|block| matches!(block.section, Section::Work | Section::Education)) {
        blocks = by_looks(blocks);
    }
    let of = |section: Section| -> Vec<Line> {
        blocks.iter().filter(|block| block.section == section).flat_map(|block| block.lines.clone()).collect()
    };
    // Sections of one kind are read one by one: an entry never spans two.
    let positions: Vec<work::Position> = blocks
        .iter()
        .filter(|block| block.section == Section::Work)
        .flat_map(|block| work::positions(&block.lines))
        .collect();
    let education = blocks
        .iter()
        .filter(|block| block.section == Section::Education)
        .flat_map(|block| education::entries(&block.lines, today))
        .collect();
    let total_years_experience = years(&positions, today);
    let data = ParsedResumeData {
        full_name: contact.name,
        email: contact.email,
        phone: contact.phone,
        location: contact.location,
        summary: summary(&blocks),
        skills: skills::skills(&of(Section::Skills)),
        education,
        work_history: positions.into_iter().map(|position| position.entry).collect(),
        projects: extras::projects(&of(Section::Projects)),
        certifications: extras::certifications(&of(Section::Certifications)),
        languages: extras::list(&of(Section::Languages)),
        interests: extras::list(&of(Section::Interests)),
        awards: extras::awards(&of(Section::Awards)),
        volunteer_work: extras::volunteering(&of(Section::Volunteer)),
        total_years_experience,
        work_authorization: contact.work_authorization,
        websites: contact.websites,
    };
    (data, confidence)
}

/// Whether a phrase is one of the headings sections are cut at. The layout uses it to tell columns
/// from tables.
pub(super) fn is_heading(text: &str) -> bool {
    sections::heading(text).is_some_and(|section| section != Section::Top)
}

fn drop_stray_contacts(blocks: &mut [Block]) {
    for block in blocks {
        if !matches!(block.section, Section::Top | Section::Contact | Section::Projects) {
            block.lines.retain(|line| line.bullet || !contact::only_contact(&line.text));
        }
    }
}

/// Cuts a resume without headings: each block is what it looks like.
fn by_looks(blocks: Vec<Block>) -> Vec<Block> {
    let (top, mut rest): (Vec<Block>, Vec<Block>) = blocks.into_iter().partition(|block| block.section == Section::Top);
    let mut parts: Vec<Block> = Vec::new();
    for line in top.into_iter().flat_map(|block| block.lines) {
        let dated = dates::spans(&line.text).iter().any(dates::Span::is_range);
        let learned = !line.bullet
            && (lexicon::is_school(&line.text) || line.text.contains("Bachelor") || line.text.contains("Master"));
        let worked = !line.bullet && (lexicon::title_score(&line.text) >= 3) && line.text.len() < 120;
        match parts.last_mut() {
            Some(part) if !line.gap && part.lines.len() < 400 => {
                if part.section == Section::Top && (dated || learned) {
                    part.section = if learned { Section::Education } else { Section::Work };
                }
                part.lines.push(line);
            }
            _ => {
                let first = parts.is_empty();
                let list = line.text.matches(',').count() >= 4 && !body::is_prose(&line.text)
                    || line.text.matches(" | ").count() >= 4;
                let section = match (first, dated, learned) {
                    (true, ..) => Section::Top,
                    (_, _, true) => Section::Education,
                    (_, true, _) => Section::Work,
                    _ if worked => Section::Work,
                    _ if list => Section::Skills,
                    _ if line.bullet => parts.last().map_or(Section::Top, |part| part.section),
                    _ => Section::Top,
                };
                parts.push(Block { section, lines: vec![line] });
            }
        }
    }
    // Blocks of one kind that follow each other are one section.
    let mut merged: Vec<Block> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(last) if last.section == part.section => last.lines.extend(part.lines),
            _ => merged.push(part),
        }
    }
    merged.append(&mut rest);
    merged
}

/// The summary's own section, else the sentences before the first heading.
fn summary(blocks: &[Block]) -> Option<String> {
    let joined = |lines: Vec<&Line>| {
        let text = lines.iter().map(|line| line.text.replace('\t', " ")).collect::<Vec<_>>().join(" ");
        let text = text.trim().to_owned();
        (!text.is_empty()).then(|| text.chars().take(SUMMARY_MAX).collect::<String>())
    };
    let own: Vec<&Line> =
        blocks.iter().filter(|block| block.section == Section::Summary).flat_map(|block| &block.lines).collect();
    if let Some(text) = joined(own) {
        return Some(text);
    }
    let top = blocks.iter().filter(|block| block.section == Section::Top).flat_map(|block| &block.lines);
    let prose: Vec<&Line> = top
        .skip_while(|line| {
            line.text.split_whitespace().count() < 9 || contact::only_contact(&line.text) || line.text.contains('@')
        })
        .filter(|line| !contact::only_contact(&line.text))
        .collect();
    joined(prose).filter(|text| text.split_whitespace().count() >= 9)
}

/// Years in which at least one position was held, to one decimal.
fn years(positions: &[work::Position], today: NaiveDate) -> Option<f64> {
    let index = |year: i32, month: u32| i64::from(year) * 12 + i64::from(month) - 1;
    let now = index(today.year(), today.month());
    let mut spans: Vec<(i64, i64)> = positions
        .iter()
        .filter_map(|position| {
            let start = position.start?;
            let from = index(start.year, start.month.unwrap_or(1));
            // Months are whole: January to January is one. Years alone reach to the start of the last.
            let to = match position.end {
                None => now + 1,
                Some(end) if end == start && end.month.is_none() => return None,
                Some(end) => end.month.map_or(index(end.year, 1), |month| index(end.year, month) + 1),
            };
            let to = to.min(now + 1);
            (to > from).then_some((from, to))
        })
        .collect();
    spans.sort_unstable();
    let mut months = 0;
    let mut reached = i64::MIN;
    for (from, to) in spans {
        months += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    #[expect(clippy::cast_precision_loss, reason = "months of a working life")]
    let years = (months as f64 / 12.0 * 10.0).round() / 10.0;
    (months > 0).then_some(years)
}

/// The share of eleven signals of a resume that the text shows.
fn confidence(lines: &[Line]) -> f32 {
    let text: String = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
    let words = lines::words(&text);
    let any = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let spans = dates::spans(&text);
    let months = spans.iter().any(|span| [span.start, span.end].iter().flatten().any(|date| date.month.is_some()));
    let probe = contact::contact(&[Block { section: Section::Top, lines: lines.to_vec() }]);
    let signals = [
        probe.email.is_some(),
        probe.phone.is_some(),
        any(&["experience", "employment", "work", "berufserfahrung", "experiencia", "experiences", "career"]),
        any(&[
            "education",
            "university",
            "college",
            "degree",
            "bachelor",
            "ausbildung",
            "formation",
            "educacion",
            "school",
        ]),
        any(&["skills", "technologies", "competencies", "kenntnisse", "competences", "habilidades"]),
        any(&["summary", "objective", "profile", "projects", "certifications", "languages", "profil", "sprachen"]),
        !probe.websites.is_empty(),
        lexicon::verbs(&words) >= 2,
        months,
        !spans.is_empty(),
        text.chars().count() >= 200,
    ];
    let found = u8::try_from(signals.iter().filter(|signal| **signal).count()).unwrap_or(0);
    f32::from(found) / 11.0
}

#[cfg(test)]
mod tests;
