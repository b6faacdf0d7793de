//! Runs the whole system as its users do: the real programs, a real browser, a real database.
//!
//! [`Valet`] starts `valet up` in a directory of its own, with free ports, and ends it by its process id; [`person`] is
//! somebody who uses it over the public API; [`practice`] is the employer as a program of its own; [`process`] finds and
//! kills its parts; [`resume`] makes a resume to send; [`crowd`] is many people with a resume
//! each; [`ec2`] stands in for the metadata service of an instance. [`ats`] reads the
//! person of a folder of forms to measure on.

pub mod ats;
pub mod chaos;
pub mod crowd;
pub mod ec2;
pub mod faults;
pub mod fleet;
pub mod paths;
pub mod person;
pub mod practice;
pub mod process;
pub mod resume;
pub mod silence;
pub mod storm;
pub mod valet;

pub use person::Person;
pub use practice::Practice;
pub use valet::{Options, Valet};
