//! Task actors on a real Postgres: what is committed, what is performed, and what a restart repeats.

mod dispatch;
mod holds;
mod quarantine;
mod restarts;
mod support;
mod writing;
