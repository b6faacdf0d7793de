//! Task actors on a real Postgres: what is committed, what is performed, and what a restart repeats.

mod cluster;
mod holds;
mod restarts;
mod support;
mod writing;
