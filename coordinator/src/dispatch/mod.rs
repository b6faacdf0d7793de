//! Gives queued tasks a place. [`plan`] decides, from an index in memory ([`hosts`]: free places, [`sites`]: what
//! employers' sites bear) that [`feed`] keeps true to the rows; [`actor`] has the tasks claim what was planned, and
//! [`parking`] says which held browsers make room. A claim commits task, slot and owner together, so a plan made from stale
//! facts is refused, not wrong.

pub(crate) mod actor;
mod feed;
mod hosts;
mod parking;
pub mod plan;
mod sites;
