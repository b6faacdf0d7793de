//! Coordinators: what each believes to own, and the task actors it has in memory.

use std::sync::Arc;

use coordinator::share;
use coordinator::task::machine::Live;
use protocol::ids::NodeId;
use store::shards::Shard;

/// Fewer than in earnest: each costs hashing, and has tasks of its own here as well.
pub const SHARDS: usize = 16;

pub struct Node {
    pub id: NodeId,
    /// It renews its row, and takes what is sent to it. One that does not may still have actors that believe otherwise.
    pub lives: bool,
    /// The epoch under which it believes to hold each shard.
    pub held: [Option<i64>; SHARDS],
    pub actors: Vec<Option<Actor>>,
}

#[derive(Clone)]
pub struct Actor {
    pub live: Arc<Live>,
    pub shard: usize,
}

impl Node {
    pub fn new(id: NodeId, rows: usize) -> Self {
        Self { id, lives: true, held: [None; SHARDS], actors: vec![None; rows] }
    }

    /// Nothing it had in memory is left.
    pub fn forget(&mut self) {
        self.held = [None; SHARDS];
        self.actors.fill(None);
    }

    /// The pass of its owner actor: gives what is another's by right, takes what is its own and free, and believes what
    /// the rows say. The statement that takes looks whether the owner lives, as [`store::shards::take`] does. True when
    /// that changed anything.
    pub fn renew(&mut self, living: &[store::nodes::Node], shards: &mut [Shard]) -> bool {
        let before = self.held;
        let todo = share::share(self.id, living, shards);
        let moves = !todo.give.is_empty() || !todo.take.is_empty();
        for id in todo.give {
            shards[id as usize].node = None;
        }
        for id in todo.take {
            let shard = &mut shards[id as usize];
            assert!(shard.node.is_none_or(|owner| living.iter().all(|node| node.id != owner)), "taken from the living");
            (shard.node, shard.epoch) = (Some(self.id), shard.epoch + 1);
        }
        for (held, shard) in self.held.iter_mut().zip(&*shards) {
            let now = (shard.node == Some(self.id)).then_some(shard.epoch);
            if *held != now {
                // Its actors end with the epoch they were adopted under.
                for actor in &mut self.actors {
                    *actor = actor.take().filter(|actor| actor.shard != shard.id as usize);
                }
            }
            *held = now;
        }
        moves || self.held != before
    }
}

pub fn check_owners(nodes: &[Node], shards: &[Shard]) {
    for (index, shard) in shards.iter().enumerate() {
        let owners = nodes.iter().filter(|node| node.held[index] == Some(shard.epoch)).count();
        assert!(owners <= 1, "a shard has {owners} owners under one epoch");
    }
}
