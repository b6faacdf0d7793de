//! A gateway on a port of its own, with a database of its own, and a stand-in router that records commands.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::{App, AppState, Limits, Options, Secrets, Sockets};
use protocol::cluster::{Action, Answer, Command, Done, ROUTERS, RejectCode, Rejected, RouterMessage};
use protocol::ids::{ResumeId, TaskId, UserId};
use protocol::inspect::{self, Request};
use protocol::wire::codec;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, PgPool};
use store::Store;
use store::bus::Bus;
use store::files::Files;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const PASSWORD: &str = "correct horse battery";
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n";
/// A public address by number: nothing is resolved, and nothing is fetched by the gateway.
pub const JOB: &str = "https://8.8.8.8/jobs/1";

/// What coordinators say of their authority.
pub const AUTHORITY: [u8; 32] = [0xab; 32];

pub struct Site {
    pub app: AppState,
    pub http: Client,
    pub address: SocketAddr,
    pub pool: PgPool,
    stop: CancellationToken,
    server: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    database: String,
    _files: tempfile::TempDir,
}

pub fn options() -> Options {
    let secret = |text: &str| text.repeat(16).into_bytes();
    let mut options = Options::new(Secrets { access: secret("aa"), refresh: secret("bb"), artifacts: secret("cc") });
    options.limits.general.max = 100_000;
    options.limits.task_create.max = 1_000;
    options.limits.resume_upload.max = 1_000;
    options
}

/// Lost messages are found soon; nobody is given up for being silent.
pub const FAST_SOCKETS: Sockets = Sockets { ping: Duration::from_secs(30), tail: Duration::from_millis(50) };

fn admin_url() -> String {
    std::env::var("DATABASE_URL").expect("DATABASE_URL names a Postgres to make databases in")
}

impl Site {
    pub async fn start() -> Self {
        Self::with(options()).await
    }

    pub async fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        let mut options = options();
        change(&mut options.limits);
        Self::with(options).await
    }

    pub async fn with(options: Options) -> Self {
        let database = format!("gw_{}", Uuid::now_v7().simple());
        let mut admin = PgConnection::connect(&admin_url()).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&mut admin).await.unwrap();
        let connect: sqlx::postgres::PgConnectOptions = admin_url().parse().unwrap();
        let store = Store::with_options(connect.database(&database), 8);
        store.migrate().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        store::fleet::publish_authority(&mut tx, &AUTHORITY).await.unwrap();
        store::db::commit(tx, "standing in for a coordinator").await.unwrap();
        let pool = store.pool().clone();
        let folder = tempfile::tempdir().unwrap();
        let app = App::new(store, Files::local(folder.path()).unwrap(), Bus::new(), options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(gateway::serve(listener, Arc::clone(&app), stop.clone()));
        let http = Client::builder().timeout(PATIENCE).build().unwrap();
        Self { app, http, address, pool, stop, server: Some(server), database, _files: folder }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(&format!("/api/v1{path}")))
    }

    /// A person with a session.
    pub async fn person(&self, email: &str) -> Person<'_> {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Ada" });
        let made = self.request(Method::POST, "/auth/register").json(&body).send().await.unwrap();
        assert_eq!(made.status(), StatusCode::CREATED);
        self.sign_in(email).await
    }

    pub async fn sign_in(&self, email: &str) -> Person<'_> {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.request(Method::POST, "/auth/login").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let cookie = cookie(&answer);
        let body: Value = answer.json().await.unwrap();
        Person {
            site: self,
            token: body["accessToken"].as_str().unwrap().to_owned(),
            cookie,
            id: body["user"]["id"].as_str().unwrap().parse().unwrap(),
        }
    }

    /// Stops the gateway and removes its database.
    pub async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.server.take().unwrap()).await.unwrap().unwrap().unwrap();
        self.app.store.close().await;
        let mut admin = PgConnection::connect(&admin_url()).await.unwrap();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut admin).await.unwrap();
    }
}

/// `name=value` of the refresh cookie an answer sets.
pub fn cookie(answer: &reqwest::Response) -> String {
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

pub struct Person<'a> {
    pub site: &'a Site,
    pub token: String,
    pub cookie: String,
    pub id: UserId,
}

impl Person<'_> {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.site.request(method, path).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.request(Method::GET, path)).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        read(self.request(method, path).json(&body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, body).await
    }

    pub async fn upload(&self, name: &str, mime: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned()).mime_str(mime).unwrap();
        let form = reqwest::multipart::Form::new().text("note", "first").part("file", part);
        read(self.request(Method::POST, "/resumes/upload").multipart(form)).await
    }

    pub async fn resume(&self) -> ResumeId {
        let (status, body) = self.upload("cv.pdf", "application/pdf", PDF.to_vec()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        body["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn task(&self, url: &str) -> TaskId {
        let resume = self.resume().await;
        let (status, body) = self.post("/tasks", json!({ "jobUrl": url, "resumeId": resume })).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_str().unwrap().parse().unwrap()
    }
}

pub async fn read(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    (status, body)
}

/// Stands where a coordinator's router stands; records commands and answers as told.
pub struct Router {
    actor: ActorRef<RouterMessage>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    commands: Mutex<Vec<Command>>,
    answers: Mutex<VecDeque<Answer>>,
    came: Notify,
    requests: Mutex<Vec<Request>>,
    actors: Mutex<Option<Box<AnswerActors>>>,
    hanging: Mutex<Vec<ractor::RpcReplyPort<Vec<u8>>>>,
}

/// How a node answers questions about its actors.
type AnswerActors = dyn Fn(&Request) -> inspect::Answer + Send;

struct RouterActor;

impl Actor for RouterActor {
    type Msg = RouterMessage;
    type State = Arc<Seen>;
    type Arguments = Arc<Seen>;

    async fn pre_start(&self, _: ActorRef<Self::Msg>, seen: Arc<Seen>) -> Result<Arc<Seen>, ActorProcessingErr> {
        Ok(seen)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: RouterMessage,
        seen: &mut Arc<Seen>,
    ) -> Result<(), ActorProcessingErr> {
        let (bytes, reply) = match message {
            RouterMessage::Command(bytes, reply) => (bytes, reply),
            RouterMessage::Peer(..) | RouterMessage::Note(_) => return Ok(()),
            RouterMessage::Inspect(bytes, reply) => {
                let request: Request = codec::decode(&bytes)?;
                let answered = seen.actors.lock().unwrap().as_ref().map(|actors| actors(&request));
                seen.requests.lock().unwrap().push(request);
                // A router that was not told how to answer is a node that hangs.
                match answered {
                    Some(answer) => reply.send(codec::encode(&answer)?)?,
                    None => seen.hanging.lock().unwrap().push(reply),
                }
                return Ok(());
            }
        };
        let command: Command = codec::decode(&bytes)?;
        // Only answers that a test prepared for what it does itself: uploads and creations are always fine.
        let told = matches!(command.action, Action::TaskCreated { .. } | Action::ParseResume { .. });
        let answer = if told { None } else { seen.answers.lock().unwrap().pop_front() };
        seen.commands.lock().unwrap().push(command);
        seen.came.notify_waiters();
        reply.send(codec::encode(&answer.unwrap_or(Ok(Done::Ok)))?)?;
        Ok(())
    }
}

/// Process groups are global to the process: tests that need a router, or none, take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Holds off tests with a router.
pub async fn no_router() -> tokio::sync::MutexGuard<'static, ()> {
    TURN.lock().await
}

impl Router {
    pub async fn start() -> (Self, tokio::sync::MutexGuard<'static, ()>) {
        let turn = TURN.lock().await;
        let seen = Arc::new(Seen::default());
        let (actor, _) = Actor::spawn(None, RouterActor, Arc::clone(&seen)).await.unwrap();
        ractor::pg::join(ROUTERS.to_owned(), vec![actor.get_cell()]);
        (Self { actor, seen }, turn)
    }

    /// One more node beside the one of [`Router::start`], which holds the turn.
    pub async fn another() -> Self {
        let seen = Arc::new(Seen::default());
        let (actor, _) = Actor::spawn(None, RouterActor, Arc::clone(&seen)).await.unwrap();
        ractor::pg::join(ROUTERS.to_owned(), vec![actor.get_cell()]);
        Self { actor, seen }
    }

    /// Has the node answer questions about its actors.
    pub fn shows(&self, answer: impl Fn(&Request) -> inspect::Answer + Send + 'static) {
        *self.seen.actors.lock().unwrap() = Some(Box::new(answer));
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub fn will(&self, answer: Answer) {
        self.seen.answers.lock().unwrap().push_back(answer);
    }

    pub fn refuses(&self, code: RejectCode) {
        self.will(Err(Rejected::new(code, "as the test wants it")));
    }

    /// Waits for commands until one fits.
    pub async fn wait(&self, what: &str, fits: impl Fn(&Command) -> bool) -> Command {
        let search = async {
            loop {
                let came = self.seen.came.notified();
                tokio::pin!(came);
                came.as_mut().enable();
                if let Some(found) = self.commands().into_iter().find(&fits) {
                    return found;
                }
                came.await;
            }
        };
        tokio::time::timeout(PATIENCE, search)
            .await
            .unwrap_or_else(|_| panic!("no command came: {what}; there were {:?}", self.commands()))
    }

    pub fn commands(&self) -> Vec<Command> {
        self.seen.commands.lock().unwrap().clone()
    }

    pub async fn stop(self) {
        self.actor.stop_and_wait(None, None).await.unwrap();
    }
}
