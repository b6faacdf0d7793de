//! Photographs as artifacts.

use bytes::Bytes;
use protocol::ids::{ArtifactId, LeaseId};
use protocol::wire::message::ArtifactHeader;
use sha2::{Digest as _, Sha256};

use crate::page::Photo;

pub(super) fn artifact(lease: LeaseId, step: &str, photo: Photo) -> (ArtifactHeader, Bytes) {
    let header = ArtifactHeader {
        artifact: ArtifactId::new(),
        lease,
        step: step.to_owned(),
        content_type: "image/jpeg".to_owned(),
        size: photo.jpeg.len() as u64,
        sha256: hex::encode(Sha256::digest(&photo.jpeg)),
        width: photo.width,
        height: photo.height,
    };
    (header, photo.jpeg)
}
