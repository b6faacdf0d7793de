//! The parts of the parser whose rules are worth pinning one by one; whole resumes are in
//! `tests/resume_fixtures.rs`.

use chrono::NaiveDate;

use super::dates::{spans, without};
use super::lexicon::{is_place, split_place, title_score};
use super::sections::{Section, heading};
use super::*;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 6, 15).unwrap()
}

/// A text's dates in short: `start..end`, `..` for now.
fn dates(text: &str) -> Vec<String> {
    spans(text)
        .iter()
        .map(|span| match (span.start, span.end) {
            (Some(start), Some(end)) => format!("{start}..{end}"),
            (Some(start), None) => format!("{start}.."),
            (None, Some(end)) => end.to_string(),
            (None, None) => String::new(),
        })
        .collect()
}

#[test]
fn ranges_are_read_in_every_usual_form() {
    for (text, expected) in [
        ("Jan 2020 – Present", "2020-01.."),
        ("January 2020 to December 2021", "2020-01..2021-12"),
        ("2019-03 to 2021-05", "2019-03..2021-05"),
        ("03/2019 - 05/2021", "2019-03..2021-05"),
        ("03.2019–05.2021", "2019-03..2021-05"),
        ("01.03.2019 - 31.05.2021", "2019-03..2021-05"),
        ("Sept. 2018 — Now", "2018-09.."),
        ("2018 – 2020", "2018..2020"),
        ("2018–20", "2018..2020"),
        ("Since May 2017", "2017-05.."),
        ("seit 2017", "2017.."),
        ("Jan – Mar 2020", "2020-01..2020-03"),
        ("Jan '19 - Feb '20", "2019-01..2020-02"),
        ("septembre 2019 – aujourd'hui", "2019-09.."),
        ("März 2015 bis heute", "2015-03.."),
        ("enero de 2016 - actualidad", "2016-01.."),
        ("2021 -", "2021.."),
        ("Summer 2022", "2022"),
        ("Aug 5, 2021", "2021-08"),
    ] {
        assert_eq!(dates(text), [expected], "{text}");
    }
}

#[test]
fn numbers_that_are_no_dates_are_left_alone() {
    for text in ["served 20000 customers", "ISO 27001", "+1 510 555 0142", "a budget of $1,900"] {
        assert!(dates(text).is_empty(), "{text}: {:?}", dates(text));
    }
}

#[test]
fn dates_leave_no_husks_behind() {
    for (text, rest) in [
        ("Engineer at Acme (Sep 2013 - Present)", "Engineer at Acme"),
        ("Acme Corp\tJan 2020 – Feb 2021 (1 year 2 months)", "Acme Corp"),
        ("2019 - 2021 | Engineer", "Engineer"),
        ("BSc Physics, Expected May 2026", "BSc Physics"),
    ] {
        assert_eq!(without(text, &spans(text)), rest);
    }
}

#[test]
fn headings_are_told_from_lines() {
    for (text, section) in [
        ("WORK EXPERIENCE", Section::Work),
        ("Employment History:", Section::Work),
        ("S K I L L S", Section::Skills),
        ("Education & Certifications", Section::Education),
        ("Volunteer Experience", Section::Volunteer),
        ("Technical Skills and Tools", Section::Skills),
        ("Berufserfahrung", Section::Work),
        ("FORMATION", Section::Education),
        ("Language Skills", Section::Languages),
        ("Summary of Qualifications", Section::Summary),
    ] {
        assert_eq!(heading(text), Some(section), "{text}");
    }
    for text in [
        "Experience with large systems",
        "Education Specialist",
        "Skills: Rust, Go",
        "Acme Corp",
        "Software Engineer",
        "experience",
        "Managed projects.",
    ] {
        assert_eq!(heading(text), None, "{text}");
    }
}

#[test]
fn places_are_told_from_employers() {
    for text in ["Oakland, CA 94607", "Berlin, Germany", "Remote", "College Station, TX", "70173 Stuttgart", "London"] {
        assert!(is_place(text), "{text}");
    }
    for text in ["Acme, Inc.", "Boston College", "Senior Engineer", "Python, Go", "Ernst & Young"] {
        assert!(!is_place(text), "{text}");
    }
    let cut = |text: &str| split_place(text);
    assert_eq!(
        cut("Ground Control Coffee, Portland, OR"),
        ("Ground Control Coffee".into(), Some("Portland, OR".into()))
    );
    assert_eq!(cut("University of California, Davis"), ("University of California, Davis".into(), None));
}

#[test]
fn titles_are_told_from_employers() {
    for text in [
        "Senior Software Engineer",
        "VP of Sales",
        "Analyst II",
        "Softwareentwickler",
        "Head of Growth",
        "Research Assistant (Part-time)",
    ] {
        assert!(title_score(text) >= 2, "{text}");
    }
    for text in ["Stark Industries", "Northlake Analytics", "University of Leeds"] {
        assert_eq!(title_score(text), 0, "{text}");
    }
}

#[test]
fn overlapping_positions_count_once() {
    let text = "Ann Example\nann@example.com\n\nExperience\nCook, Blue Cafe, 01/2015 - 12/2019\n- Cooked\nBaker, Red Bakery, 01/2018 - 12/2020\n- Baked\nChef, Inn Ltd, 06/2024 - present\n- Led";
    let (data, _) = parse(text, today());
    assert_eq!(data.work_history.len(), 3);
    // 2015 to 2020, and June 2024 to June 2025.
    assert_eq!(data.total_years_experience, Some(7.1));
}

#[test]
fn other_texts_are_not_taken_for_resumes() {
    for text in [
        "",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor. ".repeat(20).as_str(),
        "Invoice 4711\nTotal 12.50 EUR\nThank you for your order",
    ] {
        let (_, confidence) = parse(text, today());
        assert!(confidence < crate::resumes::CONFIDENCE_MIN, "{confidence}: {text:.40}");
    }
}

#[test]
fn hostile_texts_end() {
    let long = "a".repeat(200_000);
    let many = "Engineer, Acme, 2010 - 2011\n".repeat(9000);
    let deep = "((((((((((2010 - (2011) |".repeat(9000);
    let odd = "\u{fb01}\u{202e}İ 2010 – İstanbul\tMärz ß 2011 \u{0}\n".repeat(3000);
    for text in [long, many, deep, odd] {
        let (data, _) = parse(&text, today());
        assert!(data.work_history.len() <= 60);
    }
}
