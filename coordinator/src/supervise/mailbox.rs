//! What is known of an actor from outside: its waiting messages, what it shows of itself, what became of it before.
//!
//! ractor's mailboxes have neither bound nor depth. [`Live`] is an actor's reference that counts: senders go through
//! it, the actor says what it takes in hand ([`Mailbox::handling`]), and everybody may look. Pure but for the clock,
//! which tests pass in.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use protocol::ids::LeaseId;
use protocol::planted::{Bug, planted};
use ractor::rpc::CallResult;
use ractor::{ActorId, ActorRef, Message, RpcReplyPort};

/// Longest error kept; ours are sentences.
const ERROR_MAX: usize = 300;

/// What a message says of itself.
pub trait Letter: Message {
    /// Messages that may wait for one actor; further ones are refused.
    const WAITING_MAX: usize;

    /// Its kind, never its content.
    fn kind(&self) -> &'static str;

    /// False for what an actor sends itself (timers, results of its own work): such messages are not counted on their way.
    fn counted(&self) -> bool {
        true
    }

    /// False for the few that must get through however many wait, because nothing repeats them.
    fn bounded(&self) -> bool {
        true
    }
}

/// What an actor shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// One word.
    pub state: &'static str,
    pub lease: Option<LeaseId>,
    /// What happens by itself, and when.
    pub deadline: Option<(&'static str, DateTime<Utc>)>,
}

impl Shown {
    #[must_use]
    pub const fn state(state: &'static str) -> Self {
        Self { state, lease: None, deadline: None }
    }
}

/// What an actor's supervisor remembers of its earlier lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    pub restarts: u32,
    pub last_error: Option<Arc<str>>,
}

impl Past {
    /// Another life begins; `error` is why the last one ended, when it crashed.
    pub fn again(&mut self, error: Option<&str>) {
        self.restarts = self.restarts.saturating_add(1);
        if let Some(error) = error {
            self.last_error = Some(error[..error.floor_char_boundary(ERROR_MAX)].into());
        }
    }
}

/// The figures of one actor's life. 300 bytes while nothing waits.
#[derive(Debug)]
pub struct Mailbox {
    started: Instant,
    pub started_at: DateTime<Utc>,
    pub past: Past,
    stuck: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// When each counted message came, oldest first.
    waiting: VecDeque<Instant>,
    /// When what goes on beside the mailbox began, oldest first.
    under_way: VecDeque<Instant>,
    /// When the message in hand came.
    in_hand: Option<Instant>,
    handled: u64,
    last: Option<(&'static str, Instant)>,
    shown: Shown,
    /// A probe waits; there is never more than one.
    probed: bool,
}

/// A look at a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Messages not handled yet, the one in hand included.
    pub depth: usize,
    pub oldest: Option<Duration>,
    pub handled: u64,
    pub last: Option<(&'static str, Duration)>,
    pub shown: Shown,
}

/// The message was not taken: the actor has too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many messages wait")]
pub struct Full;

impl Mailbox {
    #[must_use]
    pub fn new(past: Past) -> Self {
        Self {
            started: Instant::now(),
            started_at: Utc::now(),
            past,
            stuck: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                waiting: VecDeque::new(),
                under_way: VecDeque::new(),
                in_hand: None,
                handled: 0,
                last: None,
                shown: Shown::state("starting"),
                probed: false,
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message is about to be sent.
    ///
    /// # Errors
    /// When `max` wait already.
    pub fn enter(&self, max: usize) -> Result<(), Full> {
        let mut inner = self.inner();
        if inner.waiting.len() >= max && !planted(Bug::Unbounded) {
            return Err(Full);
        }
        inner.waiting.push_back(Instant::now());
        Ok(())
    }

    /// The message that entered last was not sent after all.
    pub fn leave(&self) {
        self.inner().waiting.pop_back();
    }

    /// The actor takes a message in hand; it is handled when the returned value is dropped, however that comes about.
    /// `counted`: it entered before.
    pub fn handling(self: &Arc<Self>, kind: &'static str, counted: bool) -> InHand {
        let now = Instant::now();
        let mut inner = self.inner();
        let came = if counted { inner.waiting.pop_front() } else { None };
        inner.in_hand = Some(came.unwrap_or(now));
        inner.last = Some((kind, now));
        drop(inner);
        InHand(Arc::clone(self))
    }

    /// Something goes on beside the mailbox: it counts as not handled until the returned value is dropped.
    pub fn under_way(self: &Arc<Self>, kind: &'static str) -> UnderWay {
        let now = Instant::now();
        let mut inner = self.inner();
        inner.under_way.push_back(now);
        inner.last = Some((kind, now));
        drop(inner);
        UnderWay(Arc::clone(self), now)
    }

    /// Says what is to be seen; returns whether the state's word changed.
    pub fn show(&self, shown: Shown) -> bool {
        let mut inner = self.inner();
        let changed = inner.shown.state != shown.state;
        inner.shown = shown;
        changed
    }

    /// What the actor shows.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.inner().shown
    }

    /// Whether a probe may be sent: the last one was handled.
    pub fn may_probe(&self) -> bool {
        !std::mem::replace(&mut self.inner().probed, true)
    }

    /// The probe was handled, or could not be sent.
    pub fn probed(&self) {
        self.inner().probed = false;
    }

    #[must_use]
    pub fn figures(&self, now: Instant) -> Figures {
        let inner = self.inner();
        let fronts = [inner.in_hand, inner.waiting.front().copied(), inner.under_way.front().copied()];
        let oldest = fronts.into_iter().flatten().min();
        Figures {
            depth: inner.waiting.len() + inner.under_way.len() + usize::from(inner.in_hand.is_some()),
            oldest: oldest.map(|came| now.saturating_duration_since(came)),
            handled: inner.handled,
            last: inner.last.map(|(kind, at)| (kind, now.saturating_duration_since(at))),
            shown: inner.shown,
        }
    }

    /// Whether it does not get on: a message is older than `patience`, or, for one that is to hear something at least
    /// every `beat`, it has not for that long.
    #[must_use]
    pub fn overdue(&self, now: Instant, patience: Duration, beat: Option<Duration>) -> bool {
        let figures = self.figures(now);
        let silent = figures.last.map_or_else(|| now.saturating_duration_since(self.started), |(_, age)| age);
        figures.oldest.is_some_and(|age| age > patience) || beat.is_some_and(|beat| silent > beat)
    }

    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Notes the watchdog's finding; returns whether it is news.
    pub fn set_stuck(&self, stuck: bool) -> bool {
        self.stuck.swap(stuck, Ordering::Relaxed) != stuck
    }
}

/// A message in its actor's hand.
#[derive(Debug)]
pub struct InHand(Arc<Mailbox>);

impl Drop for InHand {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        inner.in_hand = None;
        inner.handled += 1;
    }
}

/// See [`Mailbox::under_way`].
#[derive(Debug)]
pub struct UnderWay(Arc<Mailbox>, Instant);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        if let Some(own) = inner.under_way.iter().position(|began| *began == self.1) {
            inner.under_way.remove(own);
        }
        inner.handled += 1;
    }
}

/// An actor and its mailbox: sending through it is counted and bounded.
#[derive(Debug)]
pub struct Live<M> {
    pub actor: ActorRef<M>,
    pub mailbox: Arc<Mailbox>,
}

impl<M> Clone for Live<M> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), mailbox: Arc::clone(&self.mailbox) }
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error(transparent)]
    Full(#[from] Full),
    #[error("the actor is gone")]
    Gone,
}

impl<M: Letter> Live<M> {
    /// # Errors
    /// When too many wait, or the actor is gone.
    pub fn cast(&self, message: M) -> Result<(), NotSent> {
        let (counted, max) = (message.counted(), if message.bounded() { M::WAITING_MAX } else { usize::MAX });
        if counted {
            self.mailbox.enter(max)?;
        }
        self.actor.cast(message).map_err(|_| {
            if counted {
                self.mailbox.leave();
            }
            NotSent::Gone
        })
    }

    /// Sends and waits for the reply.
    ///
    /// # Errors
    /// When too many wait, or the actor is gone.
    pub async fn call<R: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<R>) -> M,
        patience: Option<Duration>,
    ) -> Result<CallResult<R>, NotSent> {
        // Every message with a reply comes from another actor, so it is counted.
        self.mailbox.enter(M::WAITING_MAX)?;
        self.actor.call(message, patience).await.map_err(|_| {
            self.mailbox.leave();
            NotSent::Gone
        })
    }

    #[must_use]
    pub fn get_id(&self) -> ActorId {
        self.actor.get_id()
    }
}

/// What may be said of a crash: errors of ours say what was being done; anything else (a panic, a driver's own words)
/// may hold anything, and is in the log of the node alone.
#[must_use]
pub fn redacted(error: &ractor::ActorProcessingErr) -> String {
    if let Some(error) = error.downcast_ref::<store::StoreError>() {
        return error.to_string();
    }
    if let Some(error) = error.downcast_ref::<crate::journal::Lost>() {
        return error.to_string();
    }
    "an unexpected error; the node's log has it".to_owned()
}
