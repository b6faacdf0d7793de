//! From a posting to its confirmation, and what is promised around it.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use system_tests::valet::Options;
use system_tests::{Person, Valet};

/// Everything that our own code can say.
const LOUD: &str =
    "debug,ractor_cluster=warn,ractor=warn,sqlx=warn,quinn=warn,quinn_proto=warn,rustls=warn,hyper=warn,h2=warn";

/// The answers a person has given once.
async fn with_answers(valet: &Valet) -> (Person, String) {
    let person = Person::first(valet).await;
    person.remember("work_authorization", "Are you legally authorized to work in the United States?", "Yes").await;
    person.remember("work_authorization", "Will you require visa sponsorship?", "No").await;
    person.remember("availability", "What is your notice period?", "2 weeks").await;
    person.remember("availability", "When can you start?", "2027-01-11").await;
    let resume = person.with_resume().await;
    (person, resume)
}

fn id_of(field: &Json) -> String {
    field["id"].as_str().expect("an id").to_owned()
}

/// The employer's page may mark a question as required.
fn same_question(asked: &str, label: &str) -> bool {
    asked.trim_end_matches([' ', '*']) == label.trim_end_matches([' ', '*'])
}

/// An answer in one form: lists as lines, a tick as yes or no, nothing as nothing.
fn in_words(answer: &Json) -> String {
    match answer {
        Json::Array(all) => all.iter().map(in_words).collect::<Vec<_>>().join("\n"),
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn one_application_is_filled_reviewed_and_sent_once() {
    let log = ("VALET_LOG".to_owned(), LOUD.to_owned());
    let valet = Valet::start_with(Options { env: vec![log], ..Options::default() }).await;
    let (person, resume) = with_answers(&valet).await;
    let task = person.apply(&valet.job("/greenhouse/platform-engineer"), &resume).await;
    let waiting = person.wait_for(&task, &["waiting_human", "failed"]).await;
    assert_eq!(waiting["status"], "waiting_human", "{waiting:#}");
    assert_eq!(valet.submission_count().await, 0, "nothing is sent before the person says so");

    let review = person.review(&task).await;
    let fields = review["fields"].as_array().unwrap();
    let named = |label: &str| -> Json {
        let found = fields.iter().find(|field| field["label"].as_str().unwrap_or_default().starts_with(label));
        found.cloned().unwrap_or_else(|| panic!("no field {label} in {review:#}"))
    };
    assert_eq!(named("First")["value"], "Robin");
    assert_eq!(named("First")["source"], "resume");
    assert_eq!(named("Email")["value"], "robin.example@example.com");

    // One value is changed, one that need not be there is taken out, and what is missing is given.
    let mut overrides = system_tests::person::missing(&review);
    let changed = named("First");
    overrides.insert(id_of(&changed), json!("Robyn"));
    let cleared = fields
        .iter()
        .find(|field| field["required"] == false && field["kind"] == "text" && field["value"].is_string())
        .unwrap_or_else(|| panic!("an optional answer in {review:#}"));
    overrides.insert(id_of(cleared), json!(""));
    let body = json!({ "revision": review["revision"], "fieldOverrides": overrides });
    let (status, body) = person.call(Method::POST, &format!("/tasks/{task}/approve"), Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["outcome"], "sent");
    assert_eq!(done["progress"], 100);

    let received = valet.submissions().await;
    assert_eq!(received["count"], 1, "{received:#}");
    assert_eq!(received["duplicates"], 0);
    let submission = &received["submissions"][0];
    assert_eq!(done["confirmation"]["number"], submission["number"]);
    assert_eq!(submission["honeypot"], false);
    assert_eq!(submission["files"][0]["name"], "resume.pdf");

    // The employer has what was approved, and nothing besides.
    let sent = submission["fields"].as_object().expect("answers by label");
    for field in fields.iter().filter(|field| field["kind"] != "file") {
        let label = field["label"].as_str().expect("a label");
        let wanted = match overrides.get(&id_of(field)) {
            Some(given) => given.clone(),
            None => field["value"].clone(),
        };
        let got = sent.iter().find(|(asked, _)| same_question(asked, label)).map_or(&Json::Null, |(_, answer)| answer);
        assert_eq!(in_words(got), in_words(&wanted), "{label}: {sent:#?}");
    }

    let database = valet.database().await;
    let id: uuid::Uuid = task.parse().expect("an id");
    let (kept, overridden, answered): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE user_overridden),
                (SELECT count(*) FROM application_fields WHERE application_id = $1)
         FROM application_results WHERE task_id = $1",
    )
    .bind(id)
    .fetch_one(&database)
    .await
    .expect("the record of the fields");
    let given = fields.iter().filter(|field| {
        let own = overrides.get(&id_of(field));
        !in_words(own.unwrap_or(&field["value"])).is_empty()
    });
    let given = given.count() as i64;
    assert_eq!((kept, answered), (given, given), "a row per answer");
    assert_eq!(overridden, overrides.len() as i64 - 1, "the person's own, but for the one taken out");
    assert!(done["durationSeconds"].as_i64().is_some_and(|seconds| seconds >= 0), "{done:#}");
    let used: i64 = sqlx::query_scalar("SELECT count(*) FROM qa_bank WHERE times_used = 1")
        .fetch_one(&database)
        .await
        .expect("the bank");
    assert!(used >= 1, "an answer of the bank was used");

    let (status, body) = person.call(Method::POST, &format!("/tasks/{task}/approve"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(valet.submission_count().await, 1);

    let log = valet.log();
    for part in ["coordinator", "gateway", "valet_agent"] {
        assert!(log.contains(&format!("{part}::")), "{part} says what it does");
    }
    assert!(log.contains(&task));
    for own in ["Robyn", "Robin", "robin.example", "010-0199", "Oakland", "2 weeks", "2027-01-11", "sponsorship"] {
        // Only where: what it says stays where it is.
        let line =
            log.lines().find(|line| line.contains(own)).map(|line| line.split_whitespace().take(3).collect::<Vec<_>>());
        assert_eq!(line, None, "an answer or a question is in the log");
    }
}

#[tokio::test]
async fn other_styles_of_form_are_filled_and_sent() {
    let valet = Valet::start().await;
    let (person, resume) = with_answers(&valet).await;
    let paths = ["/lever/product-designer", "/ashby/frontend-engineer", "/workday/operations-analyst"];
    for (sent, path) in paths.into_iter().enumerate() {
        let done = person.apply_and_submit(&valet.job(path), &resume).await;
        assert_eq!(done["status"], "completed", "{path}: {done:#}");
        assert_eq!(valet.submission_count().await, sent as u64 + 1, "{path}");
    }
}

#[tokio::test]
async fn autopilot_sends_what_is_sure_and_stops_where_a_person_must_look() {
    let valet = Valet::start().await;
    let (person, resume) = with_answers(&valet).await;
    person.remember("work_authorization", "Are you authorized to work in Canada?", "Yes").await;
    person.remember("work_authorization", "Will you require visa sponsorship to work in Canada?", "No").await;
    person.remember("custom", "Which way of working suits you best?", "Fully remote").await;
    person.remember("experience", "Tell us about a piece of work you are proud of.", "A bridge that stands.").await;
    let apply = async |path: &str| {
        let body = json!({ "jobUrl": valet.job(path), "resumeId": resume, "mode": "autopilot" });
        person.call(Method::POST, "/tasks", Some(body)).await
    };
    let sure = "/lever/product-designer";
    let (status, body) = apply(sure).await;
    assert_eq!((status, &body["error"]), (StatusCode::FORBIDDEN, &json!("CONSENT_REQUIRED")), "{body:#}");
    let consent = json!({ "type": body["details"]["type"], "version": body["details"]["version"] });
    let (status, body) = person.call(Method::POST, "/consent", Some(consent)).await;
    assert!(status.is_success(), "{body:#}");

    let (status, body) = apply(sure).await;
    assert_eq!(status, StatusCode::CREATED, "{body:#}");
    let done = person.wait_for(body["id"].as_str().expect("an id"), &["completed", "failed", "waiting_human"]).await;
    assert_eq!((&done["status"], &done["outcome"]), (&json!("completed"), &json!("sent")), "{done:#}");
    let received = valet.submissions().await;
    assert_eq!(received["submissions"][0]["fields"]["Are you authorized to work in Canada?"], "Yes", "{received:#}");
    assert_eq!(valet.submission_count().await, 1);
    let (status, body) = apply(sure).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("ALREADY_APPLIED")), "{body:#}");

    // A statement to agree to is never agreed to unseen.
    let (status, body) = apply("/greenhouse/platform-engineer").await;
    assert_eq!(status, StatusCode::CREATED, "{body:#}");
    let held = person.wait_for(body["id"].as_str().expect("an id"), &["completed", "failed", "waiting_human"]).await;
    assert_eq!(held["status"], "waiting_human", "{held:#}");
    assert_eq!(valet.submission_count().await, 1);
}

#[tokio::test]
async fn a_start_with_the_same_data_finds_everything_and_a_stop_leaves_nothing() {
    let mut valet = Valet::start().await;
    let (person, resume) = with_answers(&valet).await;
    let task = person.apply(&valet.job("/greenhouse/platform-engineer"), &resume).await;
    person.wait_for(&task, &["waiting_human"]).await;
    let before = person.review(&task).await;

    let processes = valet.processes();
    assert!(processes.len() > 4, "Postgres, agent and browser run: {processes:#?}");
    assert!(valet.stop().await, "it ends well");
    // The review's browser was let go at once: nobody sat out the time that work under way would get.
    assert!(!valet.log().contains("jobs were still open"), "the stop waited for a held review");
    let dir = valet.data_dir().display().to_string();
    let left = system_tests::process::naming(&dir);
    assert!(left.is_empty(), "left running: {left:#?}");

    valet.restart().await;
    let person = Person::first(&valet).await;
    let after = person.review(&task).await;
    assert_eq!(before["fields"], after["fields"], "the review is as it was");
    let (status, body) = person.approve(&task).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let mut done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
    if done["status"] == "waiting_human" {
        // Filled afresh, the form may hold an approved answer in other words: then it is shown once more, unsent.
        assert_eq!(valet.submission_count().await, 0);
        let (status, body) = person.approve(&task).await;
        assert_eq!(status, StatusCode::OK, "{body:#}");
        done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
    }
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(valet.submission_count().await, 1);
}
