//! placeholder

pub mod listener;
pub mod pki;
