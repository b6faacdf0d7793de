//! placeholder

pub mod resume;
