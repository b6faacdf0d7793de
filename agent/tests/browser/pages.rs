//! What happens to a page: dialogs, popups, pictures, crashes.

use std::time::Duration;

use valet_agent::cdp::{DialogKind, Error, Gone, PageEvent, RequestKind, World};

use super::frames::renderers;
use super::site::{Host, PATIENCE, click, js, kill, open, within};

#[tokio::test]
async fn dialogs_are_answered_without_agreeing_to_anything() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(
        page,
        &world.site.page("<button id=b>x</button><script>onbeforeunload = e => { e.preventDefault(); }</script>"),
    )
    .await;
    let (main, mut events) = (page.main_frame(), page.events());
    let answers = js(page, &main, "[alert('a') === undefined, confirm('b'), prompt('c', 'd')]").await;
    assert_eq!(answers, serde_json::json!([true, false, null]));
    click(page, &main, "#b").await;
    page.navigate(&world.site.url("/frame"), PATIENCE).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        if let PageEvent::Dialog { kind, .. } = within("a dialog", events.recv()).await.unwrap() {
            seen.push(kind);
        }
    }
    use DialogKind as D;
    assert_eq!(seen, [D::Alert, D::Confirm, D::Prompt, D::BeforeUnload]);
    world.stop().await;
}

#[tokio::test]
async fn popups_are_held_until_our_scripts_are_in_them() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    page.add_script("window.guard = 'armed'", World::Main).await.unwrap();
    let target = world.site.url("/frame");
    let html = format!(
        "<a id=plain target=_blank href='{target}'>no opener</a><br><button id=open onclick=\"window.open('{target}')\">o</button>"
    );
    open(page, &world.site.page(&html)).await;
    for link in ["#plain", "#open"] {
        let mut events = page.events();
        page.bring_to_front().await.unwrap();
        click(page, &page.main_frame(), link).await;
        within("the popup", async { while !matches!(events.recv().await.unwrap(), PageEvent::Popup { .. }) {} }).await;
        let popup = page.take_popup().await.unwrap().unwrap();
        assert!(popup.wait_quiet(Duration::from_millis(100), PATIENCE).await.unwrap());
        within("the popup's document", async {
            let mut moved = popup.events();
            while !popup.url().ends_with("/frame") {
                moved.recv().await.unwrap();
            }
        })
        .await;
        assert!(popup.wait_quiet(Duration::from_millis(100), PATIENCE).await.unwrap());
        assert_eq!(js(&popup, &popup.main_frame(), "document.body.dataset.first").await, "string", "{link}");
        popup.bring_to_front().await.unwrap();
        click(&popup, &popup.main_frame(), "#name").await;
        popup.insert_text("in a popup").await.unwrap();
        assert_eq!(js(&popup, &popup.main_frame(), "document.querySelector('#name').value").await, "in a popup");
        popup.close().await;
        within("the popup's end", popup.dead()).await;
    }
    assert!(page.take_popup().await.is_none());
    world.stop().await;
}

#[tokio::test]
async fn requests_that_could_send_a_form_are_told() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(page, &world.site.page("<form method=post action=/frame><button id=send>Send</button></form>")).await;
    let (main, mut events) = (page.main_frame(), page.events());
    js(page, &main, "fetch('/frame', {method: 'POST', body: 'x'}).then(r => r.status)").await;
    click(page, &main, "#send").await;
    let mut told = Vec::new();
    while told.len() < 4 {
        match within("the requests", events.recv()).await.unwrap() {
            PageEvent::Request { kind, method, .. } => told.push((kind, method, 0)),
            PageEvent::Response { kind, status, .. } => told.push((kind, String::new(), status)),
            _ => {}
        }
    }
    let (script, document) = (RequestKind::Script, RequestKind::Document);
    let post = || "POST".to_owned();
    let none = String::new;
    assert_eq!(told, [(script, post(), 0), (script, none(), 200), (document, post(), 0), (document, none(), 200)]);
    world.stop().await;
}

#[tokio::test]
async fn pictures_cover_the_page_and_a_view_runs() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(page, &world.site.page("<body style='margin:0'><div style='height:3000px;background:teal'>x</div>")).await;
    let view = page.screenshot_jpeg(60, None).await.unwrap();
    let whole = page.screenshot_jpeg(60, Some(20_000)).await.unwrap();
    let part = page.screenshot_jpeg(60, Some(2000)).await.unwrap();
    assert!(view.height < 2000);
    assert_eq!((whole.height, part.height), (3000, 2000));
    let mut cast = page.screencast(50, 640, 640).await.unwrap();
    let first = within("a frame", cast.next()).await.unwrap();
    assert!(first.width <= 640 && first.height <= 640 && first.jpeg.starts_with(&[0xff, 0xd8]));
    page.scroll_at(100.0, 100.0, 0.0, 500.0).await.unwrap();
    assert!(within("another frame", cast.next()).await.is_some());
    drop(cast);
    world.stop().await;
}

#[tokio::test]
async fn restless_pages_are_not_waited_for_for_ever() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    let restless = "<p>x</p><script>setInterval(() => document.body.append('x'), 20)</script>";
    page.navigate(&world.site.page(restless), PATIENCE).await.unwrap();
    assert!(!page.wait_quiet(Duration::from_millis(300), Duration::from_secs(2)).await.unwrap());
    let busy =
        "<p id=n>0</p><script>const t = setInterval(() => { if (++n.textContent > 20) clearInterval(t) }, 20)</script>";
    page.navigate(&world.site.page(busy), PATIENCE).await.unwrap();
    assert!(page.wait_quiet(Duration::from_millis(300), PATIENCE).await.unwrap());
    assert_eq!(js(page, &page.main_frame(), "n.textContent").await, "21");
    world.stop().await;
}

#[tokio::test]
async fn a_killed_renderer_fails_its_commands_at_once() {
    let world = Host::start(1, 0).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(page, &world.site.url("/frame")).await;
    let main = page.main_frame();
    let killing = async {
        for pid in renderers(page).await {
            kill(pid);
        }
    };
    let (waited, ()) = tokio::join!(page.eval(&main, World::Isolated, "new Promise(() => {})"), killing);
    assert!(matches!(waited, Err(Error::Gone(Gone::Crashed))), "{waited:?}");
    assert_eq!(within("death", lease.dead()).await, Gone::Crashed);
    assert!(matches!(page.eval(&main, World::Isolated, "1").await, Err(Error::Gone(Gone::Crashed) | Error::FrameGone)));
    lease.close().await;
    let again = world.lease().await;
    open(again.page(), &world.site.url("/frame")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_page_that_never_answers_is_declared_hung() {
    let world = Host::start(1, 0).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(page, &world.site.url("/frame")).await;
    js(page, &page.main_frame(), "void setTimeout(() => { for (;;); })").await;
    assert_eq!(within("the verdict", lease.dead()).await, Gone::Hung);
    lease.close().await;
    world.stop().await;
}
