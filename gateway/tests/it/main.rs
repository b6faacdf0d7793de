//! The gateway over HTTP and WebSockets, on a real Postgres. Needs `DATABASE_URL` with the right to create databases.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "the helpers of tests are tests too")]

mod actors;
mod auth;
mod bank;
mod contract;
mod drains;
mod live;
mod resumes;
mod review;
mod site;
mod socket;
mod tasks;
mod web;
