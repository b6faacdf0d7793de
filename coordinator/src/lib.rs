//! placeholder

pub mod resumes;
