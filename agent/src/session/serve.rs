//! One session: hello, heartbeats, renewal, and the end. The streams that come down are [`super::streams`]'s.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::clock::WallClock;
use protocol::wire::message::{AgentSettings, ControlDown, ControlUp, Heartbeat, Hello, Refusal, Welcome};
use protocol::wire::{VERSION_MAX, VERSION_MIN, close};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::clock::{LeaseClock, Moment};
use super::host::Host;
use super::streams::{accept_files, accept_jobs};
use super::uplink::{Answer, Uplink};
use super::{Ended, GOODBYE_TIMEOUT, announce, dial, io};
use crate::config::Config;
use crate::identity::{Identity, NewKey};
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::page::Browsers;

/// For the coordinator to answer a hello: it asks its database.
const HELLO_TIMEOUT: Duration = Duration::from_secs(15);
/// Hellos on one connection before it is given up, and the longest pause between two: 20,000 agents are welcomed within
/// a minute.
const HELLOS_MAX: usize = 20;
const LATER_MAX: Duration = Duration::from_secs(120);
/// Heartbeats without an answer before no more are sent: the connection is about to be given up.
const UNANSWERED_MAX: usize = 64;
const CONTROL_QUEUE: usize = 32;
/// Bounds of what the coordinator may ask for.
const HEARTBEAT_MIN: Duration = Duration::from_millis(50);
const HEARTBEAT_MAX: Duration = Duration::from_secs(60);
/// No more often than this is a certificate asked for.
const RENEWAL_MIN: Duration = Duration::from_millis(500);
/// How long jobs may go on after the agent was told to stop: what is being sent now should be seen through.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What lasts from session to session.
pub(super) struct Sessions<'a, B> {
    pub config: &'a Config,
    pub ledger: &'a Arc<Ledger>,
    pub settings: &'a watch::Sender<AgentSettings>,
    pub wall: &'a WallClock,
    pub jobs: &'a Jobs<B>,
    pub uplink: &'a Uplink,
    pub clock: &'a LeaseClock,
    pub identity: Identity,
    /// This start of the process.
    pub boot: uuid::Uuid,
    /// The highest epoch obeyed.
    pub epoch: i64,
    /// Which coordinator is tried first: the one that answered last, or the one after it.
    pub coordinator: usize,
    pub host: Host,
    pub announced: bool,
}

impl<B: Browsers> Sessions<'_, B> {
    /// One connection, from dialling to its end.
    pub async fn one(&mut self, stop: &CancellationToken) -> Ended {
        let config = match dial::session_config(&self.identity, self.wall) {
            Ok(config) => config,
            Err(error) => return lost(&error),
        };
        let dialled = dial::connect(config, &self.config.coordinators, &self.config.server_name, self.coordinator);
        let (connection, endpoint) = match stop.run_until_cancelled(dialled).await {
            None => return Ended::Stopped,
            Some(Ok((connection, endpoint, coordinator))) => {
                self.coordinator = coordinator;
                (connection, endpoint)
            }
            Some(Err(error)) => {
                self.coordinator = 0;
                if matches!(&error, dial::Error::Refused { source, .. } if dial::is_lapsed(source)) {
                    return lapsed(&error);
                }
                let ended = lost(&error);
                let turned_away = matches!(&error, dial::Error::Refused { source, .. } if dial::is_turned_away(source));
                return if turned_away { Ended::TurnedAway } else { ended };
            }
        };
        let ended = match stop.run_until_cancelled(self.greet(&connection)).await {
            None => Ended::Stopped,
            Some(Err(ended)) => ended,
            Some(Ok((send, recv, settings))) => {
                self.uplink.set(Some(connection.clone()));
                let ended = self.serve(&connection, send, recv, &settings, stop).await;
                self.uplink.set(None);
                ended
            }
        };
        if connection.close_reason().is_some_and(|reason| dial::is_unable(&reason)) {
            // What this coordinator cannot do, the next one may.
            self.coordinator += 1;
        }
        let ended = match connection.close_reason() {
            Some(reason) if dial::is_lapsed(&reason) && matches!(ended, Ended::Lost) => lapsed(&reason),
            Some(reason) => {
                info!(%reason, "the connection ended");
                ended
            }
            None => ended,
        };
        let code = if matches!(ended, Ended::Stopped) { close::GOING_DOWN } else { close::DONE };
        connection.close(VarInt::from_u32(code), b"");
        let _ = timeout(GOODBYE_TIMEOUT, endpoint.wait_idle()).await;
        ended
    }

    /// Says hello until it is welcome: while too many do, the coordinator says when to say it again.
    async fn greet(&mut self, connection: &Connection) -> Result<(SendStream, RecvStream, AgentSettings), Ended> {
        let (mut send, mut recv) = connection.open_bi().await.map_err(|error| lost(&error))?;
        for _ in 0..HELLOS_MAX {
            let hello = timeout(HELLO_TIMEOUT, self.hello(connection, &mut send, &mut recv));
            match hello.await.unwrap_or(Err(Ended::Lost))? {
                Hail::Welcome(settings) => return Ok((send, recv, settings)),
                Hail::Later(after) => {
                    info!(after_ms = after.as_millis() as u64, "the coordinator is busy: saying hello again later");
                    metrics::counter!("valet_agent_put_off_total").increment(1);
                    tokio::select! {
                        () = tokio::time::sleep(after.min(LATER_MAX)) => {}
                        reason = connection.closed() => return Err(lost(&reason)),
                    }
                }
            }
        }
        Err(lost(&"put off too often"))
    }

    async fn hello(
        &mut self,
        connection: &Connection,
        send: &mut SendStream,
        recv: &mut RecvStream,
    ) -> Result<Hail, Ended> {
        let sent = Moment::now();
        let hello = ControlUp::Hello(Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            boot: self.boot,
            capacity: self.config.capacity,
            engine: "chromium".to_owned(),
            host: self.figures(),
            leases: self.jobs.held(),
            permits: self.ledger.recent_permits(),
        });
        io::write(send, &hello).await.map_err(|error| lost(&error))?;
        match io::read::<ControlDown>(recv).await {
            Ok(Some(ControlDown::Welcome(welcome))) => self.welcomed(welcome, sent).map(Hail::Welcome),
            Ok(Some(ControlDown::Later { after_ms })) => Ok(Hail::Later(Duration::from_millis(after_ms.into()))),
            Ok(Some(ControlDown::Refused { code, message })) => Err(Ended::Refused { code, message }),
            Ok(_) => Err(malformed(connection, &"no welcome")),
            Err(io::Error::Ended) => Err(Ended::Lost),
            Err(error) => Err(malformed(connection, &error)),
        }
    }

    fn welcomed(&mut self, welcome: Welcome, hello_sent: Moment) -> Result<AgentSettings, Ended> {
        let Welcome { version, sandbox, epoch, settings } = welcome;
        if !(VERSION_MIN..=VERSION_MAX).contains(&version) || sandbox != self.identity.sandbox() {
            let message = "the welcome is for another version or sandbox".to_owned();
            return Err(Ended::Refused { code: Refusal::Version, message });
        }
        if epoch <= self.epoch {
            let message = format!("the session's epoch {epoch} is not after {}", self.epoch);
            return Err(Ended::Refused { code: Refusal::Busy, message });
        }
        self.epoch = epoch;
        self.clock.extend(hello_sent, ttl(&settings));
        self.settings.send_replace(settings.clone());
        info!(%sandbox, epoch, "welcomed by the coordinator");
        if !std::mem::replace(&mut self.announced, true) {
            announce(self.config, sandbox);
        }
        Ok(settings)
    }

    fn figures(&mut self) -> protocol::wire::message::HostFigures {
        self.host.measure(self.ledger.processes().len(), self.jobs.pages())
    }

    async fn serve(
        &mut self,
        connection: &Connection,
        send: SendStream,
        recv: RecvStream,
        settings: &AgentSettings,
        stop: &CancellationToken,
    ) -> Ended {
        let (control, queue) = mpsc::channel(CONTROL_QUEUE);
        let beats = Beats::default();
        let (renewals, renewed) = mpsc::channel(1);
        let jobs = self.jobs;
        let listen = Listen {
            connection,
            jobs,
            uplink: self.uplink,
            clock: self.clock,
            beats: &beats,
            ttl: ttl(settings),
            renewals,
        };
        tokio::select! {
            ended = write_control(send, queue) => ended,
            ended = listen.run(recv) => ended,
            ended = accept_jobs(connection, jobs) => ended,
            ended = accept_files(connection, jobs) => ended,
            ended = self.beat_and_renew(settings, &beats, &control, renewed) => ended,
            ended = drain(jobs, &control, stop) => ended,
            reason = connection.closed() => lost(&reason),
        }
    }

    /// Sends heartbeats, and certificate requests at half life.
    async fn beat_and_renew(
        &mut self,
        settings: &AgentSettings,
        beats: &Beats,
        control: &mpsc::Sender<ControlUp>,
        mut renewed: mpsc::Receiver<Vec<Vec<u8>>>,
    ) -> Ended {
        let pause = |busy| {
            let ms = if busy { settings.heartbeat_busy_ms } else { settings.heartbeat_idle_ms };
            Duration::from_millis(ms.into()).clamp(HEARTBEAT_MIN, HEARTBEAT_MAX)
        };
        let mut jobs = self.jobs.subscribe();
        let mut next_beat = Instant::now();
        let mut renew_at = Instant::now() + self.identity.half_life(self.wall.now());
        let mut key = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next_beat) => {
                    let heartbeat = Heartbeat { leases: self.jobs.leases(), host: self.figures() };
                    next_beat = Instant::now() + pause(!heartbeat.leases.is_empty());
                    if beats.sent() && control.send(ControlUp::Heartbeat(heartbeat)).await.is_err() {
                        return Ended::Lost;
                    }
                }
                // A job that begins makes the next heartbeat due sooner.
                Ok(()) = jobs.changed() => {
                    next_beat = next_beat.min(Instant::now() + pause(!self.jobs.leases().is_empty()));
                }
                () = tokio::time::sleep_until(renew_at) => {
                    renew_at = Instant::now() + self.identity.half_life(self.wall.now()).max(RENEWAL_MIN);
                    match NewKey::generate() {
                        Ok(new) => {
                            let csr_der = new.csr().to_vec();
                            key = Some(new);
                            if control.send(ControlUp::Renew { csr_der }).await.is_err() {
                                return Ended::Lost;
                            }
                        }
                        Err(error) => warn!(%error, "no new key could be made"),
                    }
                }
                Some(chain) = renewed.recv() => {
                    let Some(key) = key.take() else { continue };
                    match key.certified(chain, self.identity.authority().to_vec()) {
                        Ok(identity) => {
                            if let Err(error) = identity.store(&self.config.data_dir) {
                                warn!(%error, "the new certificate could not be stored");
                            }
                            info!("the certificate was renewed");
                            self.identity = identity;
                            renew_at = Instant::now() + self.identity.half_life(self.wall.now()).max(RENEWAL_MIN);
                        }
                        Err(error) => warn!(%error, "the new certificate cannot be used"),
                    }
                }
            }
        }
    }
}

/// The answer to a hello.
enum Hail {
    Welcome(AgentSettings),
    Later(Duration),
}

/// When the heartbeats that are not answered yet were sent.
#[derive(Default)]
struct Beats(Mutex<VecDeque<Moment>>);

impl Beats {
    /// False when too many wait for an answer: no more are sent.
    fn sent(&self) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = waiting.len() < UNANSWERED_MAX;
        if room {
            waiting.push_back(Moment::now());
        }
        room
    }

    fn answered(&self) -> Option<Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// The control stream down.
struct Listen<'a, B> {
    connection: &'a Connection,
    jobs: &'a Jobs<B>,
    uplink: &'a Uplink,
    clock: &'a LeaseClock,
    beats: &'a Beats,
    ttl: Duration,
    renewals: mpsc::Sender<Vec<Vec<u8>>>,
}

impl<B: Browsers> Listen<'_, B> {
    async fn run(self, mut recv: RecvStream) -> Ended {
        loop {
            let message = match io::read::<ControlDown>(&mut recv).await {
                Ok(Some(message)) => message,
                // The end of the connection says why.
                Ok(None) | Err(io::Error::Ended | io::Error::Truncated) => {
                    return lost(&self.connection.closed().await);
                }
                Err(error) => return malformed(self.connection, &error),
            };
            match message {
                ControlDown::HeartbeatTaken => match self.beats.answered() {
                    Some(sent) => self.clock.extend(sent, self.ttl),
                    None => return malformed(self.connection, &"an answer to no heartbeat"),
                },
                ControlDown::Release { leases } => leases.into_iter().for_each(|lease| self.jobs.release(lease)),
                // The coordinator gives no more work; what is held is its to end.
                ControlDown::Drain { reason } => info!(reason, "the coordinator drains this host"),
                ControlDown::Renewed { chain_der } => {
                    // One request is outstanding at a time, so there is room.
                    let _ = self.renewals.try_send(chain_der);
                }
                ControlDown::ArtifactStored { artifact } => self.uplink.answer(artifact, Answer::Stored),
                ControlDown::ArtifactRefused { artifact, again } => {
                    self.uplink.answer(artifact, Answer::Refused { again });
                }
                ControlDown::Refused { code, message } => return Ended::Refused { code, message },
                ControlDown::Welcome(_) | ControlDown::Later { .. } => {
                    return malformed(self.connection, &"a second welcome");
                }
            }
        }
    }
}

async fn write_control(mut send: SendStream, mut queue: mpsc::Receiver<ControlUp>) -> Ended {
    while let Some(message) = queue.recv().await {
        if let Err(error) = io::write(&mut send, &message).await {
            return lost(&error);
        }
    }
    Ended::Lost
}

/// When told to stop: says so, lets jobs end for a bounded time.
async fn drain<B: Browsers>(jobs: &Jobs<B>, control: &mpsc::Sender<ControlUp>, stop: &CancellationToken) -> Ended {
    stop.cancelled().await;
    let leases = jobs.leases();
    info!(leases = leases.len(), "draining");
    let waits = !leases.is_empty();
    let _ = control.send(ControlUp::Draining { leases }).await;
    if waits && timeout(DRAIN_TIMEOUT, jobs.idle()).await.is_err() {
        warn!("jobs were still open when the time to drain was over");
    }
    Ended::Stopped
}

fn ttl(settings: &AgentSettings) -> Duration {
    Duration::from_millis(settings.lease_ttl_ms.into())
}

fn lapsed(error: &dyn std::fmt::Display) -> Ended {
    warn!(%error, "the certificate is not good at the coordinator's date");
    Ended::Lapsed
}

pub(super) fn lost(error: &dyn std::fmt::Display) -> Ended {
    warn!(%error, "no session with the coordinator");
    Ended::Lost
}

pub(super) fn malformed(connection: &Connection, error: &dyn std::fmt::Display) -> Ended {
    warn!(%error, "the coordinator sent what is not ours");
    metrics::counter!("valet_agent_malformed_total").increment(1);
    connection.close(VarInt::from_u32(close::MALFORMED), b"malformed");
    Ended::Lost
}
