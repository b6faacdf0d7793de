//! A site with the test pages, and a page of an agent's browser.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use protocol::form::{Field, FormModel, Value};
use protocol::net::AllowList;
use protocol::wire::message::FillItem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use valet_agent::browser::{LaunchOptions, NoRecorder, Pool, PoolOptions};
use valet_agent::cdp::{PageSession, World as ScriptWorld};
use valet_agent::egress::Egress;
use valet_agent::forms::FormPage;
use valet_agent::page::{Files, Page as _};

/// For whatever the tests wait for: far above any honest duration on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const WIDGETS: &str = include_str!("pages/widgets.html");
const STYLES: &str = include_str!("pages/styles.html");
const CHECK: &str = include_str!("pages/check.html");
const SIMPLE: &str = include_str!("pages/simple.html");

/// What the site saw and how it answers.
pub struct Site {
    /// Bodies of the applications that arrived.
    pub received: Mutex<Vec<String>>,
    pub arrived: watch::Sender<usize>,
    /// `slow` waits until this is true.
    pub go: watch::Sender<bool>,
}

#[derive(Clone)]
struct Shared {
    site: Arc<Site>,
    breaking: u16,
}

/// Fills the holes of a page; `{{r}}` is random per load, like the ids of many systems.
async fn page(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(mut holes): Query<HashMap<String, String>>,
) -> Response {
    let source = match name.as_str() {
        "widgets" => WIDGETS,
        "styles" => STYLES,
        "check" => CHECK,
        "simple" => SIMPLE,
        _ => return (StatusCode::NOT_FOUND, Html("gone")).into_response(),
    };
    let defaults = [
        ("action", "/apply"),
        ("attrs", ""),
        ("script", ""),
        ("notice", ""),
        ("title", "Night watch"),
        ("check", ""),
        ("button", "<button>Submit application</button>"),
    ];
    for (hole, value) in defaults {
        holes.entry(hole.into()).or_insert_with(|| value.into());
    }
    holes.insert("r".into(), format!("{:08x}", rand::random::<u32>()));
    let mut text = source.replace("{{breaking}}", &shared.breaking.to_string());
    for (hole, value) in &holes {
        text = text.replace(&format!("{{{{{hole}}}}}"), value);
    }
    Html(text.replace("{{breaking}}", &shared.breaking.to_string())).into_response()
}

async fn apply(State(shared): State<Shared>, Query(query): Query<HashMap<String, String>>, body: String) -> Response {
    shared.site.received.lock().unwrap().push(body);
    shared.site.arrived.send_modify(|n| *n += 1);
    match query.get("answer").map_or("", String::as_str) {
        "json" => "{\"ok\":true}".into_response(),
        "created" => (StatusCode::CREATED, "{}").into_response(),
        "again" => Html(again("<div role=alert>Please check your e-mail address.</div>")).into_response(),
        "welcome" => Html(again("<div role=alert>Success! We'll be in touch.</div>")).into_response(),
        "refuse" => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Html(again("<div role=alert>Please check your e-mail address.</div>")),
        )
            .into_response(),
        "code" => Html("<title>Check</title><h1>Enter the verification code</h1><p>We sent a security code to your phone.</p><form><label>Verification code<input name=code></label><button>Verify</button></form>").into_response(),
        "slow" => {
            let _ = shared.site.go.subscribe().wait_for(|go| *go).await;
            Redirect::to("/thanks").into_response()
        }
        _ => Redirect::to("/thanks").into_response(),
    }
}

/// Answers no more for now: with this status, these headers and this text.
async fn later(Query(query): Query<HashMap<String, String>>) -> Response {
    let status = StatusCode::from_bytes(query["status"].as_bytes()).unwrap();
    let mut answer = (status, Html(query["text"].clone())).into_response();
    for (name, header) in [("after", header::RETRY_AFTER), ("date", header::DATE)] {
        if let Some(value) = query.get(name) {
            answer.headers_mut().insert(header, value.parse().unwrap());
        }
    }
    answer
}

/// The form once more, with a notice.
fn again(notice: &str) -> String {
    let page = SIMPLE.replace("{{notice}}", notice).replace("{{button}}", "<button>Submit application</button>");
    page.replace("{{script}}", "")
}

const THANKS: &str = "<title>Done</title><h1>Thank you for applying!</h1><p>We have received your application. Your reference number is NW-20417.</p>";

/// A server that serves the simple page on a connection it keeps, and hangs up on a form without a word.
async fn breaking(site: Arc<Site>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(keep(stream, site.clone()));
        }
    });
    port
}

async fn keep(mut stream: TcpStream, site: Arc<Site>) {
    let mut buffer = vec![0; 16_384];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if buffer[..read].starts_with(b"POST") {
            site.arrived.send_modify(|n| *n += 1);
            return;
        }
        let page = SIMPLE.replace("{{action}}", "/").replace("{{button}}", "<button>Submit application</button>");
        let page = ["{{attrs}}", "{{script}}", "{{notice}}"].iter().fold(page, |page, hole| page.replace(hole, ""));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length:";
        let answer = format!("{head} {}\r\n\r\n{page}", page.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The files of the job.
pub struct OneFile(pub Option<PathBuf>);

impl Files for OneFile {
    fn path(&self, _: &str) -> Option<PathBuf> {
        self.0.clone()
    }
}

pub struct World {
    pub site: Arc<Site>,
    pub port: u16,
    /// Where the server is that hangs up on a form.
    pub breaking: u16,
    pub page: FormPage,
    pub session: PageSession,
    pool: Pool,
    egress: Egress,
    pub data: tempfile::TempDir,
}

/// Starts the site; answers its port.
pub async fn serve() -> (Arc<Site>, u16) {
    let (site, port, _) = serve_all().await;
    (site, port)
}

/// And the port of the server that hangs up on a form.
async fn serve_all() -> (Arc<Site>, u16, u16) {
    let site =
        Arc::new(Site { received: Mutex::default(), arrived: watch::Sender::new(0), go: watch::Sender::new(false) });
    let breaking = breaking(site.clone()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new()
            .route("/p/{name}", get(page))
            .route("/apply", post(apply))
            .route("/thanks", get(|| async { Html(THANKS) }))
            .route("/posting", get(|| async { Html("<title>Night watch</title><h1>Night watch</h1><p>Stay awake.</p><form role=search><input type=search></form><a href='/p/simple' target=_blank>Apply now</a>") }))
            .route("/beacon", post(|| async { StatusCode::FORBIDDEN }))
            .route("/raw", get(|Query(q): Query<HashMap<String, String>>| async move { Html(q["html"].clone()) }))
            .route("/said", get(|Query(q): Query<HashMap<String, String>>| async move {
                Html(format!("<title>Done</title><h1>Thank you for applying!</h1><p>{}</p>", q["text"]))
            }))
            .route("/tick", get(|| async { Html("<span role=checkbox aria-checked=false>I am human</span>") }))
            .route("/closed", get(|| async { Html("<title>This job is no longer open</title><h1>This job is no longer open</h1><p>Night watch: this position has been filled.</p>") }))
            .route("/login", get(|| async { Html("<title>Sign in</title><h1>Sign in to continue</h1><form><label>E-mail<input type=email></label><label>Password<input type=password></label><button>Sign in</button></form>") }))
            .route("/later", get(later))
            .route("/frame", get(|| async { Html("<title>Careers</title><h1>Careers</h1><iframe src='/p/simple' width=800 height=500></iframe>") }))
            .with_state(Shared { site: site.clone(), breaking });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (site, port, breaking)
}

impl World {
    pub async fn start() -> Self {
        let (site, port, breaking) = serve_all().await;
        let allowed =
            AllowList::new([format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("127.0.0.1:{breaking}")])
                .unwrap();
        let egress = Egress::start(0, allowed).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let launch = LaunchOptions {
            program: None,
            data: data.path().to_owned(),
            egress_port: egress.port(),
            tie_to_agent: true,
        };
        let options = PoolOptions { launch, capacity: 1, spares: 1 };
        let pool = Pool::start(options, Arc::new(NoRecorder), egress.clone());
        let lease = pool.lease(PATIENCE).await;
        let problem = pool.status().problem;
        let lease = lease.unwrap_or_else(|error| panic!("{error}: is Chromium installed? {problem:?}"));
        let session = lease.page().clone();
        Self { site, port, breaking, page: FormPage::new(session.clone(), Some(lease)), session, pool, egress, data }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The simple page with the given holes filled.
    pub fn simple(&self, holes: &[(&str, &str)]) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(holes).finish();
        self.url(&format!("/p/simple?{query}"))
    }

    /// An address that answers no more for now.
    pub fn later(&self, query: &[(&str, &str)]) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.url(&format!("/later?{query}"))
    }

    /// A page of its own.
    pub fn raw(&self, html: &str) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("html", html).finish();
        self.url(&format!("/raw?{query}"))
    }

    /// The page with a check for a person in its form.
    pub fn check(&self, check: &str) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("check", check).finish();
        self.url(&format!("/p/check?{query}"))
    }

    /// Opens and reads a page.
    pub async fn see(&mut self, url: &str) -> FormModel {
        self.page.open(url).await.unwrap();
        self.page.observe().await.unwrap()
    }

    /// Opens the simple page and fills it.
    pub async fn filled(&mut self, url: &str) -> FormModel {
        let form = self.see(url).await;
        let items = vec![text(&form, "Full name", "Åsa Öberg"), text(&form, "E-mail", "asa@example.org")];
        let results = self.page.fill(&items, &OneFile(None), &mut |_| {}).await.unwrap();
        assert!(results.iter().all(|r| r.status.as_str() == "verified"), "{results:?}");
        self.page.observe().await.unwrap()
    }

    pub async fn js(&self, expression: &str) -> serde_json::Value {
        let frame = self.session.main_frame();
        self.session.eval(&frame, ScriptWorld::Main, expression).await.unwrap()
    }

    pub fn received(&self) -> usize {
        *self.site.arrived.borrow()
    }

    pub async fn stop(mut self) {
        self.page.close().await;
        self.pool.stop().await;
        self.egress.stop().await;
    }
}

pub fn field<'a>(form: &'a FormModel, label: &str) -> &'a Field {
    form.fields.iter().find(|f| f.label == label).unwrap_or_else(|| {
        panic!("no field {label:?} among {:?}", form.fields.iter().map(|f| &f.label).collect::<Vec<_>>())
    })
}

pub fn item(form: &FormModel, label: &str, value: Value) -> FillItem {
    FillItem { field: field(form, label).id.clone(), value }
}

pub fn text(form: &FormModel, label: &str, value: &str) -> FillItem {
    item(form, label, Value::Text(value.into()))
}

pub fn choose(form: &FormModel, label: &str, options: &[&str]) -> FillItem {
    item(form, label, Value::Choices(options.iter().map(|o| (*o).to_owned()).collect()))
}
