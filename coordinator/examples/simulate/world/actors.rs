//! The coordinators: who owns a task, what its actor decides, what is committed and then done.

use std::sync::Arc;

use coordinator::dispatch::plan::Claimed;
use coordinator::task::machine::{At, Decision, Effect, Input, Live, Refused, decide, owed};
use protocol::cluster::Action;
use protocol::ids::{CommandId, PermitId};
use store::journal::{Slot as Place, Step, USER_CAP};

use super::{Lost, Message, World};
use crate::dice::mix;
use crate::hosts::{self, Slot};
use crate::nodes::Actor;
use crate::rows::Row;

impl World {
    /// The living node that the rows name.
    pub(super) fn owner(&self, to: Slot) -> Option<usize> {
        let shard = &self.shards[self.rows[to.row].live.task.shard as usize];
        self.nodes.iter().position(|node| node.lives && shard.node == Some(node.id))
    }

    /// Has the node hold the task; false when it does not own it.
    pub(super) fn adopt(&mut self, node: usize, to: Slot) -> bool {
        let (row, node) = (&mut self.rows[to.row], &mut self.nodes[node]);
        let shard = row.live.task.shard as usize;
        if node.actors[to.row].is_some() {
            return true;
        }
        if node.held[shard] != Some(self.shards[shard].epoch) {
            return false;
        }
        self.counts.adopted += 1;
        Arc::make_mut(&mut Arc::make_mut(&mut row.live).task).generation += 1;
        node.actors[to.row] = Some(Actor { live: Arc::clone(&row.live), shard });
        self.perform_owed(to);
        true
    }

    pub(super) fn perform_owed(&mut self, to: Slot) {
        let live = Arc::clone(&self.rows[to.row].live);
        for effect in owed(&live) {
            self.rows[to.row].check_effect(&effect);
            self.perform(to, effect);
        }
    }

    pub(super) fn input(&mut self, to: Slot, input: Input) {
        if self.rows[to.row].life != to.life {
            return;
        }
        // One that was paused or cut off still believes to own it, and speaks first.
        let late = self.nodes.iter().position(|node| !node.lives && node.actors[to.row].is_some());
        let late = late.filter(|_| self.dice.one_in(4));
        let Some(node) = late.or_else(|| self.owner(to)).filter(|node| late.is_some() || self.adopt(*node, to)) else {
            // Whoever says it says it again.
            return self.on_way.push(Message::Input { to, input });
        };
        let Some(actor) = &self.nodes[node].actors[to.row] else { return };
        let live = Arc::clone(&actor.live);
        let fate = self.dice.below(400);
        let gap = matches!(&input, Input::Report { number, .. } if *number > live.task.last_report.unsigned_abs() + 1);
        let again = (fate < 2 || late.is_some() || gap).then(|| input.clone());
        if fate == 0 {
            // It crashes before it decides.
            self.counts.crashes += 1;
            self.nodes[node].actors[to.row] = None;
            return self.say_again(to, again);
        }
        let retry = matches!(&input, Input::Person { action: Action::Retry { .. }, .. });
        let answer = matches!(&input, Input::Person { .. });
        let claim = matches!(&input, Input::Claimed { .. });
        let at = At { now: self.now, command: CommandId(self.dice.id()), permit: PermitId(self.dice.id()) };
        self.counts.decided += 1;
        match decide(&live, input, at) {
            // What one says that is not the owner any more counts for nothing.
            Err(_) if late.is_some() => self.say_again(to, again),
            Err(refused) => match refused {
                Refused::Gap => {
                    self.counts.gaps += 1;
                    self.say_again(to, again);
                }
                Refused::StaleLease => self.counts.stale_leases += 1,
                Refused::Rejected(_) if answer => self.ask(to),
                Refused::Rejected(_) | Refused::Unfitting { .. } => {}
            },
            Ok(decision) => {
                let Decision { live: next, step, effects } = decision;
                if let Some(step) = step {
                    match self.commit(node, to, next, &step, &effects, retry) {
                        Ok(()) if fate == 1 => {
                            // Committed, and nobody acts or answers.
                            self.counts.crashes += 1;
                            self.nodes[node].actors[to.row] = None;
                            self.on_way.push(Message::Owed(to));
                            self.say_again(to, again);
                        }
                        Ok(()) => {
                            let live = Arc::clone(&self.rows[to.row].live);
                            let shard = live.task.shard as usize;
                            self.nodes[node].actors[to.row] = Some(Actor { live, shard });
                            effects.into_iter().for_each(|effect| self.perform(to, effect));
                        }
                        Err(Lost::NoPlace) => self.counts.refused_claims += 1,
                        Err(Lost::Fenced) => {
                            assert!(late.is_some(), "only one that is not the owner any more is fenced off");
                            self.counts.fenced += 1;
                            self.nodes[node].actors[to.row] = None;
                            self.say_again(to, again);
                        }
                    }
                }
            }
        }
        if claim {
            self.answered.push((live.task.id, Claimed::Answered));
            self.changed.push(to.row);
        }
        self.look(to);
    }

    pub(super) fn say_again(&mut self, to: Slot, input: Option<Input>) {
        if let Some(input) = input {
            self.on_way.push(Message::Input { to, input });
        }
    }

    /// As the journal's transaction.
    pub(super) fn commit(
        &mut self,
        node: usize,
        to: Slot,
        next: Live,
        step: &Step,
        effects: &[Effect],
        retry: bool,
    ) -> Result<(), Lost> {
        let shard = step.task.shard as usize;
        let current = self.rows[to.row].live.task.generation;
        if self.nodes[node].held[shard] != Some(self.shards[shard].epoch) || step.task.generation != current + 1 {
            return Err(Lost::Fenced);
        }
        match step.slot {
            Place::Keep => {}
            Place::Take { sandbox, epoch } => {
                let index = self.host_of[&sandbox];
                let host = &mut self.hosts[index];
                let room = host.cut.is_none() && host.epoch == epoch && host.load < host.capacity;
                if !room || self.running[self.rows[to.row].user] >= USER_CAP as usize {
                    return Err(Lost::NoPlace);
                }
                host.load += 1;
                self.changed_hosts.push(index);
            }
            Place::Give { sandbox } => {
                let index = self.host_of[&sandbox];
                self.hosts[index].load -= 1;
                self.changed_hosts.push(index);
            }
        }
        let row = &mut self.rows[to.row];
        row.apply(&next, step, effects, retry);
        let (was, task) = (&row.live.task, &next.task);
        if was.status != task.status || was.lease_id != task.lease_id {
            self.changed.push(to.row);
            self.counts.unknown += u64::from(task.interaction_type.as_deref() == Some("outcome_unknown"));
        }
        if task.wake_at != was.wake_at {
            self.wakes.set(to.row, task.wake_at);
        }
        let running = &mut self.running[row.user];
        *running = *running + usize::from(Row::runs(task)) - usize::from(Row::runs(was));
        let what = (task.generation as u64) << 8 | task.status as u64;
        self.trace = mix(self.trace ^ mix(what ^ (to.row as u64) << 40 ^ self.now.timestamp_micros() as u64));
        row.live = Arc::new(next);
        Ok(())
    }

    pub(super) fn perform(&mut self, to: Slot, effect: Effect) {
        match effect {
            Effect::OpenJob { sandbox, lease } => {
                self.on_way.push(Message::Open { host: self.host_of[&sandbox], lease, to });
            }
            Effect::Send { sandbox, lease, message } => {
                self.on_way.push(Message::Down { host: self.host_of[&sandbox], lease, message: *message });
            }
            Effect::Release { sandbox, lease } => {
                self.on_way.push(Message::Release { host: self.host_of[&sandbox], lease });
            }
            Effect::Plan { round } => {
                self.on_way.push(Message::Input { to, input: Input::Planned { round, plan: hosts::plan() } });
            }
            Effect::DropPictures(_) | Effect::Dispatch => {}
        }
    }
}
