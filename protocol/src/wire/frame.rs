//! The envelope: little-endian u32 length of what follows, u16 tag, body.
//!
//! Reading and writing over a stream lives with the sessions (this crate does no I/O); here is what a header means.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec;

/// Bytes of length and tag.
pub const HEADER_LEN: usize = 6;
/// Bytes of the tag, which the length counts.
pub const TAG_LEN: usize = 2;

/// Which enum the body is. For ever: append, never renumber, never reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Tag {
    ControlUp = 1,
    ControlDown = 2,
    JobUp = 3,
    JobDown = 4,
    UpHeader = 5,
    DownHeader = 6,
    LiveFrame = 7,
    EnrolRequest = 8,
    EnrolAnswer = 9,
    RenewRequest = 10,
    InstanceRequest = 11,
}

impl Tag {
    const ALL: [Self; 11] = [
        Self::ControlUp,
        Self::ControlDown,
        Self::JobUp,
        Self::JobDown,
        Self::UpHeader,
        Self::DownHeader,
        Self::LiveFrame,
        Self::EnrolRequest,
        Self::EnrolAnswer,
        Self::RenewRequest,
        Self::InstanceRequest,
    ];
}

/// A message that travels in frames of one tag.
pub trait Framed: Serialize + DeserializeOwned {
    const TAG: Tag;
}

macro_rules! framed {
    ($($message:ident => $tag:ident),+ $(,)?) => {$(
        impl Framed for super::message::$message { const TAG: Tag = Tag::$tag; }
    )+};
}

framed! {
    ControlUp => ControlUp,
    ControlDown => ControlDown,
    JobUp => JobUp,
    JobDown => JobDown,
    UpHeader => UpHeader,
    DownHeader => DownHeader,
    LiveFrameHeader => LiveFrame,
    EnrolRequest => EnrolRequest,
    EnrolAnswer => EnrolAnswer,
    RenewRequest => RenewRequest,
    InstanceRequest => InstanceRequest,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a frame of {length} bytes is over the limit")]
    TooLong { length: u32 },
    #[error("a frame of {length} bytes has no room for its tag")]
    TooShort { length: u32 },
    #[error("unknown frame tag {tag}")]
    UnknownTag { tag: u16 },
    #[error("a {got:?} frame came where {want:?} was due")]
    Unexpected { want: Tag, got: Tag },
    #[error(transparent)]
    Codec(#[from] codec::Error),
}

/// Reads a header; returns the tag and the length of the body that follows.
///
/// # Errors
/// When the length or the tag is not one of ours. Nothing has been allocated by then.
pub fn parse_header(header: [u8; HEADER_LEN]) -> Result<(Tag, usize), Error> {
    let [a, b, c, d, e, f] = header;
    let length = u32::from_le_bytes([a, b, c, d]);
    let tag = u16::from_le_bytes([e, f]);
    if (length as usize) < TAG_LEN {
        return Err(Error::TooShort { length });
    }
    let body = length as usize - TAG_LEN;
    if body > codec::BODY_MAX {
        return Err(Error::TooLong { length });
    }
    let tag = Tag::ALL.into_iter().find(|known| *known as u16 == tag).ok_or(Error::UnknownTag { tag })?;
    Ok((tag, body))
}

/// A whole frame.
///
/// # Errors
/// When the message is over the size limit.
pub fn encode<M: Framed>(message: &M) -> Result<Vec<u8>, Error> {
    let body = codec::encode(message)?;
    let mut frame = Vec::with_capacity(HEADER_LEN + body.len());
    frame.extend_from_slice(&((body.len() + TAG_LEN) as u32).to_le_bytes());
    frame.extend_from_slice(&(M::TAG as u16).to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// The message of a body whose header had `tag`.
///
/// # Errors
/// When the tag is another message's, or the body is not exactly one message.
pub fn decode<M: Framed>(tag: Tag, body: &[u8]) -> Result<M, Error> {
    if tag != M::TAG {
        return Err(Error::Unexpected { want: M::TAG, got: tag });
    }
    Ok(codec::decode(body)?)
}

#[cfg(test)]
mod tests;
