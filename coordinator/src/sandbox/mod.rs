//! One browser host: its session, the jobs open on it, and what its silence means.
//!
//! [`actor`] owns the agent's link and passes messages both ways; [`reconcile`] says what a hello means for
//! it, [`silence`] what its absence does; [`rows`] writes what it says; [`supervisor`] starts one actor per known sandbox.

pub mod actor;
mod reconcile;
pub mod rows;
mod session;
pub mod silence;
pub mod supervisor;
