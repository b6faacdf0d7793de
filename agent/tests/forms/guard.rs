//! Nothing leaves before the permit, whoever asks for it.

use std::time::Duration;

use tokio::time::Instant;
use valet_agent::page::{Click, Page as _};

use super::world::World;

/// Every way a page has to send its own form.
const WAYS: [(&str, &str); 6] = [
    ("form.submit", "document.forms[0].submit()"),
    ("requestSubmit", "document.forms[0].requestSubmit()"),
    ("a click by script", "document.querySelector('button').click()"),
    ("an event", "document.forms[0].dispatchEvent(new Event('submit', {bubbles: true, cancelable: true}))"),
    ("a prototype kept early", "window.early.call(document.forms[0])"),
    ("a new document", "document.open(), document.write(window.copy), document.close(), document.forms[0].submit()"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_page_cannot_send_itself() {
    let mut world = World::start().await;
    for (way, script) in WAYS {
        let early = "window.early = HTMLFormElement.prototype.submit; window.sent = 0; \
                     document.forms[0].addEventListener('submit', () => window.sent++); \
                     window.copy = document.documentElement.outerHTML.replace(/<script>.*/s, '')";
        let url = world.simple(&[("script", early)]);
        world.filled(&url).await;
        world.js(&format!("void ({script})")).await;
        world.js("new Promise(done => setTimeout(done, 100))").await;
        assert_eq!(world.received(), 0, "{way} sent the form");
        assert_eq!(world.session.url().split('?').next().unwrap(), world.url("/p/simple"), "{way}");
        assert_eq!(world.js("window.sent ?? 0").await, 0, "{way} reached the page's own handler");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_deadline_there_is_no_click() {
    let mut world = World::start().await;
    let url = world.simple(&[]);
    world.filled(&url).await;
    let click = world.page.submit(Instant::now(), Duration::from_secs(5)).await;
    assert!(matches!(click, Click::NotMade(protocol::wire::message::ReturnReason::Expired)), "{click:?}");
    world.js("document.forms[0].requestSubmit()").await;
    world.js("new Promise(done => setTimeout(done, 100))").await;
    assert_eq!(world.received(), 0, "the guard is armed again");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_permit_sends_one_application() {
    let mut world = World::start().await;
    // The page sends by script and stays; then it tries to send again on its own.
    let script = "document.forms[0].addEventListener('submit', (e) => { e.preventDefault(); \
                  fetch('/apply?answer=json', {method: 'POST', body: 'one'}).then(() => { \
                  document.forms[0].remove(); document.querySelector('h1').textContent = 'Thank you for applying'; }); })";
    let url = world.simple(&[("script", script)]);
    world.filled(&url).await;
    let click = world.page.submit(Instant::now() + Duration::from_secs(5), Duration::from_secs(30)).await;
    assert!(matches!(click, Click::Made(_)), "{click:?}");
    let again = world.page.submit(Instant::now() + Duration::from_secs(5), Duration::from_secs(5)).await;
    assert!(matches!(again, Click::NotMade(_)), "{again:?}");
    assert_eq!(world.received(), 1);
    world.stop().await;
}
