//! The store against a real Postgres. Each test has a database of its own, made from `DATABASE_URL`'s server.
#![allow(clippy::unwrap_used, reason = "tests")]

mod commit;
mod events;
mod owners;
mod pooler;
mod queue;
mod redis;
mod resumes;
mod retention;
mod schema;
mod shards;
mod support;
