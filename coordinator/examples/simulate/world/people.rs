//! What people do about where their tasks stand.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::TimeDelta;
use protocol::cluster::{Action, Edit};
use protocol::task::{InteractionKind, Status};

use super::{Message, Timer, World};
use crate::hosts::Slot;

const TOWNS: [&str; 3] = ["Rome", "Oslo", "Bern"];

impl World {
    /// What people do about where the task stands.
    pub(super) fn look(&mut self, to: Slot) {
        let row = &self.rows[to.row];
        if row.life != to.life || row.over {
            return;
        }
        let task = &row.live.task;
        match task.status {
            Status::WaitingHuman if !row.asked => self.ask(to),
            status if status.is_terminal() && task.lease_id.is_none() => {
                if status == Status::Failed && task.retry_count == 0 && self.dice.one_in(2) {
                    let task = task.id;
                    return self.command(to, Action::Retry { task });
                }
                row.check_end();
                self.counts.ended += 1;
                self.counts.completed += u64::from(status == Status::Completed);
                self.counts.submissions += u64::from(row.submissions);
                self.planner.remove(task.id, self.now);
                // Whatever is still on its way finds another life.
                self.rows[to.row].life += 1;
                self.rows[to.row].over = true;
                if self.left > 0 {
                    self.begin(to.row, to.life + 1);
                }
            }
            _ => {}
        }
    }

    // === people ===

    pub(super) fn ask(&mut self, to: Slot) {
        self.rows[to.row].asked = true;
        if self.dice.one_in(24) {
            let late = self.now + TimeDelta::seconds(660);
            self.timers.push(Reverse((late, Timer::Answer(to))));
        } else {
            self.on_way.push(Message::Answer(to));
        }
    }

    pub(super) fn answer(&mut self, to: Slot) {
        let row = &mut self.rows[to.row];
        if row.life != to.life {
            return;
        }
        row.asked = false;
        let live = &row.live.task;
        if live.status != Status::WaitingHuman {
            return;
        }
        let task = live.id;
        let action = match live.interaction_type.as_deref() {
            // They look into their mail, and say what is so.
            Some(kind) if kind == InteractionKind::OutcomeUnknown.as_str() => {
                let Some(permit) = live.permit_id else { return };
                Action::AnswerOutcomeOf { task, permit, sent: row.submissions > 0, note: None }
            }
            Some(_) => Action::ResolveBlocker { task, by: "human".into(), note: None },
            None => match self.dice.below(32) {
                0 => Action::Cancel { task },
                1..=3 => {
                    let value = Some(TOWNS[self.dice.below(TOWNS.len())].to_owned());
                    let edits = vec![Edit { field: "town".into(), value, remember: false }];
                    Action::Edit { task, revision: live.review_revision, edits }
                }
                _ => Action::Approve { task, revision: None, overrides: BTreeMap::new(), remember: Vec::new() },
            },
        };
        self.command(to, action);
    }
}
