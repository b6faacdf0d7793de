//! Frames of several processes: seen, scripted first, filled, clicked.

use serde_json::json;
use valet_agent::cdp::{Error, FrameId, Key, PageSession, World};

use super::site::{Host, click, js, kill, open, within};

fn frame_at(page: &PageSession, path: &str) -> FrameId {
    let frames = page.frames();
    frames.iter().find(|f| f.url.ends_with(path)).unwrap_or_else(|| panic!("no {path} in {frames:?}")).id.clone()
}

#[tokio::test]
async fn a_form_in_nested_cross_origin_iframes_is_filled_with_real_input() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(page, &world.site.url("/")).await;
    let shape: Vec<_> = page.frames().iter().map(|f| f.out_of_process).collect();
    assert_eq!(shape, [false, true, true], "main, another origin, and in it the first origin again");
    let frame = frame_at(page, "/frame");

    click(page, &frame, "#name").await;
    page.type_text("Zoë").await.unwrap();
    page.insert_text(" 東京").await.unwrap();
    assert_eq!(js(page, &frame, "document.querySelector('#name').value").await, "Zoë 東京");
    page.press(Key::Tab).await.unwrap();
    assert_eq!(js(page, &frame, "document.activeElement.id").await, "file");
    click(page, &frame, "#go").await;
    assert_eq!(js(page, &frame, "document.querySelector('#go').dataset.clicked").await, "true");

    let file = world.data.path().join("resume.txt");
    std::fs::write(&file, "a resume").unwrap();
    let find = "s => document.querySelector(s)";
    let input = page.node(&frame, World::Isolated, find, &[json!("#file")]).await.unwrap().unwrap();
    page.set_files(&input, &[file]).await.unwrap();
    assert_eq!(page.call_node(&input, "function() { return this.files[0].name }", &[]).await.unwrap(), "resume.txt");
    assert_eq!(js(page, &frame, "document.querySelector('#file').files[0].text()").await, "a resume");
    assert!(page.node(&frame, World::Isolated, find, &[json!("#none")]).await.unwrap().is_none());

    // The middle frame, in a process of its own, takes input by the same way.
    let middle = frame_at(page, "/middle");
    js(
        page,
        &middle,
        "void document.body.addEventListener('click', e => document.body.dataset.hit = e.target.tagName)",
    )
    .await;
    click(page, &middle, "p").await;
    assert_eq!(js(page, &middle, "document.body.dataset.hit").await, "P");
    lease.close().await;
    world.stop().await;
}

#[tokio::test]
async fn scripts_run_before_those_of_every_frame_and_worlds_are_apart() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    page.add_script("window.guard = 'armed'", World::Main).await.unwrap();
    page.add_script("window.ours = document.documentElement ? 'late' : 'early'", World::Isolated).await.unwrap();
    open(page, &world.site.url("/")).await;
    let frames = page.frames();
    assert_eq!(frames.len(), 3);
    for frame in &frames {
        assert_eq!(js(page, &frame.id, "document.body.dataset.first").await, "string", "{}", frame.url);
        assert_eq!(js(page, &frame.id, "typeof window.ours").await, "undefined", "the page sees our world");
        let ours = page.eval(&frame.id, World::Isolated, "typeof window.ours + typeof window.guard").await.unwrap();
        assert_eq!(ours, "stringundefined");
    }
    // A script added later reaches the documents that are there.
    page.add_script("window.late = 1", World::Main).await.unwrap();
    for frame in &frames {
        assert_eq!(js(page, &frame.id, "window.late").await, 1);
    }
    world.stop().await;
}

#[tokio::test]
async fn frames_come_and_go() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(page, &world.site.url("/")).await;
    let (main, middle, frame) = (page.main_frame(), frame_at(page, "/middle"), frame_at(page, "/frame"));
    js(page, &main, "document.querySelector('iframe').remove()").await;
    within("the frames' end", async {
        while page.frames().len() > 1 {
            assert!(page.wait_quiet(std::time::Duration::from_millis(50), super::site::PATIENCE).await.unwrap());
        }
    })
    .await;
    for gone in [middle, frame] {
        assert!(matches!(page.eval(&gone, World::Isolated, "1").await, Err(Error::FrameGone)));
    }
    open(page, &world.site.url("/frame")).await;
    assert_eq!(page.frames().len(), 1);
    assert_eq!(page.main_frame(), main);
    // A navigation while a script waits ends the script, not the page.
    let (waiting, leaving) = tokio::join!(page.eval(&main, World::Isolated, "new Promise(() => {})"), async {
        page.navigate(&world.site.url("/"), super::site::PATIENCE).await
    });
    assert!(matches!(waiting, Err(Error::FrameGone)), "{waiting:?}");
    leaving.unwrap();
    let thrown = page.eval(&main, World::Isolated, "(() => { throw new Error('secret') })()").await.unwrap_err();
    assert!(matches!(&thrown, Error::Script { detail } if detail.contains("secret")));
    assert!(!thrown.to_string().contains("secret"), "page content in an error message");
    world.stop().await;
}

#[tokio::test]
async fn a_crashed_frame_is_noticed_and_the_page_lives_on() {
    let world = Host::start(1, 0).await;
    let lease = world.lease().await;
    let page = lease.page();
    open(page, &world.site.url("/")).await;
    let middle = frame_at(page, "/middle");
    let mut events = page.events();
    let waiting = page.eval(&middle, World::Main, "new Promise(() => {})");
    let killing = async {
        // The frame's renderer is the one that runs this loop's marker.
        let (pids, _) = tokio::join!(renderers(page), async {});
        // On a loaded machine one turn may not tell it from another that happens to work.
        let most = loop {
            let before = cpu(&pids);
            let turn = "(() => { const end = Date.now() + 700; while (Date.now() < end); })()";
            page.eval(&middle, World::Main, turn).await.unwrap();
            let mut spent: Vec<_> =
                cpu(&pids).iter().zip(&before).map(|(after, before)| after - before).zip(0..).collect();
            spent.sort();
            match spent[..] {
                [.., (second, _), (first, most)] if first > 3 * second + 20 => break most,
                [(_, only)] => break only,
                _ => {}
            }
        };
        kill(pids[most]);
    };
    let (waited, ()) = tokio::join!(waiting, killing);
    assert!(matches!(waited, Err(Error::FrameGone)), "{waited:?}");
    within("the news of the crash", async {
        while !matches!(events.recv().await.unwrap(), valet_agent::cdp::PageEvent::FrameCrashed { .. }) {}
    })
    .await;
    assert_eq!(js(page, &page.main_frame(), "1 + 1").await, 2);
    world.stop().await;
}

/// The process ids of all renderers.
pub async fn renderers(page: &PageSession) -> Vec<u32> {
    use chromiumoxide::cdp::browser_protocol::system_info::GetProcessInfoParams;
    let info = page.cdp().root().run(GetProcessInfoParams::default()).await.unwrap().process_info;
    info.iter().filter(|p| p.r#type == "renderer").map(|p| u32::try_from(p.id).unwrap()).collect()
}

/// User and system time of processes, in ticks.
fn cpu(pids: &[u32]) -> Vec<u64> {
    let of = |pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        rest.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
    };
    pids.iter().map(of).collect()
}
