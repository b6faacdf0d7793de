//! Decides. One actor per live task and one per sandbox, under supervision; the rows in Postgres are the truth.
//!
//! [`start`] runs a whole coordinator: it takes the shards, opens the QUIC listener for agents and joins the process
//! group that gateways send their commands to. Who talks to whom is told at the top of each module; the pure parts are
//! [`task::machine`], [`dispatch::plan`] and [`answers`].

pub mod answers;
mod clock;
mod cluster;
mod core;
pub mod dispatch;
pub mod ec2;
mod inspect;
mod jobs;
mod journal;
pub mod listener;
pub mod pki;
mod planning;
mod resume_work;
pub mod resumes;
mod retention;
mod revocations;
mod router;
mod sandbox;
mod sessions;
mod start;
mod supervise;
pub mod task;
mod wakes;

#[cfg(test)]
mod tests;

pub use crate::cluster::{View, share};
pub use crate::core::Settings;
pub use sessions::token_hash;
pub use start::{Config, Coordinator, StartError, start};
