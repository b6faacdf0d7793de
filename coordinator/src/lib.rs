//! placeholder

pub mod answers;
