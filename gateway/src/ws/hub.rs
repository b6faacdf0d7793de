//! Who is connected, and the pump that hands the bus's messages to them.
//!
//! The bus may lose messages; the numbers in Postgres do not lie. The pump compares them for the people who are
//! connected, every two seconds and whenever it fell behind, and tells sockets that miss something to read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use protocol::ids::UserId;
use protocol::inspect::{ADMINS, Changed};
use store::bus::{Message, Signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use super::code;
use crate::app::App;

/// Sockets of one person.
const SOCKETS_MAX: usize = 20;
/// Sockets of one gateway: at 20 KB each with queues, 200 MB.
const ALL_SOCKETS_MAX: usize = 10_000;
/// Messages that may wait for one socket; a client further behind is cut off and resumes by number.
const QUEUE: usize = 256;
/// Passing figures are dropped once half the queue is taken.
const ROOM_FOR_FIGURES: usize = QUEUE / 2;
/// Changes of actors gather this long, so that a screen hears of them a few times a second however many nodes tell.
const ACTORS_EVERY: Duration = Duration::from_millis(400);
/// People asked about in one statement.
const PEOPLE_AT_ONCE: usize = 1_000;

/// What a socket is handed.
#[derive(Debug)]
pub enum Delivery {
    Numbered {
        seq: i64,
        json: Arc<str>,
    },
    Passing(Arc<str>),
    /// The stream has got this far; read what is missing.
    Behind(i64),
    Close(u16, &'static str),
}

/// One socket's place in the hub; leaves it when dropped.
#[derive(Debug)]
pub struct Seat {
    hub: Arc<Inner>,
    user: UserId,
    id: u64,
    pub queue: mpsc::Receiver<Delivery>,
    /// Cancelled when the queue ran over.
    pub slow: CancellationToken,
}

impl Seat {
    /// The highest number of this person's messages that the gateway knows of, whether or not they came here yet.
    pub fn latest(&self) -> i64 {
        self.hub.people.get(&self.user).map_or(0, |person| person.latest)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(self.user, self.id);
    }
}

#[derive(Debug)]
struct Place {
    id: u64,
    queue: mpsc::Sender<Delivery>,
    slow: CancellationToken,
    token_version: i32,
    /// An admin's screen that asked to be told of actors.
    actors: bool,
}

#[derive(Debug, Default)]
struct Person {
    places: Vec<Place>,
    /// The highest number handed to all places.
    latest: i64,
}

#[derive(Debug, Default)]
struct Inner {
    people: DashMap<UserId, Person>,
    sockets: AtomicUsize,
    /// Sockets that are told of actors.
    followers: AtomicUsize,
    next_id: AtomicU64,
    listening: AtomicBool,
}

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    inner: Arc<Inner>,
}

impl Hub {
    /// A place for one more socket; none when there are too many.
    pub fn join(&self, user: UserId, token_version: i32) -> Option<Seat> {
        let inner = &self.inner;
        if inner.sockets.load(Ordering::Relaxed) >= ALL_SOCKETS_MAX {
            return None;
        }
        let mut person = inner.people.entry(user).or_default();
        if person.places.len() >= SOCKETS_MAX {
            return None;
        }
        let id = inner.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, queue) = mpsc::channel(QUEUE);
        let slow = CancellationToken::new();
        person.places.push(Place { id, queue: sender, slow: slow.clone(), token_version, actors: false });
        drop(person);
        let open = inner.sockets.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("valet_gateway_sockets").set(open as f64);
        Some(Seat { hub: Arc::clone(inner), user, id, queue, slow })
    }

    /// Whether the pump runs.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.inner.listening.load(Ordering::Relaxed)
    }

    /// Hands messages on until told to stop. One per gateway.
    pub async fn pump(&self, app: &App, stop: CancellationToken) {
        let mut bus = app.bus.subscribe();
        let mut actors = Changed::default();
        let mut actors_tick = tokio::time::interval(ACTORS_EVERY);
        actors_tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tick = tokio::time::interval(app.options.sockets.tail);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.inner.listening.store(true, Ordering::Relaxed);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => self.compare(app).await,
                _ = actors_tick.tick() => self.inner.tell_actors(std::mem::take(&mut actors)),
                message = bus.recv() => match message {
                    Ok(Signal::Message(message)) if message.user == ADMINS => gather(&mut actors, &message),
                    Ok(Signal::Message(message)) => self.inner.deliver(&message),
                    Ok(Signal::Resync) => self.compare(app).await,
                    Err(RecvError::Lagged(lost)) => {
                        warn!(lost, "the bus ran ahead of this gateway; reading the streams' tails");
                        metrics::counter!("valet_gateway_bus_lost_total").increment(lost);
                        self.compare(app).await;
                    }
                    Err(RecvError::Closed) => break,
                },
            }
        }
        self.inner.listening.store(false, Ordering::Relaxed);
    }

    /// Compares numbers and standings with the database for everybody who is connected.
    async fn compare(&self, app: &App) {
        let people: Vec<Uuid> = self.inner.people.iter().map(|person| person.key().0).collect();
        for people in people.chunks(PEOPLE_AT_ONCE) {
            let tails = async {
                let mut tx = app.store.begin().await?;
                store::user_events::tails(&mut tx, people).await
            };
            match store::db::in_time("reading streams' tails", tails).await {
                Ok(tails) => {
                    for id in people {
                        let tail = tails.iter().find(|tail| tail.user.0 == *id);
                        self.inner.settle(UserId(*id), tail);
                    }
                }
                // Sockets stay; the next look may go well.
                Err(error) => debug!(%error, "the streams' tails could not be read"),
            }
        }
    }
}

/// What one node told joins what others did.
fn gather(actors: &mut Changed, message: &Message) {
    match serde_json::from_str(&message.json) {
        Ok(newer) => actors.merge(newer),
        Err(error) => debug!(category = ?error.classify(), "a message about actors is not understood"),
    }
}

impl Seat {
    /// Whether this screen is told of actors. Only for admins' screens.
    pub fn follow_actors(&self, on: bool) {
        if let Some(mut person) = self.hub.people.get_mut(&self.user)
            && let Some(place) = person.places.iter_mut().find(|place| place.id == self.id)
            && place.actors != on
        {
            place.actors = on;
            self.hub.count_follower(on);
        }
    }
}

impl Inner {
    fn count_follower(&self, on: bool) {
        if on {
            self.followers.fetch_add(1, Ordering::Relaxed);
        } else {
            self.followers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Tells the screens that asked for it what changed among the actors.
    fn tell_actors(&self, changed: Changed) {
        if (changed.changes.is_empty() && !changed.more) || self.followers.load(Ordering::Relaxed) == 0 {
            return;
        }
        let body = serde_json::json!({
            "type": "actors_changed",
            "at": crate::dates::Date(chrono::Utc::now()),
            "more": changed.more,
            "changes": changed.changes,
        });
        let json: Arc<str> = body.to_string().into();
        for person in &self.people {
            for place in person.places.iter().filter(|place| place.actors) {
                place.pass(&json);
            }
        }
    }

    fn deliver(&self, message: &Message) {
        let Some(mut person) = self.people.get_mut(&message.user) else { return };
        match message.seq {
            Some(seq) => {
                person.latest = person.latest.max(seq);
                for place in &person.places {
                    place.hand(Delivery::Numbered { seq, json: Arc::clone(&message.json) });
                }
            }
            None => {
                for place in &person.places {
                    place.pass(&message.json);
                }
            }
        }
    }

    /// Cuts off those who may no longer listen and wakes those who miss something.
    fn settle(&self, user: UserId, tail: Option<&store::user_events::Tail>) {
        let Some(mut person) = self.people.get_mut(&user) else { return };
        let Some(tail) = tail.filter(|tail| tail.is_active) else {
            person.places.iter().for_each(|place| place.hand(Delivery::Close(code::UNAUTHORIZED, "Account closed")));
            return;
        };
        for place in person.places.iter().filter(|place| place.token_version != tail.token_version) {
            place.hand(Delivery::Close(code::UNAUTHORIZED, "Token revoked"));
        }
        if !tail.is_admin {
            for place in person.places.iter_mut().filter(|place| place.actors) {
                place.actors = false;
                self.count_follower(false);
            }
        }
        if tail.last_seq > person.latest {
            person.latest = tail.last_seq;
            person.places.iter().for_each(|place| place.hand(Delivery::Behind(tail.last_seq)));
        }
    }

    fn leave(&self, user: UserId, id: u64) {
        if let Some(mut person) = self.people.get_mut(&user) {
            person.places.retain(|place| {
                if place.id == id && place.actors {
                    self.count_follower(false);
                }
                place.id != id
            });
        }
        self.people.remove_if(&user, |_, person| person.places.is_empty());
        let open = self.sockets.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!("valet_gateway_sockets").set(open as f64);
    }
}

impl Place {
    /// Hands on a passing message while there is room for those that matter more.
    fn pass(&self, json: &Arc<str>) {
        if self.queue.capacity() > ROOM_FOR_FIGURES {
            self.hand(Delivery::Passing(Arc::clone(json)));
        }
    }

    fn hand(&self, delivery: Delivery) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(delivery) {
            self.slow.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(user: UserId, seq: Option<i64>) -> Message {
        Message { user, seq, json: Arc::from("{}") }
    }

    #[test]
    fn a_person_has_so_many_sockets_and_no_more() {
        let (hub, user) = (Hub::default(), UserId::new());
        let seats: Vec<Seat> = (0..SOCKETS_MAX).map(|_| hub.join(user, 0).unwrap()).collect();
        assert!(hub.join(user, 0).is_none());
        assert!(hub.join(UserId::new(), 0).is_some());
        drop(seats);
        assert!(hub.join(user, 0).is_some());
        assert!(!hub.inner.people.iter().any(|person| person.places.is_empty()));
    }

    #[test]
    fn figures_are_dropped_before_messages_and_a_full_queue_cuts_off() {
        let (hub, user) = (Hub::default(), UserId::new());
        let seat = hub.join(user, 0).unwrap();
        for _ in 0..QUEUE * 2 {
            hub.inner.deliver(&message(user, None));
        }
        assert_eq!(seat.queue.len(), QUEUE - ROOM_FOR_FIGURES);
        assert!(!seat.slow.is_cancelled());
        for seq in 1..=QUEUE as i64 {
            hub.inner.deliver(&message(user, Some(seq)));
        }
        assert!(seat.slow.is_cancelled());
    }

    #[test]
    fn a_revoked_token_closes_and_a_further_tail_wakes() {
        let (hub, user) = (Hub::default(), UserId::new());
        let (mut old, mut new) = (hub.join(user, 0).unwrap(), hub.join(user, 1).unwrap());
        let tail = store::user_events::Tail { user, last_seq: 7, is_active: true, is_admin: false, token_version: 1 };
        hub.inner.settle(user, Some(&tail));
        assert!(matches!(old.queue.try_recv(), Ok(Delivery::Close(code::UNAUTHORIZED, _))));
        assert!(matches!(new.queue.try_recv(), Ok(Delivery::Behind(7))));
        hub.inner.settle(user, Some(&tail));
        assert!(new.queue.try_recv().is_err());
    }
}
