//! One socket, many sessions: commands out, replies and events back.
//!
//! The pump task owns the socket. Its first error is the death of the browser: every command under way and every later
//! one fails at once. Events are handed to the session's [`Sink`] inside the pump, so sinks never wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::target::{SessionId, TargetId, TargetInfo};
use chromiumoxide::cdp::{CdpEvent, CdpEventMessage};
use chromiumoxide::error::CdpError;
use chromiumoxide::types::{CallId, Message};
use chromiumoxide::{Command, Connection};
use futures::StreamExt;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::targets::Targets;
use super::{Error, Gone, NetworkPath};

/// How long a command may take unless its caller says otherwise. An idle Chromium answers within a millisecond; a page
/// busy with its own scripts on a loaded host takes seconds.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// Connecting is one loopback handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Commands of one session without a reply. The widest honest user asks each of a page's frames at once.
const IN_FLIGHT_PER_SESSION: usize = 64;
/// Commands handed to the pump and not yet written.
const QUEUE: usize = 1024;
/// Forgotten commands (timed out, dropped) are swept from the books when this many are open.
const SWEEP_AT: usize = 4096;

/// Receives what happens on a session. Called by the pump in the order of the wire; must not wait.
pub(super) trait Sink: Send + Sync {
    fn event(&self, session: &Session, event: &CdpEvent);
    /// A target was attached below `parent`; the sink for its session, or `None` to leave its events unread.
    fn attached(&self, parent: &Session, child: &Session, info: &TargetInfo) -> Option<Arc<dyn Sink>>;
    fn gone(&self, session: &Session, why: Gone);
}

/// A connection to one browser. Clones share it; it lives until the browser or [`Cdp::close`] ends it.
#[derive(Clone)]
pub struct Cdp {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    requests: mpsc::Sender<Request>,
    sessions: Mutex<HashMap<String, Arc<Route>>>,
    root: Arc<Route>,
    pub(super) targets: Arc<Targets>,
}

/// What the pump knows of a session.
struct Route {
    id: Option<SessionId>,
    target: Option<TargetId>,
    gone: watch::Sender<Option<Gone>>,
    permits: Semaphore,
    sink: OnceLock<Arc<dyn Sink>>,
}

impl Route {
    fn new(id: Option<SessionId>, target: Option<TargetId>) -> Arc<Self> {
        Arc::new(Self {
            id,
            target,
            gone: watch::Sender::new(None),
            permits: Semaphore::new(IN_FLIGHT_PER_SESSION),
            sink: OnceLock::new(),
        })
    }
}

enum Request {
    Call { method: String, session: Option<SessionId>, params: serde_json::Value, reply: oneshot::Sender<Answer> },
    Close,
}

type Answer = Result<serde_json::Value, chromiumoxide::types::Error>;

/// Chromium's "no" to a method, and nothing else of it: the message may hold page content.
fn refused(method: &str, error: chromiumoxide::types::Error) -> Error {
    Error::Refused { method: method.to_owned(), code: error.code, message: error.message }
}

impl Cdp {
    /// Connects to a browser's DevTools WebSocket and attaches to its pages, present and future.
    ///
    /// # Errors
    /// [`Error::Connect`] when nobody answers there, any other when the browser refuses the first commands.
    pub async fn connect(ws_url: &str) -> Result<Self, Error> {
        Self::connect_through(ws_url, None).await
    }

    /// Like [`Cdp::connect`]; `path` explains failed navigations of a browser that goes out through a proxy of ours.
    ///
    /// # Errors
    /// As [`Cdp::connect`].
    pub async fn connect_through(ws_url: &str, path: Option<Arc<dyn NetworkPath>>) -> Result<Self, Error> {
        let connection = tokio::time::timeout(CONNECT_TIMEOUT, Connection::<CdpEventMessage>::connect(ws_url))
            .await
            .map_err(|_| Error::Connect("no answer".into()))?
            .map_err(|e| Error::Connect(e.to_string()))?;
        let (requests, queue) = mpsc::channel(QUEUE);
        let root = Route::new(None, None);
        let targets = Arc::new(Targets::new(path));
        let _ = root.sink.set(targets.clone());
        let cdp = Self { inner: Arc::new(Inner { requests, sessions: Mutex::default(), root, targets }) };
        tokio::spawn(pump(connection, queue, cdp.clone()));
        super::targets::watch_pages(&cdp).await?;
        Ok(cdp)
    }

    /// The browser's own session.
    #[must_use]
    pub fn root(&self) -> Session {
        Session { cdp: self.clone(), route: self.inner.root.clone() }
    }

    /// Resolves when the connection has ended.
    pub async fn closed(&self) {
        self.root().ended().await;
    }

    /// Ends the connection; the browser itself goes on.
    pub async fn close(&self) {
        let _ = self.inner.requests.send(Request::Close).await;
        self.closed().await;
    }

    fn session(&self, route: Arc<Route>) -> Session {
        Session { cdp: self.clone(), route }
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Route>>> {
        self.inner.sessions.lock().expect("nothing panics while holding the session table")
    }

    /// Called by the pump for each event.
    fn dispatch(&self, message: CdpEventMessage) {
        let route = match &message.session_id {
            None => self.inner.root.clone(),
            // Events of a session that is already gone trail in; nobody waits for them.
            Some(id) => match self.sessions().get(id) {
                Some(route) => route.clone(),
                None => return,
            },
        };
        match &message.params {
            CdpEvent::TargetAttachedToTarget(attached) => {
                let id: &str = attached.session_id.as_ref();
                let child = Route::new(Some(attached.session_id.clone()), Some(attached.target_info.target_id.clone()));
                self.sessions().insert(id.to_owned(), child.clone());
                if let Some(sink) = route.sink.get() {
                    let (parent, session) = (self.session(route.clone()), self.session(child.clone()));
                    if let Some(own) = sink.attached(&parent, &session, &attached.target_info) {
                        let _ = child.sink.set(own);
                    }
                }
            }
            CdpEvent::TargetDetachedFromTarget(detached) => {
                let id: &str = detached.session_id.as_ref();
                let route = self.sessions().remove(id);
                if let Some(route) = route {
                    self.end(&route, Gone::Detached);
                }
            }
            CdpEvent::InspectorTargetCrashed(_) => self.end(&route, Gone::Crashed),
            CdpEvent::TargetTargetCrashed(crashed) => {
                let of_target: Vec<_> = self
                    .sessions()
                    .values()
                    .filter(|route| route.target.as_ref() == Some(&crashed.target_id))
                    .cloned()
                    .collect();
                for route in of_target {
                    self.end(&route, Gone::Crashed);
                }
            }
            event => {
                if let Some(sink) = route.sink.get() {
                    sink.event(&self.session(route.clone()), event);
                }
            }
        }
    }

    /// Marks a session as ended, once, and tells its sink.
    fn end(&self, route: &Arc<Route>, why: Gone) {
        let first = route.gone.send_if_modified(|gone| {
            let first = gone.is_none();
            gone.get_or_insert(why);
            first
        });
        if first && let Some(sink) = route.sink.get() {
            sink.gone(&self.session(route.clone()), why);
        }
    }
}

async fn pump(mut connection: Connection<CdpEventMessage>, mut queue: mpsc::Receiver<Request>, cdp: Cdp) {
    let mut pending: HashMap<CallId, oneshot::Sender<Answer>> = HashMap::new();
    loop {
        tokio::select! {
            message = connection.next() => match message {
                Some(Ok(Message::Response(response))) => {
                    if let Some(reply) = pending.remove(&response.id) {
                        let _ = reply.send(match response.error {
                            Some(error) => Err(error),
                            None => Ok(response.result.unwrap_or_default()),
                        });
                    }
                }
                Some(Ok(Message::Event(event))) => cdp.dispatch(event),
                // An event of a newer browser that the typed protocol does not know in this shape.
                Some(Err(CdpError::InvalidMessage(..))) => metrics::counter!("cdp_unreadable_messages").increment(1),
                // After one error the stream would stay silent for ever: it is the end.
                Some(Err(error)) => {
                    tracing::debug!(%error, "browser connection broke");
                    break;
                }
                None => break,
            },
            request = queue.recv() => match request {
                Some(Request::Call { method, session, params, reply }) => {
                    if pending.len() >= SWEEP_AT {
                        pending.retain(|_, reply| !reply.is_closed());
                    }
                    // A caller whose command cannot be written learns it by the dropped sender.
                    if let Ok(id) = connection.submit_command(method.into(), session, params) {
                        pending.insert(id, reply);
                    }
                }
                Some(Request::Close) | None => break,
            },
        }
    }
    // Later commands fail on the closed queue or on the mark; those under way on the mark.
    queue.close();
    let routes: Vec<_> = cdp.sessions().drain().map(|(_, route)| route).collect();
    cdp.end(&cdp.inner.root, Gone::Closed);
    for route in routes {
        cdp.end(&route, Gone::Closed);
    }
}

/// One target's session on the connection.
#[derive(Clone)]
pub struct Session {
    cdp: Cdp,
    route: Arc<Route>,
}

impl Session {
    /// Carries out a command within [`COMMAND_TIMEOUT`].
    ///
    /// # Errors
    /// See [`Error`]; after a timeout the command may still take effect.
    pub async fn run<C: Command>(&self, command: C) -> Result<C::Response, Error> {
        self.run_within(command, COMMAND_TIMEOUT).await
    }

    /// Carries out a command within `limit`, waiting for a free place included.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn run_within<C: Command>(&self, command: C, limit: Duration) -> Result<C::Response, Error> {
        let method = command.identifier().to_string();
        match tokio::time::timeout(limit, self.call(&method, command)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Timeout { method, after: limit }),
        }
    }

    async fn call<C: Command>(&self, method: &str, command: C) -> Result<C::Response, Error> {
        let _permit = self.route.permits.acquire().await.expect("the semaphore is never closed");
        let answer = self.submit(command).await?;
        self.settle::<C>(method, answer).await
    }

    /// Hands a command over; commands of a session are carried out in the order they were handed over.
    pub(super) async fn submit<C: Command>(&self, command: C) -> Result<oneshot::Receiver<Answer>, Error> {
        self.check()?;
        let method = command.identifier().to_string();
        let params = serde_json::to_value(&command).map_err(|_| Error::Malformed { method: method.clone() })?;
        let (reply, answer) = oneshot::channel();
        self.cdp
            .inner
            .requests
            .send(Request::Call { method, session: self.route.id.clone(), params, reply })
            .await
            .map_err(|_| Gone::Closed)?;
        Ok(answer)
    }

    /// Awaits the answer to a command that was handed over, or the end of the session.
    async fn settle<C: Command>(&self, method: &str, answer: oneshot::Receiver<Answer>) -> Result<C::Response, Error> {
        let answer = tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| self.check().err().unwrap_or(Gone::Closed))?,
            gone = self.ended() => return Err(gone.into()),
        };
        let value = answer.map_err(|error| refused(method, error))?;
        C::response_from_value(value).map_err(|_| Error::Malformed { method: method.to_owned() })
    }

    /// Waits until commands that were handed over are all accepted.
    pub(super) async fn confirm(&self, answers: Vec<oneshot::Receiver<Answer>>) -> Result<(), Error> {
        let all = async {
            for answer in answers {
                tokio::select! {
                    biased;
                    answer = answer => answer.map_err(|_| Gone::Closed)?.map(|_| ()).map_err(|e| refused("set-up", e))?,
                    gone = self.ended() => return Err(gone.into()),
                }
            }
            Ok(())
        };
        let timeout = Error::Timeout { method: "set-up".into(), after: COMMAND_TIMEOUT };
        tokio::time::timeout(COMMAND_TIMEOUT, all).await.unwrap_or(Err(timeout))
    }

    /// Why the session ended, once it has.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), Gone> {
        match *self.route.gone.borrow() {
            Some(gone) => Err(gone),
            None => Ok(()),
        }
    }

    /// Resolves when the session has ended.
    pub async fn ended(&self) -> Gone {
        let mut gone = self.route.gone.subscribe();
        let seen = gone.wait_for(Option::is_some).await;
        seen.ok().and_then(|gone| *gone).unwrap_or(Gone::Closed)
    }

    /// Declares the session dead: everything on it fails from now on.
    pub(super) fn abandon(&self, why: Gone) {
        self.cdp.end(&self.route, why);
    }

    /// The connection this session belongs to.
    #[must_use]
    pub fn cdp(&self) -> &Cdp {
        &self.cdp
    }

    /// The session's key in the books of a page; empty for the browser's own.
    pub(super) fn key(&self) -> &str {
        self.route.id.as_ref().map_or("", |id| id.as_ref())
    }
}
