//! Enrolment, which has a connection and an ALPN of its own: one request, one answer. The tag says which request it is.

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::ids::SandboxId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// One-time token, at most 10 minutes old.
    pub token: String,
    /// Certificate request (DER) for the agent's key; its names are ignored.
    pub csr_der: Vec<u8>,
    /// A token may be for one host only, by this name.
    pub host_name: String,
}

/// Buys a new certificate with one that has run out while the agent slept or had no connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenewRequest {
    /// The certificate that ran out, DER.
    pub certificate_der: Vec<u8>,
    /// Certificate request (DER) signed by the key of that certificate, which proves its possession.
    pub csr_der: Vec<u8>,
}

/// Enrols an EC2 instance that was started by nobody who could have made a token for it. A coordinator that does not
/// know of this closes the connection as malformed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRequest {
    /// The instance's identity document as its metadata service signs it (`instance-identity/rsa2048`): a CMS message
    /// in BER with the document inside.
    pub signed_document: Vec<u8>,
    /// Certificate request (DER) for the agent's key; its names are ignored. The same key may ask again.
    pub csr_der: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EnrolAnswer {
    Granted {
        sandbox: SandboxId,
        /// Leaf first, DER.
        chain_der: Vec<Vec<u8>>,
        /// The authority that signs agents and coordinators, DER.
        ca_der: Vec<u8>,
    },
    Refused {
        code: Refusal,
        message: String,
    },
}
