//! Live pictures from coordinators to gateways, on a stream of their own beside each link: the gateway says which tasks
//! somebody watches, the coordinator sends their frames. A frame that comes while the last one is still being written
//! is dropped: older ones are worthless.

use std::collections::BTreeSet;
use std::sync::Arc;

use links::Beside;
use protocol::ids::TaskId;
use protocol::wire::codec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::bus::{Bus, Frame};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Tasks one gateway may watch: as many as it has viewers.
const WATCHED_MAX: usize = 100;
/// A header or a list of tasks.
const WORD_MAX: usize = 8 << 10;
/// One picture; the agents' limit.
const PICTURE_MAX: u32 = 2 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    task: TaskId,
    width: u32,
    height: u32,
    at_ms: u64,
    size: u32,
}

/// The coordinator's end.
pub fn serve(bus: Bus) -> Beside {
    Arc::new(move |mut send, mut recv| {
        let bus = bus.clone();
        Box::pin(async move {
            let (tell, watched) = watch::channel(BTreeSet::new());
            let hear = async {
                while let Some(tasks) = read::<Vec<TaskId>>(&mut recv).await {
                    if tasks.len() > WATCHED_MAX {
                        return;
                    }
                    tell.send_replace(tasks.into_iter().collect());
                }
            };
            let show = async {
                let mut frames = bus.subscribe_frames();
                loop {
                    match frames.recv().await {
                        Ok(frame) if watched.borrow().contains(&frame.task) => {
                            if picture(&mut send, frame).await.is_none() {
                                return;
                            }
                        }
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return,
                    }
                }
            };
            tokio::select! {
                () = hear => {}
                () = show => {}
            }
        })
    })
}

/// The gateway's end: what comes is handed to those who watch here.
pub fn ask(bus: Bus, watched: watch::Receiver<BTreeSet<TaskId>>) -> Beside {
    Arc::new(move |mut send, mut recv| {
        let (bus, mut watched) = (bus.clone(), watched.clone());
        Box::pin(async move {
            let tell = async {
                loop {
                    let tasks: Vec<TaskId> = watched.borrow_and_update().iter().copied().take(WATCHED_MAX).collect();
                    if write(&mut send, &tasks).await.is_none() || watched.changed().await.is_err() {
                        return;
                    }
                }
            };
            let show = async {
                while let Some(header) = read::<Header>(&mut recv).await {
                    if header.size > PICTURE_MAX {
                        return;
                    }
                    let mut jpeg = vec![0; header.size as usize];
                    if recv.read_exact(&mut jpeg).await.is_err() {
                        return;
                    }
                    let Header { task, width, height, at_ms, .. } = header;
                    bus.publish_frame(Frame { task, width, height, at_ms, jpeg: jpeg.into() });
                }
            };
            tokio::select! {
                () = tell => {}
                () = show => {}
            }
        })
    })
}

async fn picture(to: &mut (impl AsyncWrite + Unpin), frame: Frame) -> Option<()> {
    let size = u32::try_from(frame.jpeg.len()).ok().filter(|size| *size <= PICTURE_MAX)?;
    let Frame { task, width, height, at_ms, jpeg } = frame;
    write(to, &Header { task, width, height, at_ms, size }).await?;
    to.write_all(&jpeg).await.ok()
}

/// Length, then the value. `None` when the stream is over.
async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), value: &T) -> Option<()> {
    let body = codec::encode_up_to::<T, WORD_MAX>(value).ok()?;
    to.write_u32_le(body.len().try_into().ok()?).await.ok()?;
    to.write_all(&body).await.ok()
}

async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> Option<T> {
    let length = from.read_u32_le().await.ok()? as usize;
    if length > WORD_MAX {
        return None;
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).await.ok()?;
    codec::decode_up_to::<T, WORD_MAX>(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn words_come_through_and_nothing_longer_than_a_word() {
        let (mut one, mut other) = tokio::io::duplex(1 << 16);
        let tasks = vec![TaskId::new(), TaskId::new()];
        write(&mut one, &tasks).await.unwrap();
        assert_eq!(read::<Vec<TaskId>>(&mut other).await.unwrap(), tasks);
        one.write_u32_le(1 << 30).await.unwrap();
        assert!(read::<Vec<TaskId>>(&mut other).await.is_none());
    }
}
