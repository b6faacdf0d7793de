//! Which shards are whose, as a pure problem: every node computes the same answer from the same rows.
//!
//! Highest random weight: a shard belongs to the node with which its number hashes highest, so that a node that joins
//! or leaves moves only the shards it gains or had.

use protocol::ids::NodeId;
use sha2::{Digest as _, Sha256};
use store::nodes::Node;
use store::shards::Shard;

/// What a node is to do about the shards.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// To be taken: ours by right, and nobody who lives has them.
    pub take: Vec<i16>,
    /// To be handed over: another's by right, who lives and waits for them.
    pub give: Vec<i16>,
}

/// The node a shard belongs to, of those that live and do not leave.
#[must_use]
pub fn owner(shard: i16, nodes: &[Node]) -> Option<NodeId> {
    nodes.iter().filter(|node| !node.leaving).map(|node| node.id).max_by_key(|node| (weight(shard, *node), *node))
}

fn weight(shard: i16, node: NodeId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(shard.to_be_bytes());
    hash.update(node.0.as_bytes());
    hash.finalize().into()
}

/// What `me` is to do.
#[must_use]
pub fn share(me: NodeId, nodes: &[Node], shards: &[Shard]) -> Share {
    let mut share = Share::default();
    for shard in shards {
        let mine = owner(shard.id, nodes) == Some(me);
        let held = shard.node == Some(me);
        let lives = shard.node.is_some_and(|node| nodes.iter().any(|known| known.id == node));
        if mine && !lives {
            share.take.push(shard.id);
        } else if !mine && held {
            share.give.push(shard.id);
        }
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(leaving: bool) -> Node {
        Node { id: NodeId::new(), address: String::new(), leaving }
    }

    fn shards(node: Option<NodeId>) -> Vec<Shard> {
        (0..256).map(|id| Shard { id, node, epoch: 1 }).collect()
    }

    #[test]
    fn a_lone_node_takes_everything() {
        let me = node(false);
        let all: Vec<i16> = (0..256).collect();
        assert_eq!(share(me.id, std::slice::from_ref(&me), &shards(None)), Share { take: all.clone(), give: vec![] });
        // Of a node that is gone, too.
        let gone = Some(NodeId::new());
        assert_eq!(share(me.id, std::slice::from_ref(&me), &shards(gone)).take, all);
    }

    #[test]
    fn everybody_agrees_and_nobody_gets_nothing() {
        let nodes = [node(false), node(false), node(false)];
        let mut count = 0;
        for me in &nodes {
            let mine = share(me.id, &nodes, &shards(None)).take.len();
            assert!(mine > 50, "{mine} of 256");
            count += mine;
        }
        assert_eq!(count, 256);
    }

    #[test]
    fn what_a_living_node_holds_is_given_by_it_not_taken() {
        let (old, new) = (node(false), node(false));
        let nodes = [old.clone(), new.clone()];
        let held = shards(Some(old.id));
        let given = share(old.id, &nodes, &held);
        assert!(given.take.is_empty() && !given.give.is_empty());
        assert_eq!(share(new.id, &nodes, &held), Share::default(), "until it was given");
        let moved: Vec<i16> = (0..256).filter(|shard| owner(*shard, &nodes) == Some(new.id)).collect();
        assert_eq!(given.give, moved, "only what the new one gains moves");
    }

    #[test]
    fn a_node_that_leaves_gives_everything_and_takes_nothing() {
        let (leaver, other) = (node(true), node(false));
        let nodes = [leaver.clone(), other.clone()];
        assert_eq!(share(leaver.id, &nodes, &shards(Some(leaver.id))).give.len(), 256);
        assert_eq!(share(other.id, &nodes, &shards(None)).take.len(), 256);
        assert_eq!(share(leaver.id, &nodes, &shards(None)), Share::default());
    }
}
