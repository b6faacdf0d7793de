//! Placement as a pure problem, and which held browsers make room for it.

use std::collections::HashMap;

use protocol::ids::{SandboxId, TaskId};
use store::agents::Placeable;
use store::tasks::{Idle, IdleState, Queued};

/// One task to one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    pub task: TaskId,
    pub sandbox: SandboxId,
    pub epoch: i64,
}

/// Places tasks in the order given, each on the sandbox with the lowest load for its capacity. The queue's statement
/// has put users in turn; here nobody overtakes.
#[must_use]
pub fn plan(queued: &[Queued], sandboxes: &[Placeable]) -> Vec<Placement> {
    let mut sandboxes = sandboxes.to_vec();
    let mut placements = Vec::new();
    for task in queued {
        let free = sandboxes.iter_mut().filter(|sandbox| sandbox.load < sandbox.capacity);
        // load_a / capacity_a < load_b / capacity_b without fractions; the lower id decides between equals.
        let best = free.min_by(|a, b| {
            let (left, right) = (i64::from(a.load) * i64::from(b.capacity), i64::from(b.load) * i64::from(a.capacity));
            left.cmp(&right).then(a.id.cmp(&b.id))
        });
        let Some(sandbox) = best else { break };
        sandbox.load += 1;
        placements.push(Placement { task: task.id, sandbox: sandbox.id, epoch: sandbox.epoch });
    }
    placements
}

/// Held browsers to be parked so that `waiting` tasks without a place get one.
///
/// People may hold at most half of a host's places (rounded down) while somebody waits; beyond that the hold that ends
/// first is parked first, so that one the person extended is spared longest. On a host with a single place half is
/// none: its held browser makes room whenever a task waits. While nobody waits, nothing is parked: a browser that
/// nobody else needs disturbs nobody. Places that are about to be free anyway count as found.
#[must_use]
pub fn parkings(waiting: usize, idle: &[Idle]) -> Vec<TaskId> {
    let closing = idle.iter().filter(|place| place.state == IdleState::Closing).count();
    let mut wanted = waiting.saturating_sub(closing);
    let mut holding: HashMap<SandboxId, i32> = HashMap::new();
    for place in idle.iter().filter(|place| place.state != IdleState::Closing) {
        *holding.entry(place.sandbox).or_default() += 1;
    }
    let mut parked = Vec::new();
    for place in idle.iter().filter(|place| place.state == IdleState::Held) {
        let Some(held) = holding.get_mut(&place.sandbox).filter(|held| **held > place.capacity / 2) else { continue };
        if wanted == 0 {
            break;
        }
        wanted -= 1;
        *held -= 1;
        parked.push(place.task);
    }
    parked
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use protocol::ids::UserId;

    fn sandbox(load: i32, capacity: i32) -> Placeable {
        Placeable { id: SandboxId::new(), epoch: 1, capacity, load }
    }

    fn tasks(count: usize) -> Vec<Queued> {
        (0..count)
            .map(|_| Queued { id: TaskId::new(), user: UserId::new(), queued_at: Utc::now(), running: 0 })
            .collect()
    }

    #[test]
    fn the_emptiest_host_for_its_size_comes_first() {
        let (small, large) = (sandbox(1, 2), sandbox(2, 10));
        let placed: Vec<_> = plan(&tasks(4), &[small.clone(), large.clone()]).iter().map(|p| p.sandbox).collect();
        assert_eq!(placed, [large.id, large.id, large.id, small.id]);
    }

    #[test]
    fn nobody_is_placed_beyond_capacity_and_nobody_overtakes() {
        let tasks = tasks(5);
        let placed = plan(&tasks, &[sandbox(0, 2), sandbox(1, 2)]);
        let ids: Vec<_> = placed.iter().map(|p| p.task).collect();
        assert_eq!(ids, [tasks[0].id, tasks[1].id, tasks[2].id]);
    }

    #[test]
    fn without_hosts_everybody_waits() {
        assert!(plan(&tasks(2), &[]).is_empty());
    }

    fn held(sandbox: SandboxId, capacity: i32, count: usize) -> Vec<Idle> {
        let one = || Idle { task: TaskId::new(), sandbox, capacity, until: Some(Utc::now()), state: IdleState::Held };
        std::iter::repeat_with(one).take(count).collect()
    }

    #[test]
    fn held_browsers_make_room_down_to_half_of_a_hosts_places() {
        let idle = held(SandboxId::new(), 4, 4);
        assert!(parkings(0, &idle).is_empty(), "nobody waits, nobody is disturbed");
        assert_eq!(parkings(1, &idle), [idle[0].task]);
        assert_eq!(parkings(9, &idle), [idle[0].task, idle[1].task], "half may stay whoever waits");
        assert_eq!(parkings(1, &held(SandboxId::new(), 1, 1)).len(), 1, "half of one place is none");
        assert_eq!(parkings(1, &held(SandboxId::new(), 3, 1)).len(), 0);
    }

    #[test]
    fn what_is_about_to_be_free_or_cannot_be_let_go_is_counted_not_parked() {
        let mut idle = held(SandboxId::new(), 2, 2);
        idle[0].state = IdleState::Closing;
        assert!(parkings(1, &idle).is_empty());
        assert!(parkings(2, &idle).is_empty(), "one of two may be held");
        idle[0].state = IdleState::Busy;
        assert_eq!(parkings(1, &idle), [idle[1].task]);
    }

    #[test]
    fn each_host_keeps_its_own_half() {
        let (full, half) = (SandboxId::new(), SandboxId::new());
        let idle = [held(half, 2, 1), held(full, 2, 2)].concat();
        assert_eq!(parkings(2, &idle), [idle[1].task]);
    }
}
