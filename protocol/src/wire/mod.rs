//! What agent and coordinator say to each other over QUIC.
//!
//! [`frame`] is the envelope (length, tag, body), [`codec`] the only place that encodes and decodes bodies,
//! [`message`] the vocabulary, one enum per stream and direction. Tags are for ever: append, never renumber.

pub mod codec;
pub mod frame;
pub mod message;

/// ALPN of the agents' sessions; both ends show certificates.
pub const ALPN_AGENT: &[u8] = b"valet-agent/1";
/// ALPN of enrolment: the agent has no certificate yet, only a one-time token.
pub const ALPN_ENROL: &[u8] = b"valet-enrol/1";

/// Oldest protocol version this build still speaks.
pub const VERSION_MIN: u16 = 1;
/// Newest protocol version this build speaks.
pub const VERSION_MAX: u16 = 1;
