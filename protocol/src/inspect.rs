//! The live actor tree, as gateways ask for it and as admins' screens are told of it.
//!
//! An [`Ask`] goes to every router of the group [`crate::cluster::ROUTERS`] inside a [`Request`]; each node answers for
//! its own actors and the asker merges. Payloads name kinds of messages, never what is in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{LeaseId, NodeId, SandboxId, TaskId, UserId};

/// Whom the bus's messages about actors are addressed to: no person, but every admin's screen that asked for them.
pub const ADMINS: UserId = UserId(Uuid::nil());

/// Actors in one answer at most. At 300 bytes each this is far below the largest message.
pub const PAGE_MAX: usize = 200;
/// Changes in one [`Changed`]; beyond it the screen is told to fetch the list again.
pub const CHANGES_MAX: usize = 200;

/// The state shown of an actor that does not get on with its messages.
pub const STUCK: &str = "stuck";

/// Who asks, and what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The admin; none for the node's own watchdog, which only probes.
    pub caller: Option<Caller>,
    pub ask: Ask,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub user: UserId,
    pub role: String,
}

impl Caller {
    /// Whether the role may see and steer actors.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self.role.as_str(), "admin" | "superadmin")
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Ask {
    /// One page of the node's actors.
    List(Filter),
    /// One actor.
    One { id: String },
    /// Restart or stop one actor of this node; the others answer [`Reply::NotHere`].
    Steer { id: String, order: Order, node: NodeId },
    /// A drain or its end was committed: the sandbox's actor is to read its row.
    Drained { sandbox: SandboxId },
    /// Puts a message that asks nothing into these mailboxes: whether it is handled in time is what counts.
    Probe { tasks: Vec<TaskId>, sandboxes: Vec<SandboxId> },
}

/// Which actors, in the order of [`key`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub kind: Option<String>,
    pub state: Option<String>,
    /// Only those after this [`Actor::place`].
    pub after: Option<String>,
    /// At most so many; more than [`PAGE_MAX`] count as that.
    pub limit: usize,
}

crate::named_enum! {
    pub enum Order {
        /// The actor ends and its supervisor starts it again, from its row.
        Restart = "restart",
        /// The actor leaves memory; a message or a deadline brings it back.
        Stop = "stop",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub node: NodeId,
    pub reply: Reply,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    List(Listing),
    /// `None`: it does not live on this node.
    One(Option<Box<Actor>>),
    /// The order was carried out.
    Steered,
    /// The probe was delivered, or the sandbox's actor told.
    Done,
    /// There is no such actor on this node.
    NotHere,
    /// The order is not for actors of this kind, with the reason for the admin.
    Conflict(String),
    /// The caller may not.
    Forbidden,
}

/// A page of actors with the figures of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub actors: Vec<Actor>,
    /// More follow after the last.
    pub more: bool,
    /// Per kind, whatever the filter.
    pub counts: BTreeMap<String, Count>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub total: u32,
    pub stuck: u32,
}

/// One actor as of now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `task:<id>`, `sandbox:<id>`, `tasks:<family>`, or the kind alone. Unique within a node.
    pub id: String,
    pub kind: String,
    pub parent: Option<String>,
    pub node: NodeId,
    /// One word; [`STUCK`] when it does not get on.
    pub state: String,
    /// Messages not handled yet, the one in hand included.
    pub depth: u32,
    /// Age of the oldest of them, in milliseconds.
    pub oldest_ms: Option<u64>,
    pub handled: u64,
    /// Milliseconds since the epoch.
    pub started_at_ms: i64,
    /// Crashes and restarts on request since its supervisor knows it.
    pub restarts: u32,
    /// Kind of the last message, never its content.
    pub last_message: Option<String>,
    pub last_message_ms: Option<u64>,
    /// Why it was last restarted, without anything personal.
    pub last_error: Option<String>,
    pub lease: Option<LeaseId>,
    pub deadline: Option<Deadline>,
}

/// When something is to happen by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    pub what: String,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
}

impl Actor {
    /// What pages are ordered by and continued at.
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.id, self.node)
    }
}

/// See [`Actor::place`].
#[must_use]
pub fn place(id: &str, node: NodeId) -> String {
    format!("{id}@{node}")
}

/// Lists put the few infrastructure actors before the many others.
#[must_use]
pub fn key(place: &str) -> (u8, &str) {
    let rank = match place.split([':', '@']).next() {
        Some("task") => 2,
        Some("sandbox") => 1,
        _ => 0,
    };
    (rank, place)
}

/// What changed in the tree lately, each actor once. A passing message: nothing is numbered or kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub changes: Vec<Change>,
    /// There were more than fit: fetch the list again.
    pub more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub id: String,
    pub kind: String,
    pub node: NodeId,
    pub change: What,
    pub state: String,
}

crate::named_enum! {
    pub enum What {
        Started = "started",
        Stopped = "stopped",
        Restarted = "restarted",
        Stuck = "stuck",
        /// It gets on again.
        Recovered = "recovered",
        State = "state",
    }
}

impl Changed {
    /// Takes another's changes in; a newer change of an actor replaces its older one.
    pub fn merge(&mut self, newer: Self) {
        self.more |= newer.more;
        for change in newer.changes {
            match self.changes.iter().position(|known| known.id == change.id && known.node == change.node) {
                Some(known) => self.changes[known] = change,
                None if self.changes.len() < CHANGES_MAX => self.changes.push(change),
                None => self.more = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str, node: NodeId, state: &str) -> Change {
        Change { id: id.to_owned(), kind: "task".to_owned(), node, change: What::State, state: state.to_owned() }
    }

    #[test]
    fn infrastructure_comes_first_and_tasks_last() {
        let node = NodeId::new();
        let mut places = ["task:1", "wakes", "sandbox:9", "tasks:3", "task:0"].map(|id| place(id, node));
        places.sort_by(|a, b| key(a).cmp(&key(b)));
        let ids = places.each_ref().map(|place| place.split('@').next().unwrap());
        assert_eq!(ids, ["tasks:3", "wakes", "sandbox:9", "task:0", "task:1"]);
    }

    #[test]
    fn the_newest_change_of_an_actor_counts_and_a_flood_is_cut() {
        let (here, there) = (NodeId::new(), NodeId::new());
        let mut all = Changed::default();
        let changes = vec![change("task:1", here, "queued"), change("task:1", there, "queued")];
        all.merge(Changed { changes, more: false });
        all.merge(Changed { changes: vec![change("task:1", here, "running")], more: false });
        let states: Vec<_> = all.changes.iter().map(|change| change.state.as_str()).collect();
        assert_eq!((states, all.more), (vec!["running", "queued"], false));
        let flood = (0..=CHANGES_MAX).map(|n| change(&format!("task:{n}x"), here, "queued")).collect();
        all.merge(Changed { changes: flood, more: false });
        assert_eq!((all.changes.len(), all.more), (CHANGES_MAX, true));
    }
}
