//! Agent and coordinator's listener against each other: real QUIC on the loopback interface, a page that is a script.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::large_enum_variant, reason = "a handful of events at a time")]

mod adoption;
mod disk;
mod enrolment;
mod floods;
mod jobs;
mod limits;
mod program;
mod restarts;
mod support;
