//! The edge: a browser host's eyes and hands.
//!
//! One QUIC session to a coordinator ([`session`]), one task per job ([`jobs`]) on a page of its own ([`page`] says
//! what a job may do with it). The agent dials out, never listens, holds no keys but its own ([`identity`],
//! [`enrol`]), writes down what must survive a crash ([`ledger`]) and forgets a job's data with the job.

pub mod browser;
pub mod cdp;
pub mod config;
pub mod egress;
pub mod enrol;
pub mod forms;
pub mod identity;
pub(crate) mod jobs;
pub mod ledger;
pub mod metadata;
pub mod page;
pub mod session;
