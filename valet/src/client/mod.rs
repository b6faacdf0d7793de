//! The terminal as a client of the gateway's public API: nothing here that another client could not do.

mod api;
pub mod apply;
pub mod login;
mod render;
mod session;
