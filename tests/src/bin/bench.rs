//! Figures of the main job, a line each: `make bench`.
//!
//! Runs the release programs on loopback against the practice employer, with a warm agent: how long from a posting to a
//! review, per phase, and from an approval to its confirmation; memory when idle; how fast a second start serves.

#![expect(clippy::print_stdout, reason = "figures are this program's result")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use system_tests::{Person, Valet};

/// Applications measured; the median of so many is steady to a few per cent.
const RUNS: usize = 9;
/// Memory is read once the start's work has been given back.
const SETTLE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    let mut valet = Valet::start().await;
    println!("first start to serving (makes the database): {} ms", valet.started_in.as_millis());
    tokio::time::sleep(SETTLE).await;
    print_memory(&valet);

    let person = Person::first(&valet).await;
    person.remember("work_authorization", "Are you legally authorized to work in the United States?", "Yes").await;
    person.remember("work_authorization", "Will you require visa sponsorship?", "No").await;
    person.remember("availability", "What is your notice period?", "2 weeks").await;
    let resume = person.with_resume().await;
    let job = valet.job("/greenhouse/platform-engineer");
    let (mut to_review, mut to_confirmed) = (Vec::new(), Vec::new());
    let mut phases: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    // The first warms the browser's caches and is not counted.
    for run in 0..=RUNS {
        let began = Instant::now();
        let task = person.apply(&job, &resume).await;
        let waiting = person.wait_for(&task, &["waiting_human", "failed"]).await;
        assert_eq!(waiting["status"], "waiting_human", "{waiting:#}");
        let review = began.elapsed();
        let began = Instant::now();
        let (status, body) = person.approve(&task).await;
        assert!(status.is_success(), "{body:#}");
        let done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
        assert_eq!(done["status"], "completed", "{done:#}");
        if run > 0 {
            to_review.push(review.as_secs_f64() * 1e3);
            to_confirmed.push(began.elapsed().as_secs_f64() * 1e3);
            for (phase, ms) in split(&person, &task).await {
                phases.entry(phase).or_default().push(ms);
            }
        }
    }
    println!(
        "POST /tasks to review ready, 25 fields and a resume: {:.0} ms median (limit 2500)",
        median(&mut to_review)
    );
    for (phase, mut times) in phases {
        println!("  of it {phase}: {:.0} ms median", median(&mut times));
    }
    println!("approve to confirmed: {:.0} ms median (limit 1500)", median(&mut to_confirmed));
    let received = valet.submissions().await;
    println!("received by the employer: {} for {} applications", received["count"], RUNS + 1);

    assert!(valet.stop().await, "it ends well");
    valet.restart().await;
    println!("start with existing data to serving: {} ms (limit 2000)", valet.started_in.as_millis());
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Milliseconds per phase before the review, from the task's own history.
async fn split(person: &Person, task: &str) -> Vec<(&'static str, f64)> {
    let path = format!("/tasks/{task}/events?pageSize=100");
    let (_, body) = person.call(reqwest::Method::GET, &path, None).await;
    let mut marks: Vec<(chrono::DateTime<chrono::Utc>, String)> = body["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["eventType"] == "checkpoint")
        .filter_map(|event| {
            let step = event["eventData"]["step"].as_str()?.to_owned();
            Some((event["createdAt"].as_str()?.parse().ok()?, step))
        })
        .collect();
    marks.sort();
    let names = ["starting_browser", "navigating", "analyzing", "filling"];
    marks
        .windows(2)
        .filter_map(|pair| {
            let name = names.into_iter().find(|name| *name == pair[0].1)?;
            Some((name, (pair[1].0 - pair[0].0).num_microseconds()? as f64 / 1e3))
        })
        .collect()
}

fn print_memory(valet: &Valet) {
    let resident = |pid: i32| -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
    };
    println!("idle, coordinator + gateway (and practice employer): {:.1} MB (limit 60)", resident(valet.pid()));
    println!("idle, agent without its browser: {:.1} MB (limit 25)", resident(valet.agent_pid()));
}
