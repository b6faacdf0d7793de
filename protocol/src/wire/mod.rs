//! What agent and coordinator say to each other over QUIC.
//!
//! [`frame`] is the envelope (length, tag, body), [`codec`] the only place that encodes and decodes bodies,
//! [`message`] the vocabulary, one enum per stream and direction; [`close`] says why a connection or a stream was
//! ended. Tags and codes are for ever: append, never renumber.

pub mod close;
pub mod codec;
pub mod frame;
pub mod message;

/// ALPN of the agents' sessions; both ends show certificates.
pub const ALPN_AGENT: &[u8] = b"valet-agent/1";
/// ALPN of enrolment: the agent has no certificate yet, only a one-time token or an instance identity document.
pub const ALPN_ENROL: &[u8] = b"valet-enrol/1";

/// ALPN of the links between coordinators and gateways; both ends show certificates.
pub const ALPN_CLUSTER: &[u8] = b"valet-cluster/1";

/// Oldest protocol version this build still speaks.
pub const VERSION_MIN: u16 = 1;
/// Newest protocol version this build speaks.
pub const VERSION_MAX: u16 = 1;

/// Longest that an agent lets its page take for one piece of work (opening, filling, reading), in seconds. It breaks
/// the work off then and reports that it failed.
pub const WORK_SECONDS: u32 = 180;

/// The name in every coordinator's certificate. Which coordinator answers is decided by the address dialled; that it
/// is one of ours, by the authority that signed it.
pub const SERVER_NAME: &str = "coordinator.valet.internal";
/// Certificates begin so long before they are made, so that a host whose clock is wrong by hours still takes them.
pub const CERTIFICATE_BACKDATED: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Path prefix of the URI name in an agent's certificate; the sandbox's id follows.
pub const AGENT_URI: &str = "spiffe://valet/sandbox/";
/// Path prefix of the URI name in a node's certificate; `coordinator/` or `gateway/` and its name follow.
pub const NODE_URI: &str = "spiffe://valet/node/";
/// The name in the certificate of every coordinator for its links. Which one answers is checked by its URI name.
pub const CLUSTER_NAME: &str = "cluster.valet.internal";
/// Largest artifact (a photograph is 50 to 500 KiB) and largest file of a job (resumes are refused from 10 MiB).
pub const BULK_MAX: u64 = 10 << 20;
