//! A way out for one browser context alone, so that the connections its form could be sent over are known.
//!
//! Chromium sends a request again, POSTs included, when a connection that had been used before ends without an answer;
//! over HTTP/2 it does so when the connection was new, too. While a form is being sent ([`Way::sending`]) it therefore
//! goes out on a fresh connection, and a destination that ends a connection is held: it gets another one only when
//! whoever watches the page says that what was sent has been answered ([`Sending::release`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// For the tunnels of one context to end once they are told to. They only have to be polled.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// The tunnels of one way.
#[derive(Default)]
pub(super) struct Lane {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    tunnels: usize,
    /// Tunnels of earlier generations end.
    generation: u64,
    /// No tunnel may begin.
    paused: bool,
    /// While a form is being sent.
    window: Option<Window>,
}

#[derive(Default)]
struct Window {
    /// The generation it began with.
    id: u64,
    /// Tunnels that their origin has ended.
    ends: u64,
    /// Destinations that ended a tunnel, with the number of the latest end.
    held: HashMap<(String, u16), u64>,
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while holding a lane")
    }

    fn change<T>(&self, alter: impl FnOnce(&mut State) -> T) -> T {
        let result = alter(&mut self.state());
        self.changed.send_replace(());
        result
    }

    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            // The sender is ours, so it cannot be gone.
            let _ = changed.changed().await;
        }
    }

    /// A tunnel to a destination begins, when it may; `None` when it was held until the end of the sending.
    pub(super) async fn enter(self: &Arc<Self>, host: &str, port: u16) -> Option<Ticket> {
        let destination = (host.to_ascii_lowercase(), port);
        let mut waited = None;
        let generation = self
            .until(|state| {
                if state.paused {
                    return None;
                }
                let held = state.window.as_ref().filter(|window| window.held.contains_key(&destination));
                if let Some(window) = held {
                    waited = Some(window.id);
                    return None;
                }
                if waited.is_some_and(|id| state.window.as_ref().is_none_or(|window| window.id != id)) {
                    return Some(None);
                }
                state.tunnels += 1;
                Some(Some(state.generation))
            })
            .await?;
        Some(Ticket { lane: self.clone(), destination, generation })
    }
}

/// A tunnel's place in its lane.
pub(super) struct Ticket {
    lane: Arc<Lane>,
    destination: (String, u16),
    generation: u64,
}

impl Ticket {
    /// Resolves when the tunnel must end.
    pub(super) async fn cut(&self) {
        self.lane.until(|state| (state.generation > self.generation).then_some(())).await;
    }

    /// To be called before the browser can see that the origin has ended a tunnel in which the browser had spoken.
    pub(super) fn ended_by_origin(&self) {
        if let Some(window) = &mut self.lane.state().window {
            metrics::counter!("egress_ended_while_sending").increment(1);
            window.ends += 1;
            window.held.insert(self.destination.clone(), window.ends);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.lane.change(|state| state.tunnels -= 1);
    }
}

/// A port of the egress proxy for one browser context. Dropping it closes the port and its connections.
pub struct Way {
    pub(super) port: u16,
    pub(super) lane: Arc<Lane>,
    pub(super) open: CancellationToken,
    _close: DropGuard,
}

impl Way {
    pub(super) fn new(port: u16, open: CancellationToken) -> Self {
        Self { port, lane: Arc::default(), open: open.clone(), _close: open.drop_guard() }
    }

    /// Where the browser context's proxy is, on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A form is about to be sent: every tunnel ends, whatever it carries, and until the value is dropped destinations
    /// that end a tunnel are held. `None` when a tunnel would not end: then a click could be sent twice.
    pub async fn sending(&self) -> Option<Sending> {
        // Made first, so that whatever breaks this off undoes it.
        let sending = Sending { lane: self.lane.clone() };
        self.lane.change(|state| {
            state.generation += 1;
            state.paused = true;
            state.window = Some(Window { id: state.generation, ..Window::default() });
        });
        let ended = self.lane.until(|state| (state.tunnels == 0).then_some(()));
        tokio::time::timeout(CUT_TIMEOUT, ended).await.ok()?;
        self.lane.change(|state| state.paused = false);
        Some(sending)
    }
}

/// Lasts while a form is being sent.
pub struct Sending {
    lane: Arc<Lane>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.lane.change(|state| {
            state.paused = false;
            state.window = None;
        });
    }
}

impl Sending {
    /// How many tunnels have been ended by their origin since the sending began.
    #[must_use]
    pub fn ends(&self) -> u64 {
        self.lane.state().window.as_ref().map_or(0, |window| window.ends)
    }

    /// Lets go of the destinations held for the first `ends` ends: what was sent has been answered, as seen after them.
    pub fn release(&self, ends: u64) {
        self.lane.change(|state| {
            if let Some(window) = &mut state.window {
                window.held.retain(|_, end| *end > ends);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> Way {
        Way::new(0, CancellationToken::new())
    }

    #[tokio::test]
    async fn sending_waits_for_every_older_tunnel_to_end() {
        let way = way();
        let ticket = way.lane.enter("jobs.example", 443).await.unwrap();
        let (sending, ()) = tokio::join!(way.sending(), async {
            ticket.cut().await;
            drop(ticket);
        });
        let sending = sending.unwrap();
        let fresh = way.lane.enter("jobs.example", 443).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(1), fresh.cut()).await.is_err(), "a fresh one stays");
        drop((fresh, sending));
    }

    #[tokio::test]
    async fn a_tunnel_that_does_not_end_forbids_sending_and_nothing_more() {
        let way = way();
        let _stuck = way.lane.enter("jobs.example", 443).await.unwrap();
        assert!(way.sending().await.is_none());
        assert!(way.lane.enter("jobs.example", 443).await.is_some());
    }

    /// Whether a tunnel to the destination is refused or begins before the rest of `then` is over.
    async fn enters(way: &Way, host: &str, then: impl Future<Output = ()>) -> bool {
        let (ticket, ()) = tokio::join!(way.lane.enter(host, 443), then);
        ticket.is_some()
    }

    #[tokio::test]
    async fn who_ends_a_tunnel_is_held_until_what_was_sent_is_answered() {
        let way = way();
        let sending = way.sending().await.unwrap();
        way.lane.enter("Jobs.Example", 443).await.unwrap().ended_by_origin();
        assert!(way.lane.enter("jobs.example", 8443).await.is_some(), "another port");
        assert!(way.lane.enter("cdn.example", 443).await.is_some(), "another host");
        assert_eq!(sending.ends(), 1);
        let released = async {
            sending.release(0);
            tokio::task::yield_now().await;
            sending.release(1);
        };
        assert!(enters(&way, "jobs.example", released).await);
        way.lane.enter("jobs.example", 443).await.unwrap().ended_by_origin();
        assert!(!enters(&way, "jobs.example", async { drop(sending) }).await, "never answered");
        way.lane.enter("jobs.example", 443).await.unwrap().ended_by_origin();
        assert!(way.lane.enter("jobs.example", 443).await.is_some(), "only while a form is being sent");
    }
}
