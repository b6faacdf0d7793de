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

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, TaskId, UserId};
use store::journal::USER_CAP;
use store::queue::{SandboxFact, SiteFact, Stand, TaskFact};

use super::hosts::{Hosts, Need, Place};
use super::sites::{Sites, WINDOW};

/// Places in a row at one turn, by subscription. More than the cap would mean nothing.
const WEIGHTS: [(&str, u32); 3] = [("starter", 2), ("pro", 3), ("enterprise", 3)];
/// For every other subscription.
const WEIGHT: u32 = 1;
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

fn weight(tier: &str) -> u32 {
    WEIGHTS.iter().find(|(name, _)| *name == tier).map_or(WEIGHT, |(_, weight)| *weight)
}

impl Planner {
    /// Takes what the row says of a sandbox now. After the tasks of the same reading: a task that is placed is then counted
    /// in its sandbox's load.
    pub fn apply_sandbox(&mut self, fact: SandboxFact) {
        self.hosts.apply(fact);
    }

    /// These are all the sandboxes there are.
    pub fn retain_sandboxes(&mut self, known: &BTreeSet<SandboxId>) {
        self.hosts.retain(known);
    }

    /// Takes the limits and pauses that are set now.
    pub fn apply_sites(&mut self, facts: &[SiteFact], now: DateTime<Utc>) {
        self.sites.apply(facts);
        self.sites.recheck(now);
    }

    /// A task of the last minute that has its place no more began at `site`.
    pub fn note_start(&mut self, site: &str, at: DateTime<Utc>) {
        let site = self.sites.name(site);
        self.sites.started(&site, at);
    }

    /// Takes what the row says of a task now.
    pub fn apply(&mut self, fact: &TaskFact, now: DateTime<Utc>) {
        let was = self.tasks.get(&fact.id).map(|known| known.state);
        let state = match (was, fact.stand) {
            // Its claim is on the way.
            (Some(planned @ State::Planned { .. }), Stand::Queued { .. }) => planned,
            // It failed to answer; the pause stands.
            (Some(State::Later(until)), Stand::Queued { since }) if until > since && until > now => State::Later(until),
            (_, Stand::Queued { since }) if since > now => State::Later(since),
            (_, Stand::Queued { .. }) => State::Ready,
            (_, Stand::Placed { running, .. }) => State::Placed { running },
            (_, Stand::Neither) => {
                let began = self.tasks.get(&fact.id).is_some_and(|known| known.placed_at != fact.placed_at);
                return self.forget(fact.id, !began, now);
            }
        };
        let need = self.need(fact);
        let site = fact.site.as_deref().map(|site| self.sites.name(site));
        let since = match fact.stand {
            Stand::Queued { since } => since,
            _ => now,
        };
        let begun = match (was, state) {
            // Counted when it was read before.
            (Some(State::Placed { .. }), _) => None,
            (_, State::Placed { .. }) => fact.placed_at.filter(|at| *at + WINDOW > now),
            _ => None,
        };
        if let Some(known) = self.tasks.get_mut(&fact.id)
            && known.state == state
            && known.user == fact.user
            && known.need == need
            && known.site == site
            && (known.since == since || !matches!(state, State::Later(_) | State::Ready))
        {
            known.began |= matches!(state, State::Planned { .. }) && known.placed_at != fact.placed_at;
            known.profile_host = fact.profile_host;
            known.failed_host = fact.failed_host;
            known.placed_at = fact.placed_at;
            known.since = since;
            self.weigh(fact);
            return;
        }
        // A claim on its way keeps what it was counted as until its outcome is known.
        if matches!(state, State::Planned { .. }) {
            if let Some(known) = self.tasks.get_mut(&fact.id) {
                known.began |= known.placed_at != fact.placed_at;
                known.placed_at = fact.placed_at;
                known.since = since;
            }
            return;
        }
        self.forget(fact.id, true, now);
        self.weigh(fact);
        let known = Known {
            user: fact.user,
            need,
            site: site.clone(),
            profile_host: fact.profile_host,
            failed_host: fact.failed_host,
            since,
            placed_at: fact.placed_at,
            began: false,
            state,
        };
        self.tasks.insert(fact.id, known);
        match state {
            State::Later(until) => {
                self.later.insert((until, fact.id));
            }
            State::Ready => self.ready(fact.id),
            State::Planned { .. } | State::Placed { .. } => {
                if state.is_running() {
                    self.people.entry(fact.user).or_default().running += 1;
                }
                match (&site, begun) {
                    (Some(site), begun) if state.is_running() => self.sites.enter(site, begun),
                    // Held already, and begun all the same.
                    (Some(site), Some(begun)) => self.sites.started(site, begun),
                    _ => {}
                }
            }
        }
    }

    /// The task's row is gone. Should it have been on its way to a place, its site may have seen it.
    pub fn remove(&mut self, task: TaskId, now: DateTime<Utc>) {
        self.forget(task, false, now);
    }

    /// What became of a claim; told only once facts that were read after it have been applied.
    pub fn settle(&mut self, task: TaskId, claimed: Claimed, now: DateTime<Utc>) {
        let Some(known) = self.tasks.get(&task) else { return };
        // The facts said that it was placed.
        if !matches!(known.state, State::Planned { .. }) {
            return;
        }
        let undone = !known.began;
        let mut known = Known { site: known.site.clone(), began: false, ..*known };
        self.forget(task, undone, now);
        let until = match claimed {
            Claimed::Failed { until } => until.max(known.since),
            Claimed::Answered => known.since,
            Claimed::Gone => return,
        };
        known.state = if until > now { State::Later(until) } else { State::Ready };
        let state = known.state;
        self.tasks.insert(task, known);
        match state {
            State::Later(until) => drop(self.later.insert((until, task))),
            _ => self.ready(task),
        }
    }

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

    fn need(&mut self, fact: &TaskFact) -> usize {
        let need = Need { engine: fact.engine.clone(), tags: fact.tags.clone() };
        if let Some(number) = self.needs.get(&need) {
            return *number;
        }
        let number = self.rings.len();
        self.rings.push(Ring::default());
        self.hosts.add_need(need.clone());
        self.needs.insert(need, number);
        number
    }

    fn weigh(&mut self, fact: &TaskFact) {
        self.people.entry(fact.user).or_default().weight = weight(&fact.tier);
    }

    /// Puts a task among its person's ready ones.
    fn ready(&mut self, task: TaskId) {
        let Some(known) = self.tasks.get(&task) else { return };
        let person = self.people.entry(known.user).or_default();
        let queue = person.queues.iter_mut().find(|queue| queue.need == known.need && queue.site == known.site);
        let key = (known.since, task);
        match queue {
            Some(queue) => drop(queue.tasks.insert(key)),
            None => person.queues.push(Queue {
                need: known.need,
                site: known.site.clone(),
                tasks: BTreeSet::from([key]),
                at_site: false,
            }),
        }
        let user = known.user;
        self.enter(user);
    }

    /// Takes a task out, with everything it counted for; `undo`: a claim on its way did not begin anything at its site.
    fn forget(&mut self, task: TaskId, undo: bool, now: DateTime<Utc>) {
        let Some(known) = self.tasks.remove(&task) else { return };
        match known.state {
            State::Later(until) => drop(self.later.remove(&(until, task))),
            State::Ready => {
                if let Some(person) = self.people.get_mut(&known.user) {
                    for queue in person.queues.iter_mut().filter(|queue| queue.need == known.need) {
                        queue.tasks.remove(&(known.since, task));
                    }
                }
            }
            State::Planned { .. } | State::Placed { .. } => {
                let mut undone = None;
                if let State::Planned { sandbox, at } = known.state {
                    self.hosts.settle(sandbox);
                    undone = Some(at).filter(|_| undo);
                }
                if known.state.is_running() {
                    if let Some(person) = self.people.get_mut(&known.user) {
                        person.running = person.running.saturating_sub(1);
                    }
                    if let Some(site) = &known.site {
                        self.sites.leave(site, undone, now);
                    }
                    self.enter(known.user);
                }
            }
        }
        self.tidy(known.user);
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
