//! Bugs that are planted to prove that the tests would notice them.
//!
//! Each names a rule and stands, as `if planted(Bug::…)`, where that rule is kept. Without the feature `planted` the
//! answer is a constant no and nothing of it is compiled in; with it (`make test` builds that way) the environment
//! variable `VALET_PLANT` chooses one. `scripts/planted` plants each of `tests/planted.txt` in turn and wants the test
//! named there to fail.

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("planted bugs are for tests: no optimised build has them");

crate::named_enum! {
    /// A way to break a rule of ARCHITECTURE.md.
    pub enum Bug {
        /// Invariant 1: screens are told of a step before it is committed.
        ToldFirst = "told_first",
        /// Invariant 2: a step that was decided from an old generation is taken for written.
        StaleWriter = "stale_writer",
        /// Invariant 3: a lease ends without giving its slot back in the same transaction.
        SlotKept = "slot_kept",
        /// Invariant 4: the agent is told to submit with a permit that is not committed.
        PermitUncommitted = "permit_uncommitted",
        /// Invariant 4, at the agent: a click is made that its ledger knows nothing of.
        ClickUnrecorded = "click_unrecorded",
        /// Invariant 5: a report under an earlier lease counts.
        OldLease = "old_lease",
        /// Invariant 6: a mailbox takes any number of letters.
        Unbounded = "unbounded",
        /// Invariant 7: a task that waits for its person keeps its actor.
        ActorKept = "actor_kept",
        /// Invariant 8: a late word overwrites a terminal status.
        TerminalOverwritten = "terminal_overwritten",
        /// Invariant 9: a review is written to the log, with its answers.
        AnswerLogged = "answer_logged",
        /// The epochs of a batch's shards are not checked.
        Unfenced = "unfenced",
        /// A claim places its task on a host that drains.
        DrainIgnored = "drain_ignored",
        /// Numbered messages are published in another order than numbered.
        EventsReversed = "events_reversed",
        /// A parked task that was approved is sent whatever its form holds when it is filled again.
        RefillUncompared = "refill_uncompared",
        /// An agent goes on with its pages when its leases have run out.
        FreezeSkipped = "freeze_skipped",
        /// A task is tried again, towards a second permit, while its first holder may still click.
        PermitUnrevoked = "permit_unrevoked",
    }
}

/// Whether this bug is planted in this process.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Whether this bug is planted in this process.
///
/// # Panics
/// When `VALET_PLANT` names no bug: a run that plants nothing would prove nothing.
#[cfg(feature = "planted")]
#[must_use]
pub fn planted(bug: Bug) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<Bug>> = std::sync::LazyLock::new(|| {
        let name = std::env::var("VALET_PLANT").ok()?;
        Some(name.parse().unwrap_or_else(|_| panic!("VALET_PLANT={name} is no bug that can be planted")))
    });
    *CHOSEN == Some(bug)
}
