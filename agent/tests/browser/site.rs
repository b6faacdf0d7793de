//! A site on loopback, reachable under two origins, and an agent's browser that may go there.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use protocol::net::AllowList;
use valet_agent::browser::{LaunchOptions, Lease, NoRecorder, Pool, PoolOptions};
use valet_agent::cdp::{FrameId, PageSession, World};
use valet_agent::egress::Egress;

/// For whatever the tests wait for: far above any honest duration on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Site {
    pub port: u16,
}

async fn redirect(Query(query): Query<std::collections::HashMap<String, String>>) -> Response {
    Redirect::temporary(&query["to"]).into_response()
}

const FRAME: &str = "<!doctype html><body><script>document.body.dataset.first = typeof window.guard</script>
    <input id=name><input id=file type=file><button id=go onclick=\"this.dataset.clicked = event.isTrusted\">Go</button>
    <script>document.body.dataset.subframe = typeof window.guard</script>";

fn parent(port: u16) -> String {
    format!(
        "<!doctype html><body style='margin:40px'><script>document.body.dataset.first = typeof window.guard</script>
        <h1>Jobs</h1><input id=top><div style='padding:30px'>
        <iframe src='http://localhost:{port}/middle' width=600 height=400 style='border:7px solid'></iframe></div>"
    )
}

fn middle(port: u16) -> String {
    format!(
        "<!doctype html><body style='margin:20px'><script>document.body.dataset.first = typeof window.guard</script>
        <p>An iframe in an iframe, home again in the first origin.</p>
        <iframe src='http://127.0.0.1:{port}/frame' width=400 height=200 style='border:3px solid'></iframe>"
    )
}

impl Site {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new()
            .route("/", get(move || async move { Html(parent(port)) }))
            .route("/middle", get(move || async move { Html(middle(port)) }))
            .route("/frame", get(|| async { Html(FRAME) }).post(|| async { Html("<title>posted</title>") }))
            .route("/redirect", get(redirect))
            .route("/gone", get(|| async { (StatusCode::NOT_FOUND, Html("gone")) }))
            .route(
                "/page",
                get(
                    |Query(q): Query<std::collections::HashMap<String, String>>| async move { Html(q["html"].clone()) },
                ),
            );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A page with the given markup.
    pub fn page(&self, html: &str) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("html", html).finish();
        self.url(&format!("/page?{query}"))
    }
}

/// A site and a pool whose browser may go to both of its origins.
pub struct Host {
    pub site: Site,
    pub egress: Egress,
    pub pool: Pool,
    pub data: tempfile::TempDir,
}

impl Host {
    pub async fn start(capacity: usize, spares: usize) -> Self {
        let site = Site::start().await;
        let allowed = AllowList::new([format!("127.0.0.1:{}", site.port), format!("localhost:{}", site.port)]).unwrap();
        let egress = Egress::start(0, allowed).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let launch = launch_options(&data, &egress);
        let pool = Pool::start(PoolOptions { launch, capacity, spares }, Arc::new(NoRecorder), egress.clone());
        Self { site, egress, pool, data }
    }

    pub async fn lease(&self) -> Lease {
        let lease = self.pool.lease(PATIENCE).await;
        let problem = self.pool.status().problem;
        lease.unwrap_or_else(|error| panic!("{error}: is Chromium installed? {problem:?}"))
    }

    /// Ends everything, and fails when anything is left.
    pub async fn stop(self) {
        let pid = self.pool.browser_pid();
        self.pool.stop().await;
        self.egress.stop().await;
        assert!(pid.is_none_or(|pid| valet_agent::browser::start_time(pid).is_none()), "the browser still runs");
        assert_eq!(folders(&self.data), Vec::<String>::new(), "browser folders left behind");
    }
}

pub fn launch_options(data: &tempfile::TempDir, egress: &Egress) -> LaunchOptions {
    LaunchOptions { program: None, data: data.path().to_owned(), egress_port: egress.port(), tie_to_agent: true }
}

pub fn folders(data: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(data.path().join("browsers")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Fails the test instead of hanging it.
pub async fn within<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

pub async fn js(page: &PageSession, frame: &FrameId, expression: &str) -> serde_json::Value {
    page.eval(frame, World::Main, expression).await.unwrap_or_else(|error| panic!("{expression}: {error:?}"))
}

/// Opens an address and waits until the page and all its frames are at rest.
pub async fn open(page: &PageSession, url: &str) {
    page.navigate(url, PATIENCE).await.unwrap();
    assert!(page.wait_quiet(Duration::from_millis(200), PATIENCE).await.unwrap(), "{:?}", page.frames());
}

/// The centre of an element, in the page's viewport.
pub async fn centre(page: &PageSession, frame: &FrameId, selector: &str) -> (f64, f64) {
    let script = "s => { const r = document.querySelector(s).getBoundingClientRect(); \
                  return [r.x + r.width / 2, r.y + r.height / 2]; }";
    let at = page.call_on(frame, World::Isolated, script, &[selector.into()]).await.unwrap();
    let (x, y) = page.frame_origin(frame).await.unwrap();
    (x + at[0].as_f64().unwrap(), y + at[1].as_f64().unwrap())
}

pub async fn click(page: &PageSession, frame: &FrameId, selector: &str) {
    let (x, y) = centre(page, frame, selector).await;
    page.click_at(x, y).await.unwrap();
}

/// Sends SIGKILL to a process this test's browser started.
pub fn kill(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}
