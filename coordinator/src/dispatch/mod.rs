//! Gives queued tasks a place. [`plan`] decides from facts; [`actor`] gathers them and has the tasks claim what was
//! planned. A claim commits task, slot and owner together, so a plan made from stale facts is refused, not wrong.

pub mod actor;
pub mod plan;
