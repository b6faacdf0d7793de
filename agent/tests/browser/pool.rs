//! Browsers and pages are handed out clean, replaced when they die, and leave nothing.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::net::AllowList;
use valet_agent::browser::{
    Browser, LaunchOptions, NoRecorder, Pool, PoolError, PoolOptions, ProcessRecord, ProcessRecorder, alive, sweep,
};
use valet_agent::cdp::{Error, Gone, World};
use valet_agent::egress::Egress;

use super::site::{Host, PATIENCE, folders, js, kill, launch_options, open, within};

#[tokio::test]
async fn leased_pages_are_strangers_to_each_other() {
    let world = Host::start(2, 1).await;
    let (one, two) = (world.lease().await, world.lease().await);
    assert_ne!(one.context(), two.context());
    let cookie = "document.cookie + '|' + localStorage.length";
    for lease in [&one, &two] {
        open(lease.page(), &world.site.url("/frame")).await;
        assert_eq!(js(lease.page(), &lease.page().main_frame(), cookie).await, "|0");
        js(lease.page(), &lease.page().main_frame(), "document.cookie = 'who=me', localStorage.x = 1").await;
    }
    one.close().await;
    let three = world.lease().await;
    open(three.page(), &world.site.url("/frame")).await;
    assert_eq!(js(three.page(), &three.page().main_frame(), cookie).await, "|0", "left by an earlier lease");
    world.stop().await;
}

#[tokio::test]
async fn places_are_bounded_and_spares_come_back() {
    let world = Host::start(2, 1).await;
    within("a spare", world.pool.wait_until(|s| s.spare == 1)).await;
    let one = world.lease().await;
    within("its replacement", world.pool.wait_until(|s| (s.leased, s.spare) == (1, 1))).await;
    let two = world.lease().await;
    let status = within("no spare beyond the capacity", world.pool.wait_until(|s| s.leased == 2)).await;
    assert_eq!((status.spare, status.browsers, status.restarts), (0, 1, 0));
    assert_eq!(world.pool.lease(Duration::from_millis(50)).await.err(), Some(PoolError::Full));
    drop(one);
    within("the place back", world.pool.wait_until(|s| (s.leased, s.spare) == (1, 1))).await;
    two.close().await;
    let (pool, data) = (world.pool.clone(), folders(&world.data));
    assert_eq!(data.len(), 1);
    world.stop().await;
    assert_eq!(pool.lease(PATIENCE).await.err(), Some(PoolError::Stopped));
}

#[tokio::test]
async fn a_killed_browser_fails_everything_at_once_and_is_replaced() {
    let world = Host::start(2, 1).await;
    let (one, two) = (world.lease().await, world.lease().await);
    open(one.page(), &world.site.url("/frame")).await;
    let main = one.page().main_frame();
    let pid = world.pool.browser_pid().unwrap();
    let (waited, ()) =
        tokio::join!(one.page().eval(&main, World::Isolated, "new Promise(() => {})"), async { kill(pid) });
    assert!(matches!(waited, Err(Error::Gone(Gone::Closed))), "{waited:?}");
    assert_eq!(within("death", one.dead()).await, Gone::Closed);
    assert_eq!(within("death", two.dead()).await, Gone::Closed);
    assert!(matches!(
        one.page().eval(&main, World::Isolated, "1").await,
        Err(Error::Gone(Gone::Closed) | Error::FrameGone)
    ));
    drop((one, two));
    let status = within("another browser", world.pool.wait_until(|s| s.spare == 1 && s.restarts == 1)).await;
    assert_eq!((status.browsers, status.leased), (1, 0));
    let again = world.lease().await;
    open(again.page(), &world.site.url("/frame")).await;
    assert_eq!(folders(&world.data).len(), 1, "the dead browser's folder is gone");
    world.stop().await;
}

#[derive(Default)]
struct Book(Mutex<Vec<(bool, ProcessRecord)>>);

impl ProcessRecorder for Book {
    fn started(&self, record: &ProcessRecord) -> io::Result<()> {
        self.0.lock().unwrap().push((true, record.clone()));
        Ok(())
    }
    fn ended(&self, record: &ProcessRecord) {
        self.0.lock().unwrap().push((false, record.clone()));
    }
}

#[tokio::test]
async fn a_browser_is_recorded_and_outlives_its_agent_to_be_adopted() {
    let site = super::site::Site::start().await;
    let egress = Egress::start(0, AllowList::new([format!("127.0.0.1:{}", site.port)]).unwrap()).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let options = LaunchOptions { tie_to_agent: false, ..launch_options(&data, &egress) };
    let book = Arc::new(Book::default());
    let browser = Browser::launch(&options, book.clone(), None).await.unwrap();
    let page = browser.cdp().open_page(None).await.unwrap();
    page.add_script("globalThis.kept = 41", World::Isolated).await.unwrap();
    open(&page, &site.url("/frame")).await;
    let record = book.0.lock().unwrap()[0].1.clone();
    assert_eq!(&record, browser.record());
    // The first agent is gone: nothing is connected, the process goes on.
    browser.cdp().close().await;
    drop(browser);
    assert!(alive(record.pid, record.started));
    let adopted = Browser::adopt(record.clone(), book.clone(), None).await.unwrap();
    let found = within("its page", async {
        loop {
            if let Some(page) = adopted.cdp().pages().into_iter().find(|p| p.main_frame() == page.main_frame()) {
                return page;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(js(&found, &found.main_frame(), "document.querySelectorAll('#name').length").await, 1);
    let kept = found.eval(&found.main_frame(), World::Isolated, "globalThis.kept").await.unwrap();
    assert_eq!(kept, 41, "our world is the one of before");
    adopted.stop().await;
    assert!(!alive(record.pid, record.started));
    assert_eq!(folders(&data), Vec::<String>::new());
    assert_eq!(*book.0.lock().unwrap(), [(true, record.clone()), (false, record)]);
}

#[tokio::test]
async fn what_a_dead_agent_left_is_swept() {
    let egress = Egress::start(0, AllowList::default()).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let options = LaunchOptions { tie_to_agent: false, ..launch_options(&data, &egress) };
    let browser = Browser::launch(&options, Arc::new(NoRecorder), None).await.unwrap();
    let record = browser.record().clone();
    assert_eq!(sweep(data.path(), &[]).await.unwrap(), 0, "its agent lives");
    browser.cdp().close().await;
    let owner = record.folder.join("owner.json");
    let mut text: serde_json::Value = serde_json::from_slice(&std::fs::read(&owner).unwrap()).unwrap();
    text["agent"][1] = 1.into();
    std::fs::write(&owner, text.to_string()).unwrap();
    assert_eq!(sweep(data.path(), std::slice::from_ref(&record.folder)).await.unwrap(), 0, "kept for adoption");
    assert!(alive(record.pid, record.started));
    assert_eq!(sweep(data.path(), &[]).await.unwrap(), 1);
    assert!(!alive(record.pid, record.started));
    assert_eq!(folders(&data), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_browser_leases_say_so() {
    let egress = Egress::start(0, AllowList::default()).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let launch = LaunchOptions { program: Some("/bin/false".into()), ..launch_options(&data, &egress) };
    let pool = Pool::start(PoolOptions::new(launch), Arc::new(NoRecorder), egress.clone());
    let status = within("the problem", pool.wait_until(|s| s.problem.is_some())).await;
    assert!(status.problem.unwrap().starts_with("the browser ended while starting"));
    assert_eq!(pool.lease(Duration::from_millis(10)).await.err(), Some(PoolError::NoBrowser));
    pool.stop().await;
    assert_eq!(folders(&data), Vec::<String>::new());
}
