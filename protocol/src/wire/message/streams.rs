//! Unidirectional streams: one header frame, then the bytes.

use serde::{Deserialize, Serialize};

use crate::form::FileRef;
use crate::ids::{ArtifactId, LeaseId};

/// Heads a stream from the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum UpHeader {
    Artifact(ArtifactHeader),
    /// Live frames follow, each a [`LiveFrameHeader`] frame and its bytes.
    Live {
        lease: LeaseId,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtifactHeader {
    pub artifact: ArtifactId,
    pub lease: LeaseId,
    /// What it shows: `observed`, `filled`, `submitted`, `blocked`, `failed`.
    pub step: String,
    pub content_type: String,
    pub size: u64,
    pub sha256: String,
    pub width: u32,
    pub height: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveFrameHeader {
    pub width: u32,
    pub height: u32,
    /// Milliseconds since the epoch by the agent's clock.
    pub at_ms: u64,
    /// Length of the JPEG that follows this frame.
    pub size: u32,
}

/// Heads a stream from the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum DownHeader {
    /// A file for one job; deleted with the job.
    File { lease: LeaseId, file: FileRef },
}
