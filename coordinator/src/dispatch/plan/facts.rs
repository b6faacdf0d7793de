//! Takes facts into the planner's index: what the rows say, and what became of a claim.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, TaskId};
use store::queue::{self, SandboxFact, SiteFact, Stand, TaskFact};

use super::{Claimed, Known, Planner, Queue, Ring, State};
use crate::dispatch::hosts::Need;
use crate::dispatch::sites::WINDOW;

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
        self.people.entry(fact.user).or_default().weight = queue::weight(&fact.tier);
    }

    /// Puts a task among its person's ready ones.
    pub(super) fn ready(&mut self, task: TaskId) {
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
}
