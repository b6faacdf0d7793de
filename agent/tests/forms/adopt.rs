//! A page outlives the agent that filled it: it is guarded again before anything else, and is what it was.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::form::{FileRef, FormModel, Value};
use protocol::ids::PermitId;
use protocol::net::AllowList;
use protocol::wire::message::{Permit, SubmitOutcome};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;
use valet_agent::browser::{
    Adopted, Browser, KeptPage, LaunchOptions, Pool, PoolOptions, ProcessRecord, ProcessRecorder, alive, end,
};
use valet_agent::cdp::{PageSession, World as ScriptWorld};
use valet_agent::egress::Egress;
use valet_agent::forms::FormPage;
use valet_agent::page::{Click, Page as _, Tab};
use valet_agent::session::clock::Moment;

use super::world::{OneFile, PATIENCE, Site, item, serve, text};

/// The browsers that were started.
#[derive(Default)]
struct Book(Mutex<Vec<ProcessRecord>>);

impl ProcessRecorder for Book {
    fn started(&self, record: &ProcessRecord) -> io::Result<()> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
    fn ended(&self, _: &ProcessRecord) {}
}

/// Ends what a test that fails would leave behind: these browsers outlive their agent on purpose.
struct EndedAtLast(Arc<Book>);

impl Drop for EndedAtLast {
    fn drop(&mut self) {
        let records = std::mem::take(&mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        // Waiting for it needs a runtime, and this may be dropped within one.
        let ended = std::thread::spawn(move || {
            Runtime::new().unwrap().block_on(async {
                for record in records {
                    end(record.pid, record.started).await;
                }
            });
        });
        let _ = ended.join();
    }
}

/// What an agent leaves behind when it is killed.
struct Left {
    site: Arc<Site>,
    port: u16,
    record: ProcessRecord,
    tab: Tab,
    memory: Vec<u8>,
    form: FormModel,
    browsers: EndedAtLast,
    data: tempfile::TempDir,
}

/// What the next one makes of it.
struct Next {
    site: Arc<Site>,
    page: FormPage,
    session: PageSession,
    pool: Pool,
    egress: Egress,
    record: ProcessRecord,
    _browsers: EndedAtLast,
    _data: tempfile::TempDir,
}

fn launch(data: &tempfile::TempDir, egress: &Egress) -> PoolOptions {
    let launch =
        LaunchOptions { program: None, data: data.path().to_owned(), egress_port: egress.port(), tie_to_agent: false };
    PoolOptions { launch, capacity: 2, spares: 1 }
}

fn allowed(port: u16) -> AllowList {
    AllowList::new([format!("127.0.0.1:{port}"), format!("localhost:{port}")]).unwrap()
}

/// Fills the simple page in an agent's life of its own, and kills that once `until` holds for the site. With `click`,
/// the form is being sent meanwhile.
async fn killed(holes: &[(&str, &str)], click: bool, until: impl Fn(&Site) -> bool) -> Left {
    let (site, port) = serve().await;
    let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(holes).finish();
    let url = format!("http://127.0.0.1:{port}/p/simple?{query}");
    let data = tempfile::tempdir().unwrap();
    let resume = data.path().join("cv.pdf");
    std::fs::write(&resume, "my resume").unwrap();
    let (browsers, life) = (EndedAtLast(Arc::default()), Runtime::new().unwrap());
    let (done, filled) = oneshot::channel();
    let (recorder, folder) = (browsers.0.clone(), data.path().to_owned());
    life.spawn(async move {
        let egress = Egress::start(0, allowed(port)).await.unwrap();
        let launch = LaunchOptions { program: None, data: folder, egress_port: egress.port(), tie_to_agent: false };
        let pool = Pool::start(PoolOptions { launch, capacity: 1, spares: 1 }, recorder, egress.clone());
        let lease = pool.lease(PATIENCE).await.unwrap();
        let mut page = FormPage::new(lease.page().clone(), Some(lease));
        page.open(&url).await.unwrap();
        let form = page.observe().await.unwrap();
        let file = FileRef { name: "cv.pdf".into(), size: 9, sha256: "ab".repeat(32) };
        let items = vec![
            text(&form, "Full name", "Åsa Öberg"),
            text(&form, "E-mail", "asa@example.org"),
            item(&form, "Resume", Value::File(file)),
        ];
        let results = page.fill(&items, &OneFile(Some(resume)), &mut |_| {}).await.unwrap();
        assert!(results.iter().all(|r| r.status.as_str() == "verified"), "{results:?}");
        let form = page.observe().await.unwrap();
        done.send((page.tab().unwrap(), page.memory(), form)).unwrap();
        if click {
            page.submit(Moment::now().after(PATIENCE), PATIENCE).await;
        }
        std::future::pending::<()>().await;
    });
    let (tab, memory, form) = timeout(PATIENCE, filled).await.unwrap().expect("the first life fills the form");
    let mut arrived = site.arrived.subscribe();
    timeout(PATIENCE, arrived.wait_for(|_| until(&site))).await.unwrap().unwrap();
    life.shutdown_background();
    let record = browsers.0.0.lock().unwrap()[0].clone();
    Left { site, port, record, tab, memory, form, browsers, data }
}

impl Left {
    /// The next agent takes over; `ready` says when, by the page's address.
    async fn adopted(self, ready: impl Fn(&str) -> bool) -> (Next, FormModel) {
        let egress = Egress::start(0, allowed(self.port)).await.unwrap();
        // The first life may hold its port for a moment yet.
        let free = async {
            while tokio::net::TcpListener::bind(("127.0.0.1", self.tab.way)).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, free).await.unwrap();
        let way = egress.shut_way(self.tab.way);
        let book: Arc<dyn ProcessRecorder> = self.browsers.0.clone();
        let browser = Browser::adopt(self.record.clone(), book.clone(), None).await.unwrap();
        let page = browser.cdp().page(&self.tab.target.clone().into()).await.unwrap();
        timeout(PATIENCE, async {
            while !ready(&page.url()) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        let kept = KeptPage { context: self.tab.context.clone().into(), target: self.tab.target.clone().into(), way };
        let adopted = Adopted { browser, pages: vec![kept] };
        let pool = Pool::resume(launch(&self.data, &egress), book, egress.clone(), adopted).await;
        assert!(pool.claim(&self.tab.context, "another").await.is_none());
        let lease = pool.claim(&self.tab.context, &self.tab.target).await.unwrap();
        assert!(pool.claim(&self.tab.context, &self.tab.target).await.is_none(), "once");
        let page = FormPage::adopt(lease, &self.memory).await.unwrap();
        assert_eq!(page.tab(), Some(self.tab));
        let next = Next {
            site: self.site,
            session: page.session().clone(),
            page,
            pool,
            egress,
            record: self.record,
            _browsers: self.browsers,
            _data: self.data,
        };
        (next, self.form)
    }
}

impl Next {
    async fn js(&self, expression: &str) -> serde_json::Value {
        self.session.eval(&self.session.main_frame(), ScriptWorld::Main, expression).await.unwrap()
    }

    fn received(&self) -> usize {
        *self.site.arrived.borrow()
    }

    async fn stop(mut self) {
        self.page.close().await;
        self.pool.stop().await;
        self.egress.stop().await;
        assert!(!alive(self.record.pid, self.record.started));
        assert!(!self.record.folder.exists());
    }
}

const RESUME: (&str, &str) =
    ("button", "<label>Resume<input type=file name=f></label><button>Submit application</button>");

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_page_is_what_it_was_and_is_sent_once() {
    let (mut next, before) = killed(&[RESUME], false, |_| true).await.adopted(|_| true).await;
    let form = next.page.observe().await.unwrap();
    assert_eq!(form.form_digest(), before.form_digest());
    assert_eq!(form.values_digest(), before.values_digest());
    assert_eq!(form.fields, before.fields);
    let ways = [
        "document.forms[0].submit()",
        "document.forms[0].requestSubmit()",
        "document.querySelector('button').click()",
        "HTMLFormElement.prototype.submit.call(document.forms[0])",
    ];
    for way in ways {
        next.js(&format!("void ({way})")).await;
    }
    next.js("new Promise(done => setTimeout(done, 100))").await;
    assert_eq!(next.received(), 0, "it sent itself");
    let permit = Permit { id: PermitId::new(), form: form.form_digest(), values: form.values_digest(), ttl_ms: 5_000 };
    next.page.check(&permit).await.unwrap();
    let click = next.page.submit(Moment::now().after(PATIENCE), PATIENCE).await;
    let Click::Made(outcome) = click else { panic!("{click:?}") };
    assert!(matches!(*outcome, SubmitOutcome::Confirmed(_)), "{outcome:?}");
    assert_eq!(next.received(), 1);
    let body = next.site.received.lock().unwrap()[0].clone();
    assert!(body.contains("%C3%85sa+%C3%96berg") && body.contains("cv.pdf"), "{body}");
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_came_while_no_agent_was_there_is_guarded() {
    // Once it has its file, the page leaves for a document of its own making.
    let script = "document.querySelector('[type=file]').addEventListener('change', () => setTimeout(() => { \
                  const form = document.documentElement.outerHTML.replace(/<script>.*/s, ''); \
                  const base = `<base href='${location.origin}/'>`; \
                  location = URL.createObjectURL(new Blob([base + form], {type: 'text/html'})); }, 3000))";
    let left = killed(&[RESUME, ("script", script)], false, |_| true).await;
    let (next, _) = left.adopted(|url| url.starts_with("blob:")).await;
    for way in
        ["document.forms[0].submit()", "document.forms[0].requestSubmit()", "document.querySelector('button').click()"]
    {
        next.js(&format!("void ({way})")).await;
    }
    next.js("new Promise(done => setTimeout(done, 100))").await;
    assert_eq!(next.received(), 0, "it sent itself");
    assert!(next.session.url().starts_with("blob:"));
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_that_was_confirmed_while_no_agent_was_there_is_found() {
    let script = "document.forms[0].addEventListener('submit', (e) => { e.preventDefault(); \
                  fetch('/apply?answer=json', {method: 'POST', body: 'one'}); setTimeout(() => { \
                  document.body.innerHTML = '<h1>Thank you for applying!</h1><p>Your reference number is NW-1.</p>'; }, 1500); })";
    let left = killed(&[RESUME, ("script", script)], true, |site| *site.arrived.borrow() == 1).await;
    let (mut next, _) = left.adopted(|_| true).await;
    let SubmitOutcome::Confirmed(said) = next.page.aftermath(PATIENCE).await else { panic!() };
    assert_eq!(said.number.as_deref(), Some("NW-1"));
    assert_eq!(next.received(), 1);
    next.stop().await;
}

/// A page that sends by script, is cut off, and stays.
const CUT_OFF: &str = "document.forms[0].addEventListener('submit', (e) => { e.preventDefault(); \
                       fetch('/apply?answer=slow', {method: 'POST', body: 'one'}).catch(() => cut()); }); \
                       window.cut = () => { window.off = true; };";

#[tokio::test(flavor = "multi_thread")]
async fn a_click_whose_end_was_cut_off_is_unknown_and_told_with_what_is_known() {
    let left = killed(&[RESUME, ("script", CUT_OFF)], true, |site| *site.arrived.borrow() == 1).await;
    let (mut next, _) = left.adopted(|_| true).await;
    next.site.go.send_replace(true);
    assert_eq!(next.js("window.off").await, true, "what was under way was cut off with its agent");
    // The click's gate stood open for what the page makes of it; with its agent gone it is shut.
    next.js("void document.forms[0].submit()").await;
    let outcome = next.page.aftermath(Duration::from_millis(500)).await;
    let SubmitOutcome::Unknown { evidence } = outcome else { panic!("{outcome:?}") };
    assert!(evidence.submit_event_seen, "the recorder of before tells");
    assert!(evidence.page_url.contains("/p/simple"), "{evidence:?}");
    assert_eq!(next.received(), 1, "nothing more left the page");
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_tries_again_by_itself_gets_nothing_out() {
    // Its gate is open for what follows the click, and the way out of its context comes back soon after.
    let script = format!("{CUT_OFF} window.cut = () => setInterval(() => document.forms[0].submit(), 20);");
    let left = killed(&[RESUME, ("script", &script)], true, |site| *site.arrived.borrow() == 1).await;
    let (mut next, _) = left.adopted(|_| true).await;
    next.site.go.send_replace(true);
    let outcome = next.page.aftermath(Duration::from_secs(1)).await;
    assert!(matches!(outcome, SubmitOutcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(next.received(), 1, "nothing more left the page");
    next.stop().await;
}
