//! The gateway over HTTP and WebSockets, on a real Postgres. Needs `DATABASE_URL` with the right to create databases.

mod auth;
mod bank;
mod contract;
mod live;
mod resumes;
mod site;
mod socket;
mod tasks;
mod web;
