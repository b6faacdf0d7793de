//! One agent's session: hello, then the control stream both ways until the connection ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::counter;
use protocol::clock::WallClock;
use protocol::ids::SandboxId;
use protocol::wire::message::{ControlDown, ControlUp, Hello, Refusal, Welcome};
use protocol::wire::{VERSION_MAX, VERSION_MIN, close};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Instrument as _, info, info_span, warn};

use super::accept::end;
use super::io::{self, Error};
use super::link::AgentLink;
use super::pace::{Sent, place_of};
use super::sessions::{Gone, Occasion, Refused, Sessions};
use super::{Shared, enrol, streams};
use crate::pki::Identity;

/// The core commits the epoch before it answers a hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Heartbeats are facts for an actor: no answer for this long means that the core is stuck.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an agent may take to have read why it is refused.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// A place this near is waited for without a word.
const PLACE_NEAR: Duration = Duration::from_millis(200);
/// How long a hello may wait for the database's turn before it is told to come again: what it says grows old.
const TURN_WITHIN: Duration = Duration::from_secs(1);
/// Hellos an agent may make before one is taken, early ones included.
const HELLOS_MAX: u32 = 100;
/// An agent does not ask for certificates more often: it renews at half life.
const RENEWALS_MAX_PER_TTL: u32 = 8;

/// What every task of a session knows.
pub(super) struct Context<S> {
    pub shared: Arc<Shared<S>>,
    pub connection: Connection,
    pub sandbox: SandboxId,
    pub epoch: i64,
    pub control: mpsc::Sender<ControlDown>,
    pub sent: Sent,
}

impl<S> Context<S> {
    /// Ends the session because the agent sends more of a kind than it has reason to.
    pub fn flooded(&self, kind: &'static str) {
        warn!(sandbox = %self.sandbox, kind, "a flood ends the session");
        counter!("valet_listener_floods_total", "kind" => kind).increment(1);
        self.connection.close(VarInt::from_u32(close::FLOOD), kind.as_bytes());
    }

    /// Ends the session because the agent sent what is not ours.
    pub fn malformed(&self, error: &Error) {
        warn!(sandbox = %self.sandbox, %error, "a malformed frame ends the session");
        counter!("valet_listener_malformed_total").increment(1);
        self.connection.close(VarInt::from_u32(close::MALFORMED), b"malformed");
    }
}

/// Tells the core that the session is over, whatever ends it (a panic of the task too).
struct Farewell<S: Sessions> {
    context: Arc<Context<S>>,
    why: Gone,
}

impl<S: Sessions> Drop for Farewell<S> {
    fn drop(&mut self) {
        self.context.connection.close(VarInt::from_u32(close::DONE), b"");
        self.context.shared.sessions.gone(self.context.sandbox, self.context.epoch, self.why);
    }
}

pub(super) async fn serve<S: Sessions>(connection: Connection, identity: Identity, shared: Arc<Shared<S>>) {
    let sandbox = identity.sandbox;
    let first = async {
        let (send, mut recv) = connection.accept_bi().await.map_err(|_| Error::Ended)?;
        let first = io::read::<ControlUp>(&mut recv).await?;
        Ok::<_, Error>((send, recv, first))
    };
    let (mut send, mut recv, hello) = match timeout(shared.limits.first_frame, first).await {
        Ok(Ok((send, recv, Some(ControlUp::Hello(hello))))) => (send, recv, hello),
        Ok(Err(Error::Ended)) => return end(&connection, close::DONE, "ended"),
        Ok(Ok(_) | Err(_)) => {
            counter!("valet_listener_malformed_total").increment(1);
            return end(&connection, close::MALFORMED, "malformed");
        }
        Err(_) => return end(&connection, close::TOO_SLOW, "first_frame_slow"),
    };

    let version = match version(&hello) {
        Ok(version) => version,
        Err(refused) => return refuse(&connection, &mut send, sandbox, refused).await,
    };
    let Some((hello, turn)) = admit(&shared, &connection, sandbox, hello, &mut send, &mut recv).await else { return };
    let (link, controls, works) = AgentLink::new(connection.clone(), identity);
    let (control, replies) = mpsc::channel(super::link::CONTROL_QUEUE);
    let welcome = match greet(&shared, sandbox, hello, link).await {
        Ok(welcome) => Welcome { version, ..welcome },
        Err(refused) => return refuse(&connection, &mut send, sandbox, refused).await,
    };
    drop(turn);
    let epoch = welcome.epoch;
    let context = Arc::new(Context { shared, connection, sandbox, epoch, control, sent: Sent::new() });
    let mut farewell = Farewell { context: context.clone(), why: Gone::Lost };
    let span = info_span!("agent", %sandbox, epoch);
    farewell.why = async {
        if io::write(&mut send, &ControlDown::Welcome(welcome)).await.is_err() {
            return Gone::Lost;
        }
        info!(remote = %context.connection.remote_address(), "an agent's session began");
        let why = hold(&context, identity, send, recv, controls, replies, works).await;
        info!(?why, "an agent's session ended");
        why
    }
    .instrument(span)
    .await;
}

async fn refuse(connection: &Connection, send: &mut SendStream, sandbox: SandboxId, refused: Refused) {
    info!(%sandbox, code = %refused.code, "an agent was refused");
    let code = if refused.code == Refusal::Version { close::VERSION } else { close::REFUSED };
    counter!("valet_listener_refused_total", "reason" => refused.code.as_str()).increment(1);
    say_goodbye(send, refused).await;
    connection.close(VarInt::from_u32(code), b"refused");
}

fn version(hello: &Hello) -> Result<u16, Refused> {
    let version = VERSION_MAX.min(hello.version_max);
    if version < VERSION_MIN.max(hello.version_min) {
        let message = format!(
            "this coordinator speaks protocol {VERSION_MIN} to {VERSION_MAX}, the agent {} to {}",
            hello.version_min, hello.version_max
        );
        return Err(Refused::new(Refusal::Version, message));
    }
    Ok(version)
}

/// Waits for the agent's turn; while it is far off the agent is told when to say hello again, and its place is kept.
/// Answers the latest hello, with the right to use the database for it; `None` when the connection is over.
async fn admit<S: Sessions>(
    shared: &Shared<S>,
    connection: &Connection,
    sandbox: SandboxId,
    mut hello: Hello,
    send: &mut SendStream,
    recv: &mut RecvStream,
) -> Option<(Hello, OwnedSemaphorePermit)> {
    let mut place = place_of(&shared.hello_pace, sandbox, Instant::now());
    for _ in 0..HELLOS_MAX {
        let left = place.saturating_duration_since(Instant::now());
        if left <= PLACE_NEAR {
            sleep_until(place).await;
            if let Ok(Ok(turn)) = timeout(TURN_WITHIN, shared.hellos.clone().acquire_owned()).await {
                return Some((hello, turn));
            }
            // The database is slower than the pace.
            place = place_of(&shared.hello_pace, sandbox, Instant::now());
            continue;
        }
        counter!("valet_listener_hellos_put_off_total").increment(1);
        let after_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        io::write(send, &ControlDown::Later { after_ms }).await.ok()?;
        hello = match timeout(left + shared.limits.first_frame, io::read::<ControlUp>(recv)).await {
            Ok(Ok(Some(ControlUp::Hello(hello)))) => hello,
            Ok(Ok(None) | Err(Error::Ended)) => {
                end(connection, close::DONE, "ended");
                return None;
            }
            Ok(Ok(_) | Err(_)) => {
                counter!("valet_listener_malformed_total").increment(1);
                end(connection, close::MALFORMED, "malformed");
                return None;
            }
            Err(_) => {
                end(connection, close::TOO_SLOW, "hello_slow");
                return None;
            }
        };
    }
    end(connection, close::FLOOD, "hellos");
    None
}

async fn greet<S: Sessions>(
    shared: &Shared<S>,
    sandbox: SandboxId,
    hello: Hello,
    link: AgentLink,
) -> Result<Welcome, Refused> {
    timeout(HELLO_TIMEOUT, shared.sessions.hello(sandbox, hello, link))
        .await
        .unwrap_or_else(|_| Err(Refused::new(Refusal::Busy, "no answer in time; try again")))
}

async fn say_goodbye(send: &mut SendStream, refused: Refused) {
    let message = ControlDown::Refused { code: refused.code, message: refused.message };
    if io::write(send, &message).await.is_ok() && send.finish().is_ok() {
        let _ = timeout(READ_TIMEOUT, send.stopped()).await;
    }
}

/// Runs everything of a session until one part of it ends; the rest is dropped with it.
async fn hold<S: Sessions>(
    context: &Arc<Context<S>>,
    identity: Identity,
    send: SendStream,
    recv: RecvStream,
    controls: mpsc::Receiver<ControlDown>,
    replies: mpsc::Receiver<ControlDown>,
    works: mpsc::Receiver<super::link::Work>,
) -> Gone {
    let (renewed, certificate) = tokio::sync::watch::channel(identity.not_after);
    tokio::select! {
        why = listen(context, recv, &renewed) => why,
        why = talk(context, send, controls, replies) => why,
        why = streams::accept_uploads(context) => why,
        why = streams::open_work(context, works) => why,
        () = expire(&context.shared.clock, certificate) => {
            context.connection.close(VarInt::from_u32(close::EXPIRED), b"the certificate ran out");
            Gone::Expired
        }
        error = context.connection.closed() => match error {
            quinn::ConnectionError::ApplicationClosed(_) => Gone::Closed,
            quinn::ConnectionError::LocallyClosed => Gone::Ended,
            _ => Gone::Lost,
        },
    }
}

/// Takes what comes up the control stream, in order.
async fn listen<S: Sessions>(
    context: &Context<S>,
    mut recv: RecvStream,
    renewed: &tokio::sync::watch::Sender<SystemTime>,
) -> Gone {
    let sessions = &context.shared.sessions;
    let mut renewals = Renewals::new(context.shared.limits.certificate_ttl);
    loop {
        let message = match io::read::<ControlUp>(&mut recv).await {
            Ok(Some(message)) => message,
            Ok(None) => return Gone::Closed,
            Err(Error::Ended) => return ended(context).await,
            Err(error) => {
                context.malformed(&error);
                return Gone::Malformed;
            }
        };
        if !context.sent.control.allow() {
            context.flooded("control");
            return Gone::Flooded;
        }
        let refused = match message {
            ControlUp::Heartbeat(heartbeat) => {
                let taken = sessions.heartbeat(context.sandbox, context.epoch, heartbeat);
                match timeout(HEARTBEAT_TIMEOUT, taken).await {
                    Ok(Ok(())) => {
                        if context.control.send(ControlDown::HeartbeatTaken).await.is_err() {
                            return Gone::Lost;
                        }
                        None
                    }
                    Ok(Err(refused)) => Some(refused),
                    Err(_) => Some(Refused::new(Refusal::Busy, "no answer in time; try again")),
                }
            }
            ControlUp::Draining { leases } => {
                let told = sessions.draining(context.sandbox, context.epoch, leases);
                let _ = timeout(HEARTBEAT_TIMEOUT, told).await;
                None
            }
            ControlUp::Renew { csr_der } if renewals.allow() => match renew(context, &csr_der).await {
                Ok((chain_der, not_after)) => {
                    renewed.send_replace(not_after);
                    if context.control.send(ControlDown::Renewed { chain_der }).await.is_err() {
                        return Gone::Lost;
                    }
                    None
                }
                Err(refused) => Some(refused),
            },
            ControlUp::Renew { .. } => Some(Refused::new(Refusal::Busy, "too many certificate requests")),
            ControlUp::Hello(_) => Some(Refused::new(Refusal::Malformed, "a second hello")),
        };
        if let Some(Refused { code, message }) = refused {
            // `talk` ends the session after it has been written.
            let _ = context.control.send(ControlDown::Refused { code, message }).await;
            return std::future::pending().await;
        }
    }
}

/// Waits for the connection's own end to say why, so that every part of a session answers alike.
async fn ended<S>(context: &Context<S>) -> Gone {
    let _ = timeout(READ_TIMEOUT, context.connection.closed()).await;
    match context.connection.close_reason() {
        Some(quinn::ConnectionError::ApplicationClosed(_)) => Gone::Closed,
        Some(quinn::ConnectionError::LocallyClosed) => Gone::Ended,
        _ => Gone::Lost,
    }
}

async fn renew<S: Sessions>(context: &Context<S>, csr_der: &[u8]) -> Result<(Vec<Vec<u8>>, SystemTime), Refused> {
    let signed = async {
        let chain = context.connection.peer_identity();
        let chain = chain.and_then(|chain| chain.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>().ok());
        let identity = chain
            .and_then(|chain| crate::pki::identity(&chain).ok())
            .ok_or_else(|| Refused::new(Refusal::Internal, "the session has no certificate"))?;
        context.shared.sessions.standing(identity).await?;
        enrol::sign(csr_der, context.sandbox, Occasion::Renewed, &context.shared).await
    };
    let issued = timeout(HELLO_TIMEOUT, signed)
        .await
        .unwrap_or_else(|_| Err(Refused::new(Refusal::Busy, "no answer in time; try again")))?;
    let chain = issued.chain.iter().map(|certificate| certificate.to_vec()).collect();
    Ok((chain, issued.identity.not_after))
}

/// Writes what goes down the control stream: the core's messages and our own replies.
async fn talk<S: Sessions>(
    context: &Context<S>,
    mut send: SendStream,
    mut controls: mpsc::Receiver<ControlDown>,
    mut replies: mpsc::Receiver<ControlDown>,
) -> Gone {
    loop {
        let message = tokio::select! {
            // The session's context holds a sender of replies, so they do not end before it; the core may drop its link.
            Some(message) = replies.recv() => message,
            Some(message) = controls.recv() => message,
        };
        if let ControlDown::Refused { code, message } = message {
            counter!("valet_listener_refused_total", "reason" => code.as_str()).increment(1);
            say_goodbye(&mut send, Refused { code, message }).await;
            context.connection.close(VarInt::from_u32(close::REFUSED), b"refused");
            return Gone::Ended;
        }
        match io::write(&mut send, &message).await {
            Ok(()) => {}
            Err(Error::Malformed(error)) => warn!(%error, "a control message could not be sent"),
            Err(_) => return ended(context).await,
        }
    }
}

/// Resolves when the session's certificate has run out and no newer one was given.
async fn expire(clock: &WallClock, mut certificate: tokio::sync::watch::Receiver<SystemTime>) {
    loop {
        let not_after = *certificate.borrow_and_update();
        // Measured once: what the clock jumps afterwards does not bring it nearer.
        let Ok(left) = not_after.duration_since(clock.now()) else { return };
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            changed = certificate.changed() => if changed.is_err() { return },
        }
    }
}

/// Bounds how often one session may have us sign.
struct Renewals {
    since: Instant,
    window: Duration,
    count: u32,
}

impl Renewals {
    fn new(window: Duration) -> Self {
        Self { since: Instant::now(), window, count: 0 }
    }

    fn allow(&mut self) -> bool {
        if self.since.elapsed() > self.window {
            *self = Self::new(self.window);
        }
        self.count += 1;
        self.count <= RENEWALS_MAX_PER_TTL
    }
}
