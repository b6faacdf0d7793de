//! The live actor tree: what runs, how it gets on, what can be done about it.
//!
//! [`Inspect`] knows the infrastructure's actors and what changed lately; tasks and sandboxes are found in the core's
//! own registries. [`tree`] makes the lists that admins see, [`steer`] restarts and stops, [`watchdog`] finds what does
//! not get on and tells screens what changed. Spoken to by the router, which answers for this node, and by every
//! supervisor (starts and ends).

pub mod steer;
pub mod tree;
pub mod watchdog;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::NodeId;
use protocol::inspect::{Change, Changed, What};
use ractor::{ActorCell, ActorRef};

use crate::supervise::{InHand, Mailbox, Past, RootMsg, Shown};

/// The root's id; the parent of all infrastructure.
pub const ROOT: &str = "coordinator";
pub const JOURNAL: &str = "journal";
pub const LISTENER: &str = "listener";
pub const ROUTER: &str = "router";
pub const SANDBOXES: &str = "sandboxes";

/// The infrastructure's actors and the tree's latest changes.
#[derive(Debug)]
pub struct Inspect {
    node: NodeId,
    fixed: Mutex<BTreeMap<String, Fixed>>,
    root: Mutex<Option<ActorRef<RootMsg>>>,
    changed: Mutex<Changed>,
}

/// One actor of the infrastructure, or a part of it that is no actor.
#[derive(Debug, Clone)]
pub struct Fixed {
    pub mailbox: Arc<Mailbox>,
    /// `None` for parts that are no actors, and while an actor is between two lives.
    pub cell: Option<ActorCell>,
    /// Its place among the root's children.
    pub child: Option<usize>,
}

/// The id of the supervisor of a family of tasks.
#[must_use]
pub fn family_id(family: usize) -> String {
    format!("tasks:{family}")
}

/// The kind an id speaks of.
#[must_use]
pub fn kind_of(id: &str) -> &str {
    id.split(':').next().unwrap_or(id)
}

/// How old a message of an actor of this kind may become, and how often one that works by itself hears its own timer.
/// Each bound is longer than the longest that sound work takes; beyond it the actor is stuck.
#[must_use]
pub fn patience(kind: &str) -> (Duration, Option<Duration>) {
    let seconds = Duration::from_secs;
    match kind {
        // A commit is tried for 5 s, and a caller waits for 8 s.
        "task" | "sandbox" => (seconds(15), None),
        // A pass claims and parks many tasks; the bell rings each second at least.
        "dispatcher" => (seconds(45), Some(seconds(45))),
        // 512 due tasks, 32 at a time, 8 s each at worst.
        "wakes" => (seconds(140), Some(seconds(140))),
        // A scan each 30 s.
        "resumes" => (seconds(30), Some(seconds(90))),
        "watchdog" => (seconds(10), Some(seconds(10))),
        // A look each second, which waits for the database.
        "revocations" => (seconds(30), Some(seconds(30))),
        // A batch each hour, more often while there is more, which waits for the database.
        "retention" => (seconds(30), Some(seconds(2 * 3_600))),
        // A start of an agent's session may wait for the database; a command is delivered three times, 8 s each.
        LISTENER | ROUTER => (seconds(30), None),
        // Supervisors and the journal: work in memory, or a commit with the journal's own patience.
        _ => (seconds(15), None),
    }
}

impl Inspect {
    #[must_use]
    pub fn new(node: NodeId) -> Self {
        let inspect = Self {
            node,
            fixed: Mutex::new(BTreeMap::new()),
            root: Mutex::new(None),
            changed: Mutex::new(Changed::default()),
        };
        for (part, state) in [(JOURNAL, "committing"), (LISTENER, "listening"), (ROOT, "running")] {
            inspect.mailbox(part).show(Shown::state(state));
        }
        inspect
    }

    fn fixed(&self) -> MutexGuard<'_, BTreeMap<String, Fixed>> {
        self.fixed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mailbox of an actor of the infrastructure in its life of the moment.
    #[must_use]
    pub fn mailbox(&self, id: &str) -> Arc<Mailbox> {
        let mut fixed = self.fixed();
        if let Some(known) = fixed.get(id) {
            return Arc::clone(&known.mailbox);
        }
        let mailbox = Arc::new(Mailbox::new(Past::default()));
        fixed.insert(id.to_owned(), Fixed { mailbox: Arc::clone(&mailbox), cell: None, child: None });
        mailbox
    }

    /// An actor of the infrastructure takes a message of its own (a timer's) in hand.
    pub fn handling(&self, id: &str, kind: &'static str) -> InHand {
        let mailbox = self.mailbox(id);
        mailbox.show(Shown::state("running"));
        mailbox.handling(kind, false)
    }

    /// The root runs.
    pub fn root_started(&self, root: ActorRef<RootMsg>) {
        let _ = self.mailbox(ROOT);
        if let Some(entry) = self.fixed().get_mut(ROOT) {
            entry.cell = Some(root.get_cell());
        }
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = Some(root);
    }

    #[must_use]
    pub fn root(&self) -> Option<ActorRef<RootMsg>> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A child of the root is about to live, again if its past says so.
    pub fn child_starting(&self, id: &str, child: usize, past: Past) {
        let mailbox = Arc::new(Mailbox::new(past));
        self.fixed().insert(id.to_owned(), Fixed { mailbox, cell: None, child: Some(child) });
    }

    pub fn child_started(&self, id: &str, cell: ActorCell) {
        let mut restarted = false;
        if let Some(entry) = self.fixed().get_mut(id) {
            entry.cell = Some(cell);
            entry.mailbox.show(Shown::state("running"));
            restarted = entry.mailbox.past.restarts > 0;
        }
        self.note(id, if restarted { What::Restarted } else { What::Started }, "running");
    }

    pub fn child_ended(&self, id: &str) {
        if let Some(entry) = self.fixed().get_mut(id) {
            entry.cell = None;
            entry.mailbox.show(Shown::state("restarting"));
        }
        self.note(id, What::Stopped, "restarting");
    }

    #[must_use]
    pub fn find(&self, id: &str) -> Option<Fixed> {
        self.fixed().get(id).cloned()
    }

    /// Every entry of the infrastructure.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Fixed)> {
        self.fixed().iter().map(|(id, fixed)| (id.clone(), fixed.clone())).collect()
    }

    /// Something changed that screens show.
    pub fn note(&self, id: &str, change: What, state: &str) {
        let change = Change {
            id: id.to_owned(),
            kind: kind_of(id).to_owned(),
            node: self.node,
            change,
            state: state.to_owned(),
        };
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.merge(Changed { changes: vec![change], more: false });
    }

    /// What changed since it was last asked for.
    #[must_use]
    pub fn take_changes(&self) -> Changed {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
