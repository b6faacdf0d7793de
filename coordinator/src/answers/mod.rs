//! The answer planner: from a form as the agent saw it and what is known of a person to a decision per field.
//!
//! Pure: the task actor gathers [`Facts`], calls [`plan`], sends the plan to the agent, shows it at review, turns the
//! person's edits into values with [`apply_edit`], keeps what [`remember`] says to keep, and asks [`autopilot_gate`]
//! whether a form may be sent unseen. Nothing here does I/O or knows a particular employer's form.
//!
//! - [`classify`]: names a field's [`Canonical`] kind by the [`lexicon`];
//! - [`bank`]: finds the person's own earlier answer, within its scope ([`scope`]: country, place, skill);
//! - [`own`] and [`derive`]: facts of the profile and resume, and what follows from them;
//! - [`options`] and [`render`]: the option, date or number that says it in this form.

mod bank;
mod classify;
mod control;
mod derive;
mod edit;
mod facts;
mod gate;
mod geo;
mod groups;
mod kind;
mod lexicon;
mod options;
mod own;
mod pay;
mod plan;
mod render;
mod scope;
mod setting;
mod text;

pub use classify::{Class, Context, classify};
pub use edit::{EditError, apply_edit, remember};
pub use facts::{
    Account, Address, AnswerSource, BankAnswer, BankEntry, Facts, Given, Position, Profile, Resume, Schooling,
    UsageMode,
};
pub use gate::{Reason, autopilot_gate};
pub use kind::Canonical;
pub use plan::plan;

#[cfg(test)]
mod tests;
