//! Which held browsers make room for tasks that wait. Pure.

use std::collections::HashMap;

use protocol::ids::{SandboxId, TaskId};
use store::tasks::{Idle, IdleState};

/// Held browsers to be parked so that `waiting` tasks without a place get one.
///
/// People may hold at most half of a host's places (rounded down) while somebody waits; beyond that the hold that ends
/// first is parked first, so that one the person extended is spared longest. On a host with a single place half is
/// none: its held browser makes room whenever a task waits. While nobody waits, nothing is parked: a browser that
/// nobody else needs disturbs nobody. Places that are about to be free anyway count as found.
#[must_use]
pub(super) fn parkings(waiting: usize, idle: &[Idle]) -> Vec<TaskId> {
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
