//! Frames over QUIC streams.

use protocol::wire::frame::{self, Framed, HEADER_LEN};
use quinn::{ReadExactError, RecvStream, SendStream, VarInt};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Not the coordinator's language: the session is ended for it.
    #[error(transparent)]
    Malformed(#[from] frame::Error),
    #[error("a frame was cut short")]
    Truncated,
    #[error("the stream ended")]
    Ended,
}

/// The next frame; `None` when the stream ended in order before it.
pub(crate) async fn read<M: Framed>(stream: &mut RecvStream) -> Result<Option<M>, Error> {
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
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(|error| match error {
        ReadExactError::FinishedEarly(_) => Error::Truncated,
        ReadExactError::ReadError(_) => Error::Ended,
    })?;
    Ok(Some(frame::decode(tag, &body)?))
}

pub(crate) async fn write<M: Framed>(stream: &mut SendStream, message: &M) -> Result<(), Error> {
    let frame = frame::encode(message)?;
    stream.write_all(&frame).await.map_err(|_| Error::Ended)
}

/// A stream up that is reset when it is dropped unfinished: quinn would finish it, and the coordinator would take half
/// a frame for a fault.
pub(crate) struct Up {
    stream: SendStream,
    finished: bool,
}

impl Up {
    pub fn new(stream: SendStream) -> Self {
        Self { stream, finished: false }
    }

    pub async fn write<M: Framed>(&mut self, message: &M) -> Result<(), Error> {
        write(&mut self.stream, message).await
    }

    pub async fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).await.map_err(|_| Error::Ended)
    }

    pub fn finish(mut self) {
        self.finished = self.stream.finish().is_ok();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.stream.reset(VarInt::from_u32(protocol::wire::close::DONE));
        }
    }
}
