//! The one way out: an HTTP forward proxy on loopback that every browser of this agent goes through.
//!
//! It resolves a name once, checks what it got against [`protocol::net`], and connects to exactly that: a name that
//! resolves to this host or its network the second time gains nothing, nor does a redirect. [`crate::browser`] points
//! Chromium here; [`crate::cdp`] asks here why a navigation failed.
//!
//! It also keeps Chromium from sending a form twice. When a connection that was opened earlier ends without an answer,
//! Chromium sends the request again on another, POSTs included (seen: one click, three applications). So a plain
//! request that gets no answer is answered here, with 502, and every browser context has a [`Way`] of its own, whose
//! tunnels are cut before its form is sent.
//!
//! It asks no password: Chromium cannot be given one for its proxy without answering for it in every page, and whoever
//! can connect to this host's loopback can reach the internet without us. It offers no way *into* the host, because
//! private destinations are refused to everybody.

mod forward;
mod head;
mod relay;
mod way;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use protocol::net::{AllowList, is_allowed_port, is_public};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cdp::{NetworkPath, PathFailure};

use way::Lane;
pub use way::{Sending, Way};

/// Connections at a time. A page uses about thirty; five pages and their spares stay below half of this.
const MAX_CONNECTIONS: usize = 512;
/// Failures remembered for whoever asks why a navigation failed, a moment later.
const MAX_FAILURES: usize = 512;
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);
/// For each of the resolved addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;
/// After an accept error (out of descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Failure {
    host: String,
    port: u16,
    why: PathFailure,
    at: Instant,
}

struct Shared {
    allowed: RwLock<AllowList>,
    failures: Mutex<VecDeque<Failure>>,
    /// Of all ways together.
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

/// The running proxy. Clones share it.
#[derive(Clone)]
pub struct Egress {
    port: u16,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

impl Egress {
    /// Listens on loopback; `port` 0 takes any. An agent that adopts browsers must name the port they know. What a
    /// browser does outside its contexts goes out here; each context has a [`Way`].
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(port: u16, allowed: AllowList) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            allowed: RwLock::new(allowed),
            failures: Mutex::default(),
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            stop: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, shared.clone(), Arc::default(), shared.stop.clone(), tasks.clone()));
        tasks.close();
        Ok(Self { port, shared, tasks })
    }

    /// Opens a way out for one browser context.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn way(&self) -> io::Result<Way> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let way = self.shut_way(listener.local_addr()?.port());
        self.serve(listener, &way);
        Ok(way)
    }

    /// The way out that a browser context of an earlier run knows. Nobody listens there before
    /// [`Egress::open_way`], so that nothing leaves before its page is guarded.
    #[must_use]
    pub fn shut_way(&self, port: u16) -> Way {
        Way::new(port, self.shared.stop.child_token())
    }

    /// Opens a way that is shut.
    ///
    /// # Errors
    /// When somebody else listens on its port by now: the context must not be used then.
    pub async fn open_way(&self, way: &Way) -> io::Result<()> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, way.port()))).await?;
        self.serve(listener, way);
        Ok(())
    }

    fn serve(&self, listener: TcpListener, way: &Way) {
        let (lane, open) = (way.lane.clone(), way.open.clone());
        self.tasks.spawn(accept(listener, self.shared.clone(), lane, open, self.tasks.clone()));
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Replaces the list of private destinations that are allowed. Open connections stay.
    pub fn allow(&self, list: AllowList) {
        *self.shared.allowed.write().expect("nothing panics while holding the list") = list;
    }

    /// Closes the port and every connection.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.tasks.wait().await;
    }
}

impl NetworkPath for Egress {
    fn failure(&self, host: &str, port: u16, since: Instant) -> Option<PathFailure> {
        let host = bare(host);
        let failures = self.shared.failures.lock().expect("nothing panics while holding the failures");
        failures.iter().rev().take_while(|f| f.at >= since).find(|f| f.port == port && f.host == host).map(|f| f.why)
    }
}

/// A host as failures are filed: lower case, without brackets.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    open: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = open.cancelled() => return,
        };
        let Ok((client, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = shared.places.clone().try_acquire_owned() else {
            // Closing at once is what a browser retries best.
            metrics::counter!("egress_connections_over_limit").increment(1);
            continue;
        };
        let (shared, lane, open) = (shared.clone(), lane.clone(), open.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = forward::serve(client, &shared, &lane) => {}
                () = open.cancelled() => {}
            }
            drop(place);
        });
    }
}

impl Shared {
    /// Connects to a destination if our rules allow it; files why not.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, PathFailure> {
        let connected = self.try_connect(host, port).await;
        if let Err(why) = connected {
            if why == PathFailure::Refused {
                metrics::counter!("egress_refused").increment(1);
            }
            let mut failures = self.failures.lock().expect("nothing panics while holding the failures");
            if failures.len() >= MAX_FAILURES {
                failures.pop_front();
            }
            failures.push_back(Failure { host: bare(host), port, why, at: Instant::now() });
        }
        connected
    }

    async fn try_connect(&self, host: &str, port: u16) -> Result<TcpStream, PathFailure> {
        let exempt = self.allowed.read().expect("nothing panics while holding the list").contains(host, port);
        if !exempt && !is_allowed_port(port) {
            return Err(PathFailure::Refused);
        }
        let name = bare(host);
        let resolved = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name.as_str(), port))).await;
        let addresses: Vec<SocketAddr> =
            resolved.map_err(|_| PathFailure::TimedOut)?.map_err(|_| PathFailure::Dns)?.take(64).collect();
        if addresses.is_empty() {
            return Err(PathFailure::Dns);
        }
        let permitted: Vec<_> = addresses.into_iter().filter(|a| exempt || is_public(a.ip())).collect();
        if permitted.is_empty() {
            return Err(PathFailure::Refused);
        }
        let mut last = PathFailure::Unreachable;
        for address in permitted.into_iter().take(MAX_ADDRESSES) {
            match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Interactive traffic in small pieces.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(_)) => last = PathFailure::Unreachable,
                Err(_) => last = PathFailure::TimedOut,
            }
        }
        Err(last)
    }
}
