//! Sharing the work among coordinators: who owns which shard, who plans placements, and how the nodes reach each other.
//!
//! [`owner`] renews this node's row each second and takes and gives shards; [`share`] decides which, purely;
//! [`peers`] carries messages to tasks and sandboxes of other nodes. [`Cluster`] is what the rest of the crate reads.

pub mod owner;
pub mod peers;
pub mod share;

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::NodeId;
use store::nodes::Node;
use store::shards::{SHARDS, Shard};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long an effect waits for the node's standing to be renewed before its actor gives up.
const STANDING_PATIENCE: Duration = Duration::from_secs(3);

/// Who has what, as last read.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The living owner of each shard.
    owners: Vec<Option<NodeId>>,
    pub nodes: Vec<Node>,
    pub dispatcher: Option<NodeId>,
}

impl View {
    fn new(nodes: Vec<Node>, shards: &[Shard], dispatcher: Option<NodeId>) -> Self {
        let lives = |node: &NodeId| nodes.iter().any(|known| known.id == *node);
        let mut owners = vec![None; usize::from(SHARDS)];
        for shard in shards {
            if let Some(owner) = owners.get_mut(shard.id.unsigned_abs() as usize) {
                *owner = shard.node.filter(lives);
            }
        }
        let dispatcher = dispatcher.filter(lives);
        Self { owners, nodes, dispatcher }
    }

    fn set(&mut self, shard: i16, node: Option<NodeId>) {
        if let Some(owner) = self.owners.get_mut(shard.unsigned_abs() as usize) {
            *owner = node;
        }
    }
}

/// What this node knows of the others, and of its own standing.
#[derive(Debug)]
pub struct Cluster {
    view: watch::Sender<Arc<View>>,
    /// Until when this node may act on what it holds; renewed with its row.
    standing: watch::Sender<Instant>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self { view: watch::Sender::new(Arc::default()), standing: watch::Sender::new(Instant::now()) }
    }
}

impl Cluster {
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// Told whenever a pass has read the rows.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// The living owner of a shard.
    #[must_use]
    pub fn owner(&self, shard: i16) -> Option<NodeId> {
        self.view.borrow().owners.get(shard.unsigned_abs() as usize).copied().flatten()
    }

    /// Whether this node's standing holds now: it reached the database a moment ago.
    #[must_use]
    pub fn has_standing(&self) -> bool {
        Instant::now() < *self.standing.borrow()
    }

    /// Whether this node's standing holds now, or is renewed soon. Asked before each effect: a process that was stopped
    /// for a while must not act on what others may have taken since.
    pub async fn in_good_standing(&self) -> bool {
        if self.has_standing() {
            return true;
        }
        let mut standing = self.standing.subscribe();
        let renewed = standing.wait_for(|until| Instant::now() < *until);
        matches!(tokio::time::timeout(STANDING_PATIENCE, renewed).await, Ok(Ok(_)))
    }

    pub(crate) fn set_view(&self, view: View) {
        self.view.send_replace(Arc::new(view));
    }

    pub(crate) fn set_standing(&self, until: Instant) {
        self.standing.send_replace(until);
    }
}
