//! The streams of a session beside control: jobs (ours to open), artifacts and live views (the agent's), files.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use metrics::counter;
use protocol::form::FileRef;
use protocol::ids::LeaseId;
use protocol::wire::message::{
    ArtifactHeader, ControlDown, DownHeader, JobDown, JobUp, LiveFrameHeader, Report, UpHeader,
};
use protocol::wire::{BULK_MAX, close};
use quinn::{RecvStream, SendStream, VarInt};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::io::{self, Error};
use super::link::Work;
use super::session::Context;
use super::sessions::{ArtifactRefused, Gone, ReportRefused, Sessions};

/// Artifacts of one agent held in memory at a time; the rest wait under flow control.
const ARTIFACTS_IN_MEMORY: usize = 4;
/// For the bytes of an artifact or file: 10 MiB over a poor line.
const BULK_TIMEOUT: Duration = Duration::from_secs(60);
/// For storing an artifact.
const STORE_TIMEOUT: Duration = Duration::from_secs(15);
/// For making a report durable, one attempt.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts to make a report durable before the session is given up: about six seconds.
const REPORT_ATTEMPTS: u32 = 8;
/// First pause between them; doubled each time up to [`REPORT_PAUSE_MAX`].
const REPORT_PAUSE: Duration = Duration::from_millis(50);
const REPORT_PAUSE_MAX: Duration = Duration::from_secs(2);
/// For the agent to allow one more stream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// A frame of a live view.
const LIVE_FRAME_MAX: u32 = 2 << 20;
/// Streams opened for one agent at a time: its slots and their files, with room.
const STREAMS_MAX: usize = 512;

// === what the agent opens ===

/// Takes artifacts and live views. The number of streams at a time is the transport's.
pub(super) async fn accept_uploads<S: Sessions>(context: &Arc<Context<S>>) -> Gone {
    let memory = Arc::new(Semaphore::new(ARTIFACTS_IN_MEMORY));
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            stream = context.connection.accept_uni() => match stream {
                Ok(stream) => drop(streams.spawn(upload(context.clone(), stream, memory.clone()))),
                // `hold` sees the end of the connection itself, with its reason.
                Err(_) => return std::future::pending().await,
            },
            Some(_) = streams.join_next() => {}
        }
    }
}

async fn upload<S: Sessions>(context: Arc<Context<S>>, mut stream: RecvStream, memory: Arc<Semaphore>) {
    let header = match timeout(context.shared.limits.first_frame, io::read::<UpHeader>(&mut stream)).await {
        Ok(header) => header,
        Err(_) => return drop(stream.stop(VarInt::from_u32(close::TOO_SLOW))),
    };
    let result = match header {
        Ok(Some(UpHeader::Artifact(_))) if !context.sent.artifacts.allow() => return context.flooded("artifacts"),
        Ok(Some(UpHeader::Artifact(header))) => artifact(&context, header, &mut stream, &memory).await,
        Ok(Some(UpHeader::Live { lease })) => live(&context, lease, &mut stream).await,
        Ok(None) | Err(Error::Ended) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        context.malformed(&error);
    }
}

async fn artifact<S: Sessions>(
    context: &Context<S>,
    header: ArtifactHeader,
    stream: &mut RecvStream,
    memory: &Semaphore,
) -> Result<(), Error> {
    let artifact = header.artifact;
    let refuse = |again| ControlDown::ArtifactRefused { artifact, again };
    let refused = |reason: &'static str| counter!("valet_artifacts_refused_total", "reason" => reason).increment(1);
    if header.size > BULK_MAX {
        refused("size");
        let _ = stream.stop(VarInt::from_u32(close::REFUSED));
        let _ = context.control.send(refuse(false)).await;
        return Ok(());
    }
    let Ok(_memory) = memory.acquire().await else { return Ok(()) };
    let body = async {
        let bytes = io::read_bytes(stream, header.size as usize).await?;
        // Exactly as many as announced.
        match stream.read_chunk(1, true).await {
            Ok(None) => Ok(Some(bytes)),
            Ok(Some(_)) => Ok(None),
            Err(_) => Err(Error::Ended),
        }
    };
    let bytes = match timeout(BULK_TIMEOUT, body).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(Error::Truncated)) => None,
        Ok(Err(Error::Ended)) => return Ok(()),
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            refused("slow");
            let _ = stream.stop(VarInt::from_u32(close::TOO_SLOW));
            let _ = context.control.send(refuse(true)).await;
            return Ok(());
        }
    };
    let sound = bytes.filter(|bytes| hex::encode(Sha256::digest(bytes)) == header.sha256);
    let answer = match sound {
        None => {
            refused("hash");
            refuse(true)
        }
        Some(bytes) => {
            let stored = context.shared.sessions.artifact(context.sandbox, header, bytes);
            match timeout(STORE_TIMEOUT, stored).await.unwrap_or(Err(ArtifactRefused::Unavailable)) {
                Ok(()) => ControlDown::ArtifactStored { artifact },
                Err(ArtifactRefused::Stale) => {
                    refused("stale");
                    refuse(false)
                }
                Err(ArtifactRefused::Full) => {
                    refused("full");
                    refuse(false)
                }
                Err(ArtifactRefused::TooMuch) => {
                    refused("too_much");
                    refuse(false)
                }
                Err(ArtifactRefused::Unavailable) => {
                    refused("unavailable");
                    refuse(true)
                }
            }
        }
    };
    let _ = context.control.send(answer).await;
    Ok(())
}

async fn live<S: Sessions>(context: &Context<S>, lease: LeaseId, stream: &mut RecvStream) -> Result<(), Error> {
    loop {
        let header = match io::read::<LiveFrameHeader>(stream).await {
            Ok(Some(header)) => header,
            Ok(None) | Err(Error::Ended) => return Ok(()),
            Err(error) => return Err(error),
        };
        if header.size > LIVE_FRAME_MAX {
            return Err(protocol::wire::frame::Error::TooLong { length: header.size }.into());
        }
        if !context.sent.frames.allow() {
            context.flooded("frames");
            return Ok(());
        }
        match io::read_bytes(stream, header.size as usize).await {
            Ok(jpeg) => context.shared.sessions.live_frame(context.sandbox, lease, header, jpeg),
            Err(Error::Ended) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

// === what we open ===

/// Opens jobs and sends files as the core asks for them.
pub(super) async fn open_work<S: Sessions>(context: &Arc<Context<S>>, mut works: mpsc::Receiver<Work>) -> Gone {
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            Some(work) = works.recv(), if streams.len() < STREAMS_MAX => match work {
                Work::Job { lease, first, commands } => {
                    streams.spawn(job(context.clone(), lease, first, commands));
                }
                Work::File { lease, file, bytes } => {
                    streams.spawn(send_file(context.clone(), lease, file, bytes));
                }
            },
            Some(_) = streams.join_next() => {}
            // The core dropped its link: what is open goes on.
            else => return std::future::pending().await,
        }
    }
}

async fn send_file<S: Sessions>(context: Arc<Context<S>>, lease: LeaseId, file: FileRef, bytes: Bytes) {
    let sent = timeout(BULK_TIMEOUT, async {
        let mut stream = context.connection.open_uni().await.map_err(|_| Error::Ended)?;
        io::write(&mut stream, &DownHeader::File { lease, file }).await?;
        // An agent that has the file stops the stream: that is no failure.
        if stream.write_all(&bytes).await.is_ok() {
            let _ = stream.finish();
            let _ = stream.stopped().await;
        }
        Ok::<_, Error>(())
    });
    match sent.await {
        Ok(Ok(()) | Err(Error::Ended)) => {}
        Ok(Err(error)) => warn!(%lease, %error, "a file could not be sent"),
        Err(_) => warn!(%lease, "a file was not read by the agent in time"),
    }
}

/// One job's stream, both ways, until the agent ends its side or the session is over.
async fn job<S: Sessions>(context: Arc<Context<S>>, lease: LeaseId, first: JobDown, commands: mpsc::Receiver<JobDown>) {
    let Ok(Ok((mut send, recv))) = timeout(OPEN_TIMEOUT, context.connection.open_bi()).await else {
        warn!(%lease, "the agent does not take another job stream");
        return context.connection.close(VarInt::from_u32(close::BUSY), b"job streams");
    };
    match io::write(&mut send, &first).await {
        Ok(()) => {}
        Err(Error::Malformed(error)) => return warn!(%lease, %error, "a job could not be sent"),
        Err(_) => return,
    }
    let (acked, acks) = watch::channel(0);
    tokio::select! {
        () = read_reports(&context, lease, recv, acked) => {}
        () = write_commands(lease, send, commands, acks) => {}
    }
}

async fn write_commands(
    lease: LeaseId,
    mut send: SendStream,
    mut commands: mpsc::Receiver<JobDown>,
    mut acks: watch::Receiver<u64>,
) {
    loop {
        let message = tokio::select! {
            Some(command) = commands.recv() => command,
            Ok(()) = acks.changed() => JobDown::Ack { report: *acks.borrow_and_update() },
            else => return,
        };
        match io::write(&mut send, &message).await {
            Ok(()) => {}
            // The core learns of it by the silence of the job; the message is too large, not the session broken.
            Err(Error::Malformed(error)) => warn!(%lease, %error, "a command could not be sent"),
            Err(_) => return,
        }
    }
}

async fn read_reports<S: Sessions>(
    context: &Context<S>,
    lease: LeaseId,
    mut recv: RecvStream,
    acked: watch::Sender<u64>,
) {
    loop {
        match io::read::<JobUp>(&mut recv).await {
            Ok(Some(JobUp::Progress(_))) if !context.sent.progress.allow() => return context.flooded("progress"),
            Ok(Some(JobUp::Report { .. })) if !context.sent.reports.allow() => return context.flooded("reports"),
            Ok(Some(JobUp::Progress(progress))) => {
                context.shared.sessions.progress(context.sandbox, lease, progress);
            }
            Ok(Some(JobUp::Report { number, report })) => match take(context, lease, number, report).await {
                Ok(()) => {
                    acked.send_replace(number);
                }
                Err(ReportRefused::Stale) => {
                    counter!("valet_reports_stale_total").increment(1);
                    debug!(%lease, number, "a report under a lease that is over");
                    let _ = context.control.send(ControlDown::Release { leases: vec![lease] }).await;
                    return;
                }
                Err(ReportRefused::Unavailable | ReportRefused::NotHere) => {
                    warn!(%lease, number, "a report cannot be made durable; the session ends");
                    return context.connection.close(VarInt::from_u32(close::INTERNAL), b"reports");
                }
            },
            Ok(None) | Err(Error::Ended) => return,
            Err(error) => return context.malformed(&error),
        }
    }
}

async fn take<S: Sessions>(
    context: &Context<S>,
    lease: LeaseId,
    number: u64,
    report: Report,
) -> Result<(), ReportRefused> {
    let mut pause = REPORT_PAUSE;
    for attempt in 1.. {
        let taken = context.shared.sessions.report(context.sandbox, context.epoch, lease, number, report.clone());
        match timeout(REPORT_TIMEOUT, taken).await.unwrap_or(Err(ReportRefused::Unavailable)) {
            Err(ReportRefused::Unavailable) if attempt < REPORT_ATTEMPTS => {
                counter!("valet_reports_repeated_total").increment(1);
                sleep(pause).await;
                pause = (pause * 2).min(REPORT_PAUSE_MAX);
            }
            decided => return decided,
        }
    }
    Err(ReportRefused::Unavailable)
}
