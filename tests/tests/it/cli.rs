//! The main job from a terminal.

use std::process::Stdio;

use serde_json::Value as Json;
use system_tests::{Person, Valet, resume, valet::program};
use tokio::process::Command;

/// Runs `valet apply` against a running system; exit code, standard output, standard error.
async fn apply(valet: &Valet, more: &[&str]) -> (Option<i32>, String, String) {
    let file = valet.data_dir().with_file_name("cv.pdf");
    std::fs::write(&file, resume::pdf()).expect("a resume");
    let output = Command::new(program("valet"))
        .arg("apply")
        .arg("--data-dir")
        .arg(valet.data_dir())
        .arg("--resume")
        .arg(&file)
        .args(["--url", &valet.job("/greenhouse/platform-engineer")])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("valet runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_exit_code_is_zero_only_when_the_application_is_confirmed() {
    let valet = Valet::start().await;

    // Answers are missing: nothing is sent, and it says which.
    let (code, out, said) = apply(&valet, &["--yes", "--json"]).await;
    assert_eq!(code, Some(1), "{said}");
    let object: Json = serde_json::from_str(&out).expect("one JSON object and nothing else");
    assert_eq!(object["status"], "waiting_human", "{said}");
    assert!(said.contains("yours to give"), "{said}");
    assert_eq!(valet.submission_count().await, 0);

    // What it says is missing, as a person would pass it on.
    let person = Person::first(&valet).await;
    let task = object["taskId"].as_str().expect("an id");
    let answers = person.missing_answers(task).await;
    let answers: Vec<String> = answers.into_iter().map(|(label, value)| format!("{label}={value}")).collect();
    let mut more = vec!["--yes", "--json"];
    for answer in &answers {
        more.extend(["--answer", answer]);
    }
    let (code, out, said) = apply(&valet, &more).await;
    let object: Json = serde_json::from_str(&out).expect("one JSON object and nothing else");
    assert_eq!((code, object["status"].as_str()), (Some(0), Some("completed")), "{said}\n{object:#}");
    assert!(object["confirmation"]["number"].is_string(), "{object:#}");
    assert!(object["submittedAt"].is_string(), "{object:#}");
    let fields = object["fields"].as_array().expect("fields");
    assert!(fields.iter().any(|field| field["label"] == "Email" && field["value"] == "robin.example@example.com"));
    assert_eq!(valet.submission_count().await, 1);
}
