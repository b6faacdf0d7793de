//! placeholder

pub mod ats;
