//! The browser in small: that it stands in for Chromium where fleets need it, and lets nothing through that Chromium
//! would not.

use std::sync::Arc;
use std::time::Duration;

use agent::browser::{LaunchOptions, NoRecorder, Pool, PoolOptions};
use agent::cdp::World;
use agent::egress::Egress;
use agent::forms::{Engine, FormPage};
use agent::page::{Browsers as _, Click, Page as _};
use agent::session::clock::Moment;
use protocol::form::FormModel;
use protocol::ids::TaskId;
use protocol::net::AllowList;
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use system_tests::valet::program;
use system_tests::{Options, Person, Practice, Valet};

/// `valet up` with stand-ins for browsers.
async fn valet() -> Valet {
    let standin = program("standin-browser").display().to_string();
    Valet::start_with(Options { env: vec![("CHROMIUM".to_owned(), standin)], ..Options::default() }).await
}

struct Hands {
    pool: Pool,
    egress: Egress,
    dir: tempfile::TempDir,
}

impl Hands {
    /// The agent's own browsers, without the agent. `None` for the browser is Chromium.
    async fn new(practice: &Practice, browser: Option<&str>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let allowed = AllowList::new(std::slice::from_ref(&practice.address)).expect("an address");
        let egress = Egress::start(0, allowed).await.expect("a way out");
        let launch = LaunchOptions {
            program: browser.map(program),
            data: dir.path().to_owned(),
            egress_port: egress.port(),
            tie_to_agent: true,
        };
        let pool = Pool::start(PoolOptions::new(launch), Arc::new(NoRecorder), egress.clone());
        Self { pool, egress, dir }
    }

    async fn page(&self) -> FormPage {
        Engine::new(self.pool.clone()).lease(TaskId::new()).await.expect("a page")
    }

    async fn read(&self, url: &str) -> FormModel {
        let mut page = self.page().await;
        page.open(url).await.expect("the posting opens");
        let model = page.observe().await.expect("a form");
        page.close().await;
        model
    }

    async fn stop(self) {
        self.pool.stop().await;
        self.egress.stop().await;
        drop(self.dir);
    }
}

#[tokio::test]
async fn the_standin_reads_forms_as_chromium_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let practice = Practice::start(folder.path()).await;
    let (small, real) = (Hands::new(&practice, Some("standin-browser")).await, Hands::new(&practice, None).await);
    for path in ["/greenhouse/platform-engineer", "/greenhouse/support-specialist"] {
        let url = practice.job(path);
        let (mine, theirs) = (small.read(&url).await, real.read(&url).await);
        let labels = |model: &FormModel| model.fields.iter().map(|f| (f.label.clone(), f.kind)).collect::<Vec<_>>();
        assert_eq!(labels(&mine), labels(&theirs), "{path}");
        for (ours, other) in mine.fields.iter().zip(&theirs.fields) {
            // Names are random on every load, and boxes are drawn elsewhere.
            let plain = |field: &protocol::form::Field| {
                let options: Vec<String> = field.options.iter().map(|option| option.label.clone()).collect();
                (
                    (field.id.clone(), field.section.clone(), field.description.clone(), field.required),
                    (field.multiple, options, field.options_complete, field.value.clone()),
                    (field.autocomplete.clone(), field.max_length, field.accept.clone(), field.invalid.clone()),
                )
            };
            assert_eq!(plain(ours), plain(other), "{path}: {}", other.label);
        }
        assert_eq!(mine.form_digest(), theirs.form_digest(), "{path}");
        assert_eq!(mine.page, theirs.page, "{path}");
    }
    small.stop().await;
    real.stop().await;
}

#[tokio::test]
async fn the_standin_posts_nothing_that_the_guard_does_not_let_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let practice = Practice::start(folder.path()).await;
    let hands = Hands::new(&practice, Some("standin-browser")).await;
    let lease = hands.pool.lease(Duration::from_secs(20)).await.expect("a page");
    let session = lease.page().clone();
    let mut page = FormPage::new(session.clone(), Some(lease));
    page.open(&practice.job("/greenhouse/support-specialist")).await.expect("it opens");
    page.observe().await.expect("a form");
    // A click on the button as anybody could make it: the guard is shut.
    let engine = async |name: &str, argument: Json| -> Json {
        let (call, frame) = ("(name, arg) => globalThis.__valet(name, arg)", session.main_frame());
        let answer = session.call_on(&frame, World::Isolated, call, &[json!(name), argument]).await.expect("an answer");
        serde_json::from_str(answer.as_str().expect("text")).expect("JSON")
    };
    let button = engine("controlPoint", json!({"which": "submit", "ms": 100})).await;
    let at = |axis: &str| button[axis].as_f64().expect("a point");
    session.click_at(at("x"), at("y")).await.expect("clicked");
    assert_eq!(engine("gateReport", json!({})).await["blocked"], 1);
    let clicked = page.submit(Moment::now(), Duration::from_secs(1)).await;
    assert!(matches!(clicked, Click::NotMade(_)), "past its deadline: {clicked:?}");
    assert_eq!(practice.submissions().await["count"], 0);
    // Let through, an empty form is answered with complaints, and that is what the agent hears.
    let clicked = page.submit(Moment::now().after(Duration::from_secs(5)), Duration::from_secs(10)).await;
    let Click::Made(outcome) = clicked else { panic!("the click was not made: {clicked:?}") };
    let protocol::wire::message::SubmitOutcome::Rejected { form } = *outcome else { panic!("{outcome:?}") };
    assert!(form.fields.iter().any(|field| field.invalid.is_some()), "{form:?}");
    assert_eq!(practice.submissions().await["count"], 0);
    page.close().await;
    hands.stop().await;
}

#[tokio::test]
async fn an_application_by_a_standin_is_filled_reviewed_and_sent_once() {
    let valet = valet().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    let done = person.apply_and_submit(&valet.job("/greenhouse/platform-engineer"), &resume).await;
    assert_eq!((&done["status"], &done["outcome"]), (&json!("completed"), &json!("sent")), "{done:#}");
    let received = valet.submissions().await;
    assert_eq!((&received["count"], &received["duplicates"]), (&json!(1), &json!(0)), "{received:#}");
    let sent = &received["submissions"][0];
    assert_eq!(done["confirmation"]["number"], sent["number"]);
    assert_eq!((&sent["honeypot"], &sent["files"][0]["name"]), (&json!(false), &json!("resume.pdf")));
    assert_eq!(sent["fields"]["First Name"], "Robin", "{sent:#}");
}

#[tokio::test]
async fn autopilot_by_a_standin_sends_once() {
    let valet = valet().await;
    let person = Person::first(&valet).await;
    person.remember("custom", "What drew you to this role?", "The people and their books.").await;
    person.remember("availability", "Are you able to work on every second Saturday?", "Yes").await;
    let resume = person.with_resume().await;
    let body = json!({
        "jobUrl": valet.job("/greenhouse/support-specialist"), "resumeId": resume, "mode": "autopilot",
    });
    let (status, answer) = person.call(Method::POST, "/tasks", Some(body.clone())).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer:#}");
    let consent = json!({ "type": answer["details"]["type"], "version": answer["details"]["version"] });
    let (status, answer) = person.call(Method::POST, "/consent", Some(consent)).await;
    assert!(status.is_success(), "{answer:#}");
    let (status, answer) = person.call(Method::POST, "/tasks", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer:#}");
    let task = answer["id"].as_str().expect("an id");
    let done = person.wait_for(task, &["completed", "failed", "waiting_human"]).await;
    assert_eq!((&done["status"], &done["outcome"]), (&json!("completed"), &json!("sent")), "{done:#}");
    assert_eq!(valet.submission_count().await, 1);
}
