//! One application: decided by a pure machine, owned by one actor.
//!
//! [`machine`] says what follows from what, without clock, database or network. [`actor`] brings it inputs (a claim, an
//! agent's report, a person's command, a timer), commits what it decided, and only then performs the effects.
//! [`handle`] is what the rest of the crate may ask. [`supervisor`] starts actors when somebody needs them and again
//! when they crash.

pub mod actor;
pub mod handle;
pub mod machine;
pub mod messages;
pub mod supervisor;
