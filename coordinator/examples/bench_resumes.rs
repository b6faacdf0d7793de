//! How much of a folder of resumes is read right.
//!
//! `bench_resumes FOLDER`, where the folder holds `manifest.json` (`[{id, file, expected}]`, paths
//! relative to it) and the files it names. Reads each file through the child process, as the product does,
//! prints a line per resume with what differs, and ends with one line of shares from 0 to 1:
//! contact fields right; positions and school entries right in every member the expectation names;
//! skills as the harmonic mean of precision and recall.
//!
//! Dates agree when one is as exact as the other and the same, or the same as far as the coarser goes.

#![expect(clippy::print_stdout, reason = "it reports on standard output")]

use std::path::{Path, PathBuf};

use anyhow::Context;
use coordinator::resumes;
use protocol::resume::ParsedResumeData;
use serde::Deserialize;

#[derive(Deserialize)]
struct Listed {
    id: String,
    file: PathBuf,
    expected: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Expected {
    error: Option<String>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    location: Option<String>,
    links: Vec<String>,
    work: Vec<Work>,
    education: Vec<Education>,
    skills: Vec<String>,
}

#[derive(Deserialize)]
struct Work {
    company: Option<String>,
    title: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

#[derive(Deserialize)]
struct Education {
    school: Option<String>,
    degree: Option<String>,
    field: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

/// Right answers out of all, and what was wrong.
#[derive(Default)]
struct Score {
    right: f64,
    of: f64,
    wrong: Vec<String>,
}

impl Score {
    fn note(&mut self, right: bool, what: impl FnOnce() -> String) {
        self.of += 1.0;
        if right {
            self.right += 1.0;
        } else {
            self.wrong.push(what());
        }
    }

    fn share(&self) -> f64 {
        if self.of == 0.0 { 1.0 } else { self.right / self.of }
    }
}

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("resume-child") {
        resumes::child_main();
    }
    let folder = PathBuf::from(std::env::args().nth(1).context("usage: bench_resumes FOLDER")?);
    tokio::runtime::Runtime::new()?.block_on(run(&folder))
}

async fn run(folder: &Path) -> anyhow::Result<()> {
    let listed: Vec<Listed> = serde_json::from_slice(&std::fs::read(folder.join("manifest.json"))?)?;
    let exe = std::env::current_exe()?;
    let mut all: [Score; 4] = Default::default();
    for one in &listed {
        let expected: Expected = serde_json::from_slice(&std::fs::read(folder.join(&one.expected))?)?;
        let bytes = std::fs::read(folder.join(&one.file))?;
        let begun = std::time::Instant::now();
        let read = resumes::read(&exe, bytes, "", chrono::Utc::now().date_naive()).await;
        let ms = begun.elapsed().as_millis();
        match (read, &expected.error) {
            (Err(error), Some(code)) => {
                let right = error.code.as_str().eq_ignore_ascii_case(code);
                println!("{} {} refused={} {ms}ms", if right { "ok  " } else { "FAIL" }, one.id, error.code.as_str());
            }
            (Ok(_), Some(code)) => println!("FAIL {} read, but {code} was expected", one.id),
            (read, None) => {
                let refused = read.as_ref().err().map(|error| error.code.as_str());
                let scores = score(&read.map(|read| read.data).unwrap_or_default(), &expected);
                let shares: Vec<String> = scores.iter().map(|score| format!("{:.3}", score.share())).collect();
                println!(
                    "{} contact={} work={} education={} skills={} {ms}ms{}",
                    one.id,
                    shares[0],
                    shares[1],
                    shares[2],
                    shares[3],
                    refused.map(|code| format!(" refused={code}")).unwrap_or_default()
                );
                for (score, sum) in scores.into_iter().zip(&mut all) {
                    for wrong in &score.wrong {
                        println!("    {wrong}");
                    }
                    sum.right += score.right;
                    sum.of += score.of;
                }
            }
        }
    }
    let shares = all.each_ref().map(Score::share);
    println!(
        "resumes={} contact={:.3} work={:.3} education={:.3} skills={:.3}",
        listed.len(),
        shares[0],
        shares[1],
        shares[2],
        shares[3]
    );
    Ok(())
}

fn score(data: &ParsedResumeData, expected: &Expected) -> [Score; 4] {
    let mut contact = Score::default();
    let fields = [
        ("name", &expected.name, &data.full_name, plain as fn(&str) -> String),
        ("email", &expected.email, &data.email, plain),
        ("phone", &expected.phone, &data.phone, digits),
        ("location", &expected.location, &data.location, plain),
    ];
    for (name, expected, found, same) in fields {
        if let Some(expected) = expected {
            let right = found.as_deref().map(same) == Some(same(expected));
            contact.note(right, || format!("{name}: {found:?}, not {expected:?}"));
        }
    }
    for link in &expected.links {
        let right = data.websites.iter().any(|site| address(site) == address(link));
        contact.note(right, || format!("link: {link} not in {:?}", data.websites));
    }

    let mut work = Score::default();
    for wanted in &expected.work {
        let right = data.work_history.iter().any(|entry| {
            text(&wanted.company, Some(&entry.company))
                && text(&wanted.title, Some(&entry.title))
                && date(&wanted.start, entry.start_date.as_ref())
                && date(&wanted.end, entry.end_date.as_ref())
        });
        work.note(right, || {
            let found: Vec<String> = data
                .work_history
                .iter()
                .map(|e| format!("{:?} / {:?} {:?}-{:?}", e.title, e.company, e.start_date, e.end_date))
                .collect();
            format!(
                "work: {:?} / {:?} {:?}-{:?} not in {found:#?}",
                wanted.title, wanted.company, wanted.start, wanted.end
            )
        });
    }
    for _ in expected.work.len()..data.work_history.len() {
        work.note(false, || format!("work: {} entries, not {}", data.work_history.len(), expected.work.len()));
    }

    let mut education = Score::default();
    for wanted in &expected.education {
        let right = data.education.iter().any(|entry| {
            text(&wanted.school, Some(&entry.school))
                && (wanted.degree.is_none() || text(&wanted.degree, Some(&entry.degree)))
                && (wanted.field.is_none() || text(&wanted.field, entry.field_of_study.as_ref()))
                && date(&wanted.start, entry.start_date.as_ref())
                && date(&wanted.end, entry.end_date.as_ref())
        });
        education.note(right, || {
            format!(
                "education: {:?} {:?} {:?} {:?}-{:?} not in {:#?}",
                wanted.school, wanted.degree, wanted.field, wanted.start, wanted.end, data.education
            )
        });
    }
    for _ in expected.education.len()..data.education.len() {
        education
            .note(false, || format!("education: {} entries, not {}", data.education.len(), expected.education.len()));
    }

    let mut skills = Score::default();
    let has = |list: &[String], skill: &str| list.iter().any(|one| plain(one) == plain(skill));
    let missed: Vec<&String> = expected.skills.iter().filter(|skill| !has(&data.skills, skill)).collect();
    let extra: Vec<&String> = data.skills.iter().filter(|skill| !has(&expected.skills, skill)).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of skills")]
    {
        let hits = (expected.skills.len() - missed.len()) as f64;
        skills.right = 2.0 * hits;
        skills.of = (expected.skills.len() + data.skills.len()) as f64;
    }
    if !missed.is_empty() || !extra.is_empty() {
        skills.wrong.push(format!("skills: missed {missed:?}, extra {extra:?}"));
    }
    [contact, work, education, skills]
}

fn text(expected: &Option<String>, found: Option<&String>) -> bool {
    plain(expected.as_deref().unwrap_or_default()) == plain(found.map(String::as_str).unwrap_or_default())
}

/// As the coarser of the two says. A present position has no end.
fn date(expected: &Option<String>, found: Option<&String>) -> bool {
    match (expected, found) {
        (None, None) => true,
        (Some(expected), Some(found)) => expected.starts_with(found.as_str()) || found.starts_with(expected.as_str()),
        _ => false,
    }
}

fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().trim_end_matches('.').to_owned()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn address(text: &str) -> String {
    let text = text.to_lowercase();
    let text = text.trim_start_matches("https://").trim_start_matches("http://").trim_start_matches("www.");
    text.trim_end_matches('/').to_owned()
}
