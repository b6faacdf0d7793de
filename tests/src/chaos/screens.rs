//! Each user's open screen: follows the numbered event stream and counts what is missing and what comes twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value as Json;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::Rng;
use super::client::Client;
use super::people::Crowd;

const CONNECT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);
/// Servers ping every half minute or sooner; one that is silent for longer is left.
const SILENCE: Duration = Duration::from_secs(40);
/// A person closes their laptop now and then.
const SITTING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(20));
/// For the last messages to arrive once everything rests.
const LAST: Duration = Duration::from_secs(20);

/// What one screen has seen.
#[derive(Default)]
struct Seen {
    last: AtomicI64,
    gaps: AtomicU64,
    duplicates: AtomicU64,
    connections: AtomicU64,
}

pub struct Screens {
    seen: BTreeMap<String, Arc<Seen>>,
    stop: CancellationToken,
}

/// The sum over all screens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streams {
    pub events: u64,
    pub gaps: u64,
    pub duplicates: u64,
    pub connections: u64,
}

impl Screens {
    /// Opens a screen for everybody.
    #[must_use]
    pub fn open(crowd: &Crowd, seed: u64) -> Self {
        let stop = CancellationToken::new();
        let mut seen = BTreeMap::new();
        for (index, person) in crowd.people.iter().enumerate() {
            let own = Arc::<Seen>::default();
            seen.insert(person.email.clone(), Arc::clone(&own));
            let (person, stop, rng) = (Arc::clone(person), stop.clone(), Rng::new(seed ^ (index as u64) << 32));
            tokio::spawn(async move {
                tokio::select! {
                    () = follow(&person, &own, rng) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        Self { seen, stop }
    }

    /// Waits until every screen has what the database says was told, and sums up. A screen that never gets there has a
    /// gap.
    pub async fn close(self, told: impl AsyncFn() -> BTreeMap<String, i64>) -> Streams {
        let deadline = Instant::now() + LAST;
        let mut missing;
        loop {
            let told = told().await;
            let short = |(email, seen): (&String, &Arc<Seen>)| {
                told.get(email).is_some_and(|last| *last > seen.last.load(Ordering::Relaxed))
            };
            missing = self.seen.iter().filter(|screen| short(*screen)).count() as u64;
            if missing == 0 || Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.stop.cancel();
        let sum = |of: fn(&Seen) -> u64| self.seen.values().map(|seen| of(seen)).sum::<u64>();
        Streams {
            events: sum(|seen| seen.last.load(Ordering::Relaxed).unsigned_abs()),
            gaps: sum(|seen| seen.gaps.load(Ordering::Relaxed)) + missing,
            duplicates: sum(|seen| seen.duplicates.load(Ordering::Relaxed)),
            connections: sum(|seen| seen.connections.load(Ordering::Relaxed)),
        }
    }
}

/// Connects again and again, each time after the last number seen.
async fn follow(person: &Client, seen: &Seen, mut rng: Rng) {
    loop {
        let sitting = rng.between(SITTING.0, SITTING.1);
        let (at, door) = (person.at(), person.door().replacen("http", "ws", 1));
        let since = seen.last.load(Ordering::Relaxed);
        let url = format!("{door}/api/v1/ws?token={}&since={since}", person.token());
        match timeout(CONNECT, tokio_tungstenite::connect_async(url)).await {
            Ok(Ok((mut socket, _))) => {
                seen.connections.fetch_add(1, Ordering::Relaxed);
                let until = Instant::now() + sitting;
                while let Ok(Ok(Some(Ok(message)))) =
                    tokio::time::timeout_at(until, timeout(SILENCE, socket.next())).await
                {
                    if let Message::Text(text) = message {
                        take(&text, seen);
                    }
                }
            }
            _ => person.leave(at),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn take(text: &str, seen: &Seen) {
    let Ok(message) = serde_json::from_str::<Json>(text) else { return };
    let Some(seq) = message["seq"].as_i64() else { return };
    match message["type"].as_str() {
        // Says how far the stream is; carries nothing.
        Some("hello") => {}
        // The server gave up on telling what lies between.
        Some("reset") => {
            seen.gaps.fetch_add(1, Ordering::Relaxed);
            seen.last.store(seq, Ordering::Relaxed);
        }
        _ => {
            let last = seen.last.load(Ordering::Relaxed);
            if seq <= last {
                seen.duplicates.fetch_add(1, Ordering::Relaxed);
                return;
            }
            if seq > last + 1 {
                seen.gaps.fetch_add(1, Ordering::Relaxed);
            }
            seen.last.store(seq, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_repetitions_are_counted() {
        let seen = Seen::default();
        for seq in [1, 2, 4, 4, 5] {
            take(&format!(r#"{{"type":"task_update","seq":{seq}}}"#), &seen);
        }
        take(r#"{"type":"hello","seq":9}"#, &seen);
        take(r#"{"type":"progress"}"#, &seen);
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        assert_eq!((count(&seen.gaps), count(&seen.duplicates), seen.last.into_inner()), (1, 1, 5));
    }
}
