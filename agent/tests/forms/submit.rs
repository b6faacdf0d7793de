//! How a submission ends, as the engine tells it.

use std::time::Duration;

use protocol::ids::PermitId;
use protocol::task::InteractionKind;
use protocol::wire::message::{Permit, ReturnReason, SubmitOutcome};
use valet_agent::page::{Click, Page as _};
use valet_agent::session::clock::Moment;

use super::world::{PATIENCE, World};

async fn send(world: &mut World, holes: &[(&str, &str)], patience: Duration) -> SubmitOutcome {
    let url = world.simple(holes);
    world.filled(&url).await;
    match world.page.submit(Moment::now().after(Duration::from_secs(20)), patience).await {
        Click::Made(outcome) => *outcome,
        Click::NotMade(reason) => panic!("no click: {reason}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thank_you_page_confirms() {
    let mut world = World::start().await;
    match send(&mut world, &[], PATIENCE).await {
        SubmitOutcome::Confirmed(said) => {
            assert!(said.text.contains("Thank you for applying"), "{said:?}");
            assert_eq!(said.number.as_deref(), Some("NW-20417"));
            assert_eq!(said.url, world.url("/thanks"));
        }
        other => panic!("{other:?}"),
    }
    let body = world.site.received.lock().unwrap()[0].clone();
    assert!(body.contains("%C3%85sa+%C3%96berg"), "{body}");
    assert_eq!(world.received(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_a_submit_event_is_sent_by_its_button_alone() {
    let mut world = World::start().await;
    let script = "document.querySelector('button').onclick = () => setTimeout(() => fetch('/apply?answer=json', {method: 'POST', body: 'x'}) \
                  .then(() => { document.forms[0].outerHTML = '<h2>Your application has been submitted</h2>'; }), 150)";
    let holes = [("script", script), ("button", "<button type=button>Send application</button>")];
    let outcome = send(&mut world, &holes, PATIENCE).await;
    assert!(matches!(outcome, SubmitOutcome::Confirmed(_)), "{outcome:?}");
    assert_eq!(world.received(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn complaints_are_a_refusal_by_the_page_or_by_the_server() {
    let mut world = World::start().await;
    let script = "document.forms[0].addEventListener('submit', (e) => { e.preventDefault(); \
                  document.forms[0].insertAdjacentHTML('afterbegin', '<div role=alert>The message is missing</div>'); })";
    match send(&mut world, &[("script", script)], PATIENCE).await {
        SubmitOutcome::Rejected { form } => assert_eq!(form.page.errors, ["The message is missing"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.received(), 0);
    match send(&mut world, &[("action", "/apply?answer=refuse")], PATIENCE).await {
        SubmitOutcome::Rejected { form } => assert_eq!(form.page.errors, ["Please check your e-mail address."]),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.received(), 1);
    world.stop().await;
}

/// Sends the form by a script that stays on the page, and then does `after`.
fn stays(answer: &str, after: &str) -> String {
    format!(
        "document.forms[0].addEventListener('submit', async (e) => {{ e.preventDefault(); \
         await fetch('/apply?answer={answer}', {{method: 'POST', body: 'x'}}); {after} }})"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_took_is_not_refused_by_a_notice_or_by_another_server() {
    let mut world = World::start().await;
    let toast = |text: &str| format!("document.body.insertAdjacentHTML('beforeend', '<div role=alert>{text}</div>');");
    let cases = [
        ("script", stays("json", &toast("Your profile was updated")), 200),
        ("script", stays("created", "await fetch('/beacon', {method: 'POST'});"), 201),
        ("action", "/apply?answer=welcome".to_owned(), 200),
    ];
    for (hole, value, status) in cases {
        match send(&mut world, &[(hole, &value)], Duration::from_secs(4)).await {
            SubmitOutcome::Unknown { evidence } => {
                assert!(evidence.request_sent, "{value}: {evidence:?}");
                assert_eq!(evidence.response_status, Some(status), "{value}");
            }
            other => panic!("{value}: {other:?}"),
        }
    }
    assert_eq!(world.received(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_well_and_shows_what_is_wrong_has_refused() {
    let mut world = World::start().await;
    let mark = "const box = document.querySelector('[type=email]'); box.setAttribute('aria-invalid', 'true'); \
                box.insertAdjacentHTML('afterend', '<span class=error>Not an address</span>');";
    for (hole, value) in [("action", "/apply?answer=again".to_owned()), ("script", stays("json", mark))] {
        match send(&mut world, &[(hole, &value)], PATIENCE).await {
            SubmitOutcome::Rejected { form } => {
                let told = form.fields.iter().find_map(|f| f.invalid.clone());
                let told = told.or(form.page.errors.first().cloned()).unwrap_or_default();
                assert!(told == "Not an address" || told == "Please check your e-mail address.", "{told}");
            }
            other => panic!("{value}: {other:?}"),
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_it_is_being_sent_is_no_complaint() {
    let mut world = World::start().await;
    let script = "document.forms[0].addEventListener('submit', (e) => { e.preventDefault(); \
                  document.body.insertAdjacentHTML('beforeend', '<div role=alert>Submitting your application…</div>'); \
                  setTimeout(() => fetch('/apply?answer=json', {method: 'POST', body: 'x'}).then(() => { \
                  document.body.innerHTML = '<h1>Thank you for applying</h1>'; }), 800); })";
    let outcome = send(&mut world, &[("script", script)], PATIENCE).await;
    assert!(matches!(outcome, SubmitOutcome::Confirmed(_)), "{outcome:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_code_is_the_persons_turn() {
    let mut world = World::start().await;
    match send(&mut world, &[("action", "/apply?answer=code")], PATIENCE).await {
        SubmitOutcome::Blocked { blocker } => assert_eq!(blocker.kind, InteractionKind::TwoFactor),
        other => panic!("{other:?}"),
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_leaves_it_unknown() {
    let mut world = World::start().await;
    match send(&mut world, &[("action", "http://127.0.0.1:{{breaking}}/")], PATIENCE).await {
        SubmitOutcome::Unknown { evidence } => {
            assert!(evidence.submit_event_seen && evidence.request_sent, "{evidence:?}");
            // Our own way out answers for a server that does not (docs/adr/0005).
            assert_eq!(evidence.response_status, Some(502));
        }
        other => panic!("{other:?}"),
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_is_one_request_even_when_a_kept_connection_ends_without_an_answer() {
    let mut world = World::start().await;
    let url = format!("http://127.0.0.1:{}/", world.breaking);
    world.filled(&url).await;
    let click = world.page.submit(Moment::now().after(Duration::from_secs(20)), PATIENCE).await;
    assert!(matches!(&click, Click::Made(outcome) if matches!(**outcome, SubmitOutcome::Unknown { .. })), "{click:?}");
    assert_eq!(world.received(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_take_its_time_but_not_for_ever() {
    let mut world = World::start().await;
    let go = world.site.clone();
    tokio::spawn(async move {
        let _ = go.arrived.subscribe().wait_for(|n| *n == 1).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        go.go.send_replace(true);
    });
    let outcome = send(&mut world, &[("action", "/apply?answer=slow")], PATIENCE).await;
    assert!(matches!(outcome, SubmitOutcome::Confirmed(_)), "{outcome:?}");
    world.site.go.send_replace(false);
    match send(&mut world, &[("action", "/apply?answer=slow")], Duration::from_secs(1)).await {
        SubmitOutcome::Unknown { evidence } => assert!(evidence.request_sent, "{evidence:?}"),
        other => panic!("{other:?}"),
    }
    world.site.go.send_replace(true);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_is_for_the_form_and_the_values_that_were_reviewed() {
    let mut world = World::start().await;
    let url = world.simple(&[]);
    let form = world.filled(&url).await;
    let permit = Permit { id: PermitId::new(), form: form.form_digest(), values: form.values_digest(), ttl_ms: 5_000 };
    assert_eq!(world.page.check(&permit).await, Ok(()));
    world.js("document.querySelector('textarea').value = 'by the page'").await;
    assert_eq!(world.page.check(&permit).await, Err(ReturnReason::ValuesChanged));
    world.js("document.querySelector('textarea').value = ''").await;
    world.js("document.forms[0].insertAdjacentHTML('afterbegin', '<label>Salary<input></label>')").await;
    assert_eq!(world.page.check(&permit).await, Err(ReturnReason::FormChanged));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_shows_the_whole_form_with_its_rectangles() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/widgets")).await;
    let photo = world.page.photo().await.unwrap();
    assert!(photo.jpeg.starts_with(&[0xff, 0xd8]));
    for rect in form.fields.iter().filter_map(|f| f.rect) {
        assert!(rect.y + rect.height <= photo.height as f32 && rect.x + rect.width <= photo.width as f32, "{rect:?}");
    }
    world.stop().await;
}
