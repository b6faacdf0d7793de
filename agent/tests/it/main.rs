//! Agent and coordinator's listener against each other: real QUIC on the loopback interface, a page that is a script.

mod enrolment;
mod jobs;
mod limits;
mod program;
mod restarts;
mod support;
