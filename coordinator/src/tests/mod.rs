//! Task actors on a real Postgres: what is committed, what is performed, and what a restart repeats.

mod agent;
mod clocks;
mod cluster;
mod dispatch;
mod drains;
mod holds;
mod identity;
mod instances;
mod pictures;
mod quarantine;
mod recovery;
mod restarts;
mod retention;
mod rows;
mod rules;
mod sessions;
mod support;
mod tree;
mod writing;
