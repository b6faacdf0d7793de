//! The tree as admins see it: pages of actors in a fixed order, and one actor by its id.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use protocol::ids::{SandboxId, TaskId};
use protocol::inspect::{Actor, Count, Deadline, Filter, Listing, PAGE_MAX, STUCK, key, place};

use super::{ROOT, SANDBOXES, family_id, kind_of, patience};
use crate::core::Core;
use crate::supervise::Mailbox;
use crate::task::supervisor::family;

/// One page. Costs a look at every actor of the node, and an answer of the page's size.
#[must_use]
pub fn list(core: &Core, filter: &Filter, now: Instant) -> Listing {
    let mut found = Vec::new();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let after = filter.after.as_deref().map(key);
    each(core, |id, mailbox| {
        let kind = kind_of(&id);
        let count = counts.entry(kind.to_owned()).or_default();
        count.total += 1;
        let state = state(kind, mailbox, now);
        count.stuck += u32::from(state == STUCK);
        if filter.kind.as_deref().is_some_and(|wanted| wanted != kind)
            || filter.state.as_deref().is_some_and(|wanted| wanted != state)
        {
            return;
        }
        let place = place(&id, core.node);
        if after.is_none_or(|after| key(&place) > after) {
            found.push((place, id, Arc::clone(mailbox)));
        }
    });
    found.sort_unstable_by(|a, b| key(&a.0).cmp(&key(&b.0)));
    let limit = filter.limit.min(PAGE_MAX);
    let more = found.len() > limit;
    let actors = found.into_iter().take(limit).map(|(_, id, mailbox)| actor(core, id, &mailbox, now)).collect();
    Listing { actors, more, counts }
}

/// The actor of this id, when it lives here.
#[must_use]
pub fn one(core: &Core, id: &str, now: Instant) -> Option<Actor> {
    let mailbox = if let Some(task) = task_id(id) {
        Arc::clone(&core.tasks.get(&task)?.mailbox)
    } else if let Some(sandbox) = sandbox_id(id) {
        Arc::clone(&core.sandboxes.get(&sandbox)?.mailbox)
    } else {
        core.inspect.find(id)?.mailbox
    };
    Some(actor(core, id.to_owned(), &mailbox, now))
}

/// Shows every actor of the node.
pub(super) fn each(core: &Core, mut see: impl FnMut(String, &Arc<Mailbox>)) {
    for (id, fixed) in core.inspect.all() {
        see(id, &fixed.mailbox);
    }
    for entry in &core.sandboxes {
        see(sandbox(*entry.key()), &entry.value().mailbox);
    }
    for entry in &core.tasks {
        see(task(*entry.key()), &entry.value().mailbox);
    }
}

#[must_use]
pub fn task(id: TaskId) -> String {
    format!("task:{id}")
}

#[must_use]
pub fn sandbox(id: SandboxId) -> String {
    format!("sandbox:{id}")
}

pub(super) fn task_id(id: &str) -> Option<TaskId> {
    id.strip_prefix("task:")?.parse().ok()
}

pub(super) fn sandbox_id(id: &str) -> Option<SandboxId> {
    id.strip_prefix("sandbox:")?.parse().ok()
}

fn state(kind: &str, mailbox: &Mailbox, now: Instant) -> &'static str {
    let (old, beat) = patience(kind);
    // The watchdog looks every few seconds; whoever asks is told at once.
    if mailbox.is_stuck() || mailbox.overdue(now, old, beat) { STUCK } else { mailbox.figures(now).shown.state }
}

fn parent(id: &str) -> Option<String> {
    if let Some(task) = task_id(id) {
        return Some(family_id(family(task)));
    }
    if sandbox_id(id).is_some() {
        return Some(SANDBOXES.to_owned());
    }
    (id != ROOT).then(|| ROOT.to_owned())
}

fn actor(core: &Core, id: String, mailbox: &Mailbox, now: Instant) -> Actor {
    let figures = mailbox.figures(now);
    let millis = |age: std::time::Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    Actor {
        kind: kind_of(&id).to_owned(),
        parent: parent(&id),
        node: core.node,
        state: state(kind_of(&id), mailbox, now).to_owned(),
        depth: u32::try_from(figures.depth).unwrap_or(u32::MAX),
        oldest_ms: figures.oldest.map(millis),
        handled: figures.handled,
        started_at_ms: mailbox.started_at.timestamp_millis(),
        restarts: mailbox.past.restarts,
        last_message: figures.last.map(|(kind, _)| kind.to_owned()),
        last_message_ms: figures.last.map(|(_, age)| millis(age)),
        last_error: mailbox.past.last_error.as_deref().map(str::to_owned),
        lease: figures.shown.lease,
        deadline: figures
            .shown
            .deadline
            .map(|(what, at)| Deadline { what: what.to_owned(), at_ms: at.timestamp_millis() }),
        id,
    }
}
