//! The parser on written resumes of many layouts, each with what a person reads from it.
//!
//! A fixture is expectations (`key: value`, several lines of one key are several entries), a line
//! `---`, then the text. `work: title | company | location | start | end` and `edu: school | degree |
//! field | start | end | grade` leave out what is not there. Everyone in them is made up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use coordinator::resumes::parse;
use protocol::resume::ParsedResumeData;

/// All that a fixture can say, in its own notation.
fn told(data: &ParsedResumeData, key: &str) -> Vec<String> {
    let or = |value: &Option<String>| value.clone().unwrap_or_default();
    let row = |cells: &[String]| cells.join(" | ").trim_end_matches([' ', '|']).to_owned();
    let list = |values: &[String], by: &str| {
        if values.is_empty() { vec![] } else { vec![values.join(by)] }
    };
    let one = |value: &Option<String>| value.iter().cloned().collect();
    match key {
        "name" => one(&data.full_name),
        "email" => one(&data.email),
        "phone" => one(&data.phone),
        "location" => one(&data.location),
        "authorization" => one(&data.work_authorization),
        "years" => data.total_years_experience.iter().map(f64::to_string).collect(),
        "site" => data.websites.clone(),
        "skills" => list(&data.skills, ", "),
        "languages" => list(&data.languages, "; "),
        "certifications" => list(&data.certifications, "; "),
        "projects" => {
            let names: Vec<String> = data.projects.iter().map(|project| project.name.clone()).collect();
            list(&names, "; ")
        }
        "awards" => data.awards.iter().map(|award| award.title.clone()).collect(),
        "volunteer" => data.volunteer_work.iter().map(|v| row(&[or(&v.role), v.organization.clone()])).collect(),
        "work" => data
            .work_history
            .iter()
            .map(|w| row(&[w.title.clone(), w.company.clone(), or(&w.location), or(&w.start_date), or(&w.end_date)]))
            .collect(),
        "edu" => data
            .education
            .iter()
            .map(|e| {
                row(&[
                    e.school.clone(),
                    e.degree.clone(),
                    or(&e.field_of_study),
                    or(&e.start_date),
                    or(&e.end_date),
                    or(&e.gpa),
                ])
            })
            .collect(),
        _ => panic!("a fixture has no {key}"),
    }
}

fn check(name: &str, fixture: &str) {
    let (expected, text) = fixture.split_once("\n---\n").unwrap();
    let today = chrono::NaiveDate::from_ymd_opt(2025, 6, 15).unwrap();
    let (data, confidence) = parse(text, today);
    assert!(confidence >= 0.5, "{name}: confidence {confidence}");
    let pairs: Vec<(&str, &str)> = expected.lines().map(|line| line.split_once(':').unwrap()).collect();
    let mut wrong = String::new();
    for key in pairs.iter().map(|(key, _)| *key).collect::<std::collections::BTreeSet<_>>() {
        let squeeze = |text: &str| {
            let cells: Vec<&str> = text.split('|').map(str::trim).collect();
            cells.join(" | ").trim_end_matches([' ', '|']).to_owned()
        };
        let wanted: Vec<String> = pairs.iter().filter(|(k, _)| *k == key).map(|(_, value)| squeeze(value)).collect();
        let found: Vec<String> = told(&data, key).iter().map(|value| squeeze(value)).collect();
        if wanted != found {
            wrong.push_str(&format!("\n{key}:\n  wanted {wanted:#?}\n  found  {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{name}:{wrong}");
}

macro_rules! fixtures {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), include_str!(concat!("resumes/", stringify!($name), ".txt")));
        })*
    };
}

fixtures! {
    academic
    bullets_everywhere
    company_dash_title
    company_first
    company_first_no_bullets_gap
    consulting_multi
    dates_between
    everything_inline
    odd_titles
    two_line_header_degree_dates
    dates_first_lines
    dates_left
    french
    german
    labelled
    linkedin_export
    new_grad_projects
    no_headings
    pipes_one_line
    military_and_trades
    plain_narrow
    plain_wrapped
    recruiter_style
    prose_descriptions
    several_lines_no_bullets
    sidebar_first
    spanish
    teacher_undated_sections
    title_at_company
    title_first_right_dates
    tracked_caps
    umbrella_roles
}
