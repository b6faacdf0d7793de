//! Who gets which place next. Pure: facts go in, placements come out.
//!
//! People take turns (a ring per need, that is, per engine and tags asked for): at their turn they get as many places as
//! their subscription weighs, of their oldest task whose site has room. Who is at their cap, or has tasks for busy sites
//! only, leaves the ring and comes back when that changes; nobody is looked at in vain twice, so a decision costs the same
//! with ten people waiting and with a hundred thousand. Those who waited for a site and the ring are served alternately:
//! neither starves the other.
//!
//! The rows are the truth. A task that was planned counts as placed until the facts say what became of it; a plan from
//! stale facts is refused by the claim, and the task waits on.

mod facts;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, TaskId, UserId};
use store::journal::USER_CAP;

use super::hosts::{Hosts, Need, Place};
use super::sites::Sites;

/// Tasks of one person being worked on at once.
const CAP: u32 = USER_CAP as u32;

/// One task to one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    pub task: TaskId,
    pub sandbox: SandboxId,
    pub epoch: i64,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// Taken or refused: the facts say which.
    Answered,
    /// There is no such task.
    Gone,
    /// Nobody knows, or the task could not answer: it is passed over until then, else it would take the only free place
    /// in every plan.
    Failed { until: DateTime<Utc> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not before this instant.
    Later(DateTime<Utc>),
    Ready,
    /// Planned at this instant.
    Planned {
        sandbox: SandboxId,
        at: DateTime<Utc>,
    },
    Placed {
        running: bool,
    },
}

impl State {
    /// It counts against its person's cap and its site's.
    fn is_running(self) -> bool {
        matches!(self, Self::Planned { .. } | Self::Placed { running: true, .. })
    }
}

#[derive(Debug)]
struct Known {
    user: UserId,
    need: usize,
    site: Option<Arc<str>>,
    profile_host: Option<SandboxId>,
    failed_host: Option<SandboxId>,
    /// The order among the person's own.
    since: DateTime<Utc>,
    /// When it was placed last, as far as the facts tell: another instant than before means that a claim was taken.
    placed_at: Option<DateTime<Utc>>,
    /// The facts say that the claim on its way was taken, and that the task waits again since.
    began: bool,
    state: State,
}

/// Somebody's ready tasks of one need for one site.
#[derive(Debug)]
struct Queue {
    need: usize,
    site: Option<Arc<str>>,
    tasks: BTreeSet<(DateTime<Utc>, TaskId)>,
    /// It waits for its site and is not looked at meanwhile.
    at_site: bool,
}

/// Somebody's entry in the ring of one need.
#[derive(Debug)]
struct Entry {
    need: usize,
    in_ring: bool,
    /// Places left at this turn.
    credit: u32,
}

#[derive(Debug, Default)]
struct Person {
    weight: u32,
    running: u32,
    queues: Vec<Queue>,
    entries: Vec<Entry>,
}

/// Somebody whose site has room for them.
type Called = (UserId, Arc<str>);

/// Those who wait for a place that has what one need asks for.
#[derive(Debug, Default)]
struct Ring {
    /// Turns in order; the number says which of two rings' heads came first.
    turns: VecDeque<(u64, UserId)>,
    /// Called because their site has room.
    called: VecDeque<Called>,
}

/// The dispatcher's index: who waits, who runs, which places are free.
#[derive(Debug, Default)]
pub struct Planner {
    hosts: Hosts,
    sites: Sites,
    needs: HashMap<Need, usize>,
    rings: Vec<Ring>,
    people: HashMap<UserId, Person>,
    tasks: HashMap<TaskId, Known>,
    later: BTreeSet<(DateTime<Utc>, TaskId)>,
    turn: u64,
    /// Whose side is next: those called by a site, or the ring.
    called_next: bool,
}

impl Planner {
    /// Places as many as there are places for, `most` at a time.
    pub fn plan(&mut self, now: DateTime<Utc>, most: usize) -> Vec<Placement> {
        while let Some(&(due, task)) = self.later.first()
            && due <= now
        {
            self.later.pop_first();
            if let Some(known) = self.tasks.get_mut(&task) {
                known.state = State::Ready;
                self.ready(task);
            }
        }
        let mut placements = Vec::new();
        self.call(now);
        while placements.len() < most {
            match self.next() {
                Some((need, Some((user, site)))) => {
                    self.sites.came(&site, now);
                    placements.extend(self.serve_called(need, user, &site, now));
                }
                Some((need, None)) => placements.extend(self.serve_turn(need, now)),
                None => break,
            }
            self.call(now);
        }
        self.give_up_room(now);
        placements
    }

    /// Tasks known, waiting or placed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Ids of known tasks within a range: after `after`, up to `last` or to the end.
    pub fn known_within(&self, after: TaskId, last: Option<TaskId>) -> impl Iterator<Item = TaskId> {
        self.tasks.keys().copied().filter(move |id| *id > after && last.is_none_or(|last| *id <= last))
    }

    /// How many wait only because every place that fits is taken, counted up to `most`; and whether such a one could use
    /// a place on this sandbox.
    #[must_use]
    pub fn in_want(&self, most: usize) -> Want<'_> {
        let mut want = Want { hosts: &self.hosts, needs: Vec::new(), count: 0 };
        for (need, ring) in self.rings.iter().enumerate().filter(|(need, _)| !self.hosts.is_free(*need)) {
            let waiting = ring.turns.iter().map(|(_, user)| user).chain(ring.called.iter().map(|(user, _)| user));
            let below_cap = waiting.filter(|user| self.people.get(user).is_some_and(|person| person.running < CAP));
            let count = below_cap.take(most - want.count.min(most)).count();
            if count > 0 {
                want.needs.push(need);
                want.count += count;
            }
        }
        want
    }

    /// Lets the person take turns again where they have something to place and do not yet.
    fn enter(&mut self, user: UserId) {
        let Some(person) = self.people.get_mut(&user).filter(|person| person.running < CAP) else { return };
        for queue in person.queues.iter().filter(|queue| !queue.at_site && !queue.tasks.is_empty()) {
            let entry = match person.entries.iter_mut().position(|entry| entry.need == queue.need) {
                Some(index) => &mut person.entries[index],
                None => {
                    person.entries.push(Entry { need: queue.need, in_ring: false, credit: 0 });
                    let last = person.entries.len() - 1;
                    &mut person.entries[last]
                }
            };
            if !entry.in_ring {
                (entry.in_ring, entry.credit) = (true, person.weight.max(1));
                self.turn += 1;
                self.rings[queue.need].turns.push_back((self.turn, user));
            }
        }
    }

    /// Forgets somebody who has nothing left here.
    fn tidy(&mut self, user: UserId) {
        let Some(person) = self.people.get_mut(&user) else { return };
        person.queues.retain(|queue| queue.at_site || !queue.tasks.is_empty());
        person.entries.retain(|entry| entry.in_ring);
        if person.running == 0 && person.queues.is_empty() && person.entries.is_empty() {
            self.people.remove(&user);
        }
    }

    /// Calls those whose site has room by now.
    fn call(&mut self, now: DateTime<Utc>) {
        for ((user, need), site) in self.sites.call(now) {
            self.rings[need].called.push_back((user, site));
        }
    }

    /// Room at a site is not kept for those whose hosts are gone: they wait in their ring, and others may use it.
    fn give_up_room(&mut self, now: DateTime<Utc>) {
        for need in 0..self.rings.len() {
            if self.rings[need].called.is_empty() || self.hosts.is_served(need) {
                continue;
            }
            for (user, site) in std::mem::take(&mut self.rings[need].called) {
                self.sites.came(&site, now);
                if let Some(person) = self.people.get_mut(&user) {
                    let own = person.queues.iter_mut().filter(|queue| queue.need == need);
                    own.filter(|queue| queue.site.as_ref() == Some(&site)).for_each(|queue| queue.at_site = false);
                    self.enter(user);
                    self.tidy(user);
                }
            }
        }
    }

    /// Who is next: a need with a free place, and the one who was called, if it is one of those's turn.
    fn next(&mut self) -> Option<(usize, Option<Called>)> {
        let free = |need: &usize| self.hosts.is_free(*need);
        let called = (0..self.rings.len()).find(|need| !self.rings[*need].called.is_empty() && free(need));
        let turn = (0..self.rings.len())
            .filter(|need| !self.rings[*need].turns.is_empty() && free(need))
            .min_by_key(|need| self.rings[*need].turns.front().map(|(turn, _)| *turn));
        let need = match (called, turn) {
            (Some(called), None) => called,
            (Some(called), Some(_)) if self.called_next => called,
            (_, Some(turn)) => return Some((turn, None)),
            (None, None) => return None,
        };
        let first = self.rings[need].called.pop_front()?;
        Some((need, Some(first)))
    }

    /// Places the oldest task for the site of somebody who waited for it.
    fn serve_called(&mut self, need: usize, user: UserId, site: &Arc<str>, now: DateTime<Utc>) -> Option<Placement> {
        let person = self.people.get_mut(&user)?;
        let own = |queue: &Queue| queue.need == need && queue.site.as_ref() == Some(site);
        let index = person.queues.iter().position(own)?;
        let queue = &mut person.queues[index];
        if person.running < CAP && !queue.tasks.is_empty() && !self.sites.is_open(site, now) {
            self.sites.wait(site, (user, need), true, now);
            return None;
        }
        queue.at_site = false;
        if person.running >= CAP || queue.tasks.is_empty() {
            self.tidy(user);
            return None;
        }
        self.called_next = false;
        let placement = self.place(user, index, now);
        // The rest takes turns.
        self.enter(user);
        self.tidy(user);
        placement
    }

    /// One turn of the ring.
    fn serve_turn(&mut self, need: usize, now: DateTime<Utc>) -> Option<Placement> {
        let (turn, user) = self.rings[need].turns.pop_front()?;
        let chosen = self.choose(need, user, now);
        let placement = chosen.and_then(|queue| {
            self.called_next = true;
            self.place(user, queue, now)
        });
        if let Some(person) = self.people.get_mut(&user)
            && let Some(entry) = person.entries.iter_mut().find(|entry| entry.need == need)
        {
            entry.in_ring = false;
            entry.credit = entry.credit.saturating_sub(1);
            let more =
                person.queues.iter().any(|queue| queue.need == need && !queue.at_site && !queue.tasks.is_empty());
            if placement.is_some() && more && person.running < CAP && entry.credit > 0 {
                entry.in_ring = true;
                self.rings[need].turns.push_front((turn, user));
            } else if chosen.is_some() {
                self.enter(user);
            }
        }
        self.tidy(user);
        placement
    }

    /// The person's queue with the oldest task whose site has room; those without wait there from now on.
    fn choose(&mut self, need: usize, user: UserId, now: DateTime<Utc>) -> Option<usize> {
        let person = self.people.get_mut(&user).filter(|person| person.running < CAP)?;
        loop {
            let ready = person.queues.iter().enumerate().filter(|(_, queue)| queue.need == need && !queue.at_site);
            let heads = ready.filter_map(|(index, queue)| queue.tasks.first().map(|head| (*head, index)));
            let (_, index) = heads.min()?;
            let queue = &mut person.queues[index];
            match &queue.site {
                Some(site) if !self.sites.is_open(site, now) => {
                    queue.at_site = true;
                    self.sites.wait(site, (user, need), false, now);
                }
                _ => return Some(index),
            }
        }
    }

    /// Plans the first task of a queue. Its need has a free place, and its site room.
    fn place(&mut self, user: UserId, queue: usize, now: DateTime<Utc>) -> Option<Placement> {
        let person = self.people.get_mut(&user)?;
        let queue = &mut person.queues[queue];
        let (_, task) = *queue.tasks.first()?;
        let known = self.tasks.get_mut(&task)?;
        let Place { sandbox, epoch } = self.hosts.take(queue.need, known.profile_host, known.failed_host)?;
        queue.tasks.pop_first();
        person.running += 1;
        known.state = State::Planned { sandbox, at: now };
        if let Some(site) = &known.site {
            self.sites.enter(site, Some(now));
        }
        Some(Placement { task, sandbox, epoch })
    }
}

/// What is wanted of browsers that are held for people.
pub struct Want<'a> {
    hosts: &'a Hosts,
    needs: Vec<usize>,
    /// Those who wait for a place.
    pub count: usize,
}

impl Want<'_> {
    /// Whether somebody who waits could use a place there.
    #[must_use]
    pub fn fits(&self, sandbox: SandboxId) -> bool {
        self.needs.iter().any(|need| self.hosts.fits(*need, sandbox))
    }
}

#[cfg(test)]
mod tests;
