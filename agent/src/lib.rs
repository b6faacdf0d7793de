//! The edge: a browser host's eyes and hands.
//!
//! One QUIC session to a coordinator ([`page`] says what a job may do with a page). The agent dials out, never
//! listens, holds no keys but its own and forgets a job's data with the job.

pub mod browser;
pub mod cdp;
pub mod egress;
pub mod forms;
pub mod page;
