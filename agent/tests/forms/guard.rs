//! Nothing leaves before the permit, whoever asks for it.

use std::time::Duration;

use protocol::wire::message::SubmitOutcome;
use valet_agent::cdp::World as ScriptWorld;
use valet_agent::page::{Click, Page as _};
use valet_agent::session::clock::Moment;

use super::world::{PATIENCE, World};

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
    let click = world.page.submit(Moment::now(), Duration::from_secs(5)).await;
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
    let click = world.page.submit(Moment::now().after(Duration::from_secs(5)), Duration::from_secs(30)).await;
    assert!(matches!(click, Click::Made(_)), "{click:?}");
    let again = world.page.submit(Moment::now().after(Duration::from_secs(5)), Duration::from_secs(5)).await;
    assert!(matches!(again, Click::NotMade(_)), "{again:?}");
    assert_eq!(world.received(), 1);
    world.stop().await;
}

/// A page's form in a shadow root: made by script, late and shut by script, written into the document.
const SHADOWS: [(&str, &str); 3] = [
    ("open", "<div id=h></div><script>h.attachShadow({mode: 'open'}).innerHTML = `{form}`</script>"),
    (
        "closed",
        "<div id=h></div><script>const r = h.attachShadow({mode: 'closed'}); setTimeout(() => { r.innerHTML = `{form}`; }); window.root = r</script>",
    ),
    ("declared", "<div id=h><template shadowrootmode=open>{form}</template></div>"),
];
const FORM: &str = "<form action=/apply method=post><label>Full name<input name=n></label><label>E-mail<input type=email name=e></label>\
    <label>Message<textarea name=m></textarea></label><button>Submit application</button><button name=x>Go</button></form>";

#[tokio::test(flavor = "multi_thread")]
async fn a_form_in_a_shadow_root_cannot_send_itself() {
    let mut world = World::start().await;
    for (kind, page) in SHADOWS {
        for way in [
            "f.requestSubmit()",
            "f.submit()",
            "f.querySelector('button').click()",
            "f.querySelector('[name=x]').click()",
            "HTMLFormElement.prototype.requestSubmit.call(f, f.querySelector('button'))",
        ] {
            let url = world.raw(&format!("<h1>Night watch</h1>{}", page.replace("{form}", FORM)));
            world.page.open(&url).await.unwrap();
            let _ = world.page.observe().await;
            world
                .js(&format!(
                    "void (() => {{ const f = (window.root ?? h.shadowRoot).querySelector('form'); {way}; }})()"
                ))
                .await;
            world.js("new Promise(done => setTimeout(done, 100))").await;
            assert_eq!(world.received(), 0, "{kind}: {way} sent the form");
        }
    }
    let url = world.raw(&format!("<h1>Night watch</h1>{}", SHADOWS[2].1.replace("{form}", FORM)));
    world.filled(&url).await;
    let click = world.page.submit(Moment::now().after(Duration::from_secs(20)), PATIENCE).await;
    assert!(matches!(&click, Click::Made(o) if matches!(**o, SubmitOutcome::Confirmed(_))), "{click:?}");
    assert_eq!(world.received(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_in_a_frame_or_a_tab_cannot_send_itself() {
    let mut world = World::start().await;
    let simple = world.simple(&[]);
    let other = simple.replace("127.0.0.1", "localhost");
    for src in [&simple, &other] {
        world
            .page
            .open(&world.raw(&format!("<h1>Careers</h1><iframe src='{src}' width=800 height=500></iframe>")))
            .await
            .unwrap();
        world.page.observe().await.unwrap();
        let frame = world.session.frames().into_iter().find(|f| f.url == *src).unwrap();
        for (way, script) in &WAYS[..4] {
            world.session.eval(&frame.id, ScriptWorld::Main, &format!("void ({script})")).await.unwrap();
            world.js("new Promise(done => setTimeout(done, 100))").await;
            assert_eq!(world.received(), 0, "{way} in {src} sent the form");
        }
    }
    world
        .page
        .open(&world.raw(&format!("<h1>Careers</h1><button onclick=\"window.open('{simple}')\">Look</button>")))
        .await
        .unwrap();
    let at = world.js("(() => { const { x, y } = document.querySelector('button').getBoundingClientRect(); return [x + 5, y + 5]; })()").await;
    let (x, y) = (at[0].as_f64().unwrap(), at[1].as_f64().unwrap());
    world.session.click_at(x, y).await.unwrap();
    let popup = loop {
        if let Some(popup) = world.session.take_popup().await {
            break popup.unwrap();
        }
        world.js("new Promise(done => setTimeout(done, 20))").await;
    };
    for (way, script) in &WAYS[..4] {
        let script = format!(
            "new Promise((done) => {{ const go = () => {{ {script}; setTimeout(done, 100); }}; document.forms[0] ? go() : onload = go; }})"
        );
        popup.eval(&popup.main_frame(), ScriptWorld::Main, &script).await.unwrap();
        assert_eq!(world.received(), 0, "{way} in a tab sent the form");
    }
    world.stop().await;
}

/// Controls that are named as the one to send with, for want of any other.
const NAMED: [&str; 3] = [
    "<button type=button aria-haspopup=dialog>Send application</button>",
    "<button type=button>Submit application and upload</button>",
    "<button type=button>Send your application for this wonderful position to our people team now</button>",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_control_that_is_pressed_to_send_is_the_one_that_is_guarded() {
    let mut world = World::start().await;
    for (i, button) in NAMED.into_iter().enumerate() {
        let script = "document.querySelector('button').onclick = () => setTimeout(() => fetch('/apply?answer=json', {method: 'POST', body: 'x'}) \
                      .then(() => { document.forms[0].outerHTML = '<h2>Your application has been submitted</h2>'; }), 300)";
        let url = world.simple(&[("script", script), ("button", button)]);
        assert!(world.filled(&url).await.page.can_submit, "{button}");
        world.js("document.querySelector('button').click()").await;
        world.js("new Promise(done => setTimeout(done, 500))").await;
        assert_eq!(world.received(), i, "{button} was pressed by the page");
        let click = world.page.submit(Moment::now().after(Duration::from_secs(20)), PATIENCE).await;
        assert!(matches!(&click, Click::Made(o) if matches!(**o, SubmitOutcome::Confirmed(_))), "{button}: {click:?}");
        assert_eq!(world.received(), i + 1);
    }
    world.stop().await;
}

/// Pages with a button called "Apply now" that sends what they hold.
const QUICK: [&str; 3] = [
    "<main><label>E-mail<input type=email></label>{button}</main>",
    "<form><label>E-mail<input type=email></label></form>{button}",
    "<form onsubmit='return false'><label>Name<input></label><label>E-mail<input type=email></label>{button}</form>",
];

#[tokio::test(flavor = "multi_thread")]
async fn apply_is_pressed_to_find_the_form_and_never_to_send_it() {
    let mut world = World::start().await;
    let press = "fetch('/apply?answer=json', {method: 'POST', body: 'x'}).then(() => { document.body.innerHTML = '<h1>Thank you for applying</h1>'; })";
    let button = format!("<button type=button onclick=\"{press}\">Apply now</button>");
    for (i, page) in QUICK.into_iter().enumerate() {
        let form = world.see(&world.raw(&format!("<h1>Night watch</h1>{}", page.replace("{button}", &button)))).await;
        assert_eq!(world.received(), i, "{page}");
        assert!(form.page.can_submit && !form.fields.is_empty(), "{page}: {form:?}");
        let click = world.page.submit(Moment::now().after(Duration::from_secs(20)), PATIENCE).await;
        assert!(matches!(&click, Click::Made(o) if matches!(**o, SubmitOutcome::Confirmed(_))), "{page}: {click:?}");
        assert_eq!(world.received(), i + 1);
    }
    // What opens the form is pressed, also beside a form that has its own button.
    let open = format!("document.body.insertAdjacentHTML('beforeend', `{FORM}`)");
    let page =
        format!("<h1>Night watch</h1><p>Stay awake.</p><button type=button onclick=\"{open}\">Apply now</button>");
    let news = "<form><label>Job alerts<input type=email></label><button>Subscribe</button></form>";
    for page in [page.clone(), format!("{page}{news}")] {
        let form = world.see(&world.raw(&page)).await;
        assert!(form.fields.len() >= 3, "{page}: {form:?}");
    }
    world.stop().await;
}
