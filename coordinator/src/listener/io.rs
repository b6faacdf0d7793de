//! Frames over QUIC streams.

use bytes::Bytes;
use protocol::wire::frame::{self, Framed, HEADER_LEN};
use quinn::{ReadExactError, RecvStream, SendStream};

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Not ours: the connection is closed for it.
    #[error(transparent)]
    Malformed(#[from] frame::Error),
    #[error("a frame was cut short")]
    Truncated,
    /// The stream or connection ended; nothing is wrong with what came before.
    #[error("the stream ended")]
    Ended,
}

/// The next frame; `None` when the stream ended in order before it.
pub(super) async fn read<M: Framed>(stream: &mut RecvStream) -> Result<Option<M>, Error> {
    let mut header = [0; HEADER_LEN];
    match stream.read_exact(&mut header).await {
        Ok(()) => {}
        Err(ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(ReadExactError::FinishedEarly(_)) => return Err(Error::Truncated),
        Err(ReadExactError::ReadError(_)) => return Err(Error::Ended),
    }
    let (tag, length) = frame::parse_header(header)?;
    if tag != M::TAG {
        return Err(frame::Error::Unexpected { want: M::TAG, got: tag }.into());
    }
    let body = read_bytes(stream, length).await?;
    Ok(Some(frame::decode(tag, &body)?))
}

/// Exactly `length` bytes. The caller has bounded `length`.
pub(super) async fn read_bytes(stream: &mut RecvStream, length: usize) -> Result<Bytes, Error> {
    let mut body = vec![0; length];
    match stream.read_exact(&mut body).await {
        Ok(()) => Ok(body.into()),
        Err(ReadExactError::FinishedEarly(_)) => Err(Error::Truncated),
        Err(ReadExactError::ReadError(_)) => Err(Error::Ended),
    }
}

pub(super) async fn write<M: Framed>(stream: &mut SendStream, message: &M) -> Result<(), Error> {
    let frame = frame::encode(message)?;
    stream.write_all(&frame).await.map_err(|_| Error::Ended)
}
