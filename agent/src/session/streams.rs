//! The streams that the coordinator opens in a session: one per job, one per file of a job.

use std::time::Duration;

use protocol::wire::close;
use protocol::wire::message::{DownHeader, JobDown};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::warn;

use super::serve::{lost, malformed};
use super::{Ended, io};
use crate::jobs::Jobs;
use crate::page::Browsers;

/// For the first frame of a stream the coordinator opened.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(5);
/// For a file to arrive whole, and for its job to begin if it overtook it.
const FILE_TIMEOUT: Duration = Duration::from_secs(60);
const FILE_JOB_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn accept_jobs<B: Browsers>(connection: &Connection, jobs: &Jobs<B>) -> Ended {
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok((send, recv)) => {
                    streams.spawn(job_stream(connection.clone(), jobs.clone(), send, recv));
                }
                Err(error) => return lost(&error),
            },
            Some(_) = streams.join_next() => {}
        }
    }
}

async fn job_stream<B: Browsers>(connection: Connection, jobs: Jobs<B>, send: SendStream, mut recv: RecvStream) {
    let first = timeout(FIRST_FRAME_TIMEOUT, io::read::<JobDown>(&mut recv)).await;
    let (job, acked) = match first {
        Ok(Ok(Some(JobDown::Start(start)))) => (jobs.start(start), 0),
        Ok(Ok(Some(JobDown::Attach { lease, acked }))) => (jobs.attach(lease, acked), acked),
        Ok(Ok(None) | Err(io::Error::Ended | io::Error::Truncated)) | Err(_) => return,
        Ok(Ok(Some(_))) => return drop(malformed(&connection, &"a job stream without a beginning")),
        Ok(Err(error)) => return drop(malformed(&connection, &error)),
    };
    let Ok(job) = job else {
        warn!("a job was not taken: too many are held");
        metrics::counter!("valet_jobs_refused_total").increment(1);
        let _ = recv.stop(VarInt::from_u32(close::BUSY));
        return;
    };
    let commands = async {
        loop {
            match io::read::<JobDown>(&mut recv).await {
                Ok(Some(command)) => job.take(command),
                // The coordinator has no more to say; the reports go on.
                Ok(None) => return std::future::pending().await,
                Err(io::Error::Ended | io::Error::Truncated) => return,
                Err(error) => return drop(malformed(&connection, &error)),
            }
        }
    };
    tokio::select! {
        () = commands => {}
        () = job.write_reports(send, acked) => {}
    }
}

pub(super) async fn accept_files<B: Browsers>(connection: &Connection, jobs: &Jobs<B>) -> Ended {
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni() => match stream {
                Ok(recv) => {
                    streams.spawn(file_stream(connection.clone(), jobs.clone(), recv));
                }
                Err(error) => return lost(&error),
            },
            Some(_) = streams.join_next() => {}
        }
    }
}

async fn file_stream<B: Browsers>(connection: Connection, jobs: Jobs<B>, mut recv: RecvStream) {
    let (lease, file) = match timeout(FIRST_FRAME_TIMEOUT, io::read::<DownHeader>(&mut recv)).await {
        Ok(Ok(Some(DownHeader::File { lease, file }))) => (lease, file),
        Ok(Ok(None) | Err(io::Error::Ended | io::Error::Truncated)) | Err(_) => return,
        Ok(Err(error)) => return drop(malformed(&connection, &error)),
    };
    let refuse = |recv: &mut RecvStream, code| drop(recv.stop(VarInt::from_u32(code)));
    let Some(job) = jobs.wait_for(lease, FILE_JOB_TIMEOUT).await else {
        return refuse(&mut recv, close::REFUSED);
    };
    if job.files.has(&file.sha256) {
        return refuse(&mut recv, close::HAVE_IT);
    }
    let received = timeout(FILE_TIMEOUT, job.files.receive(&file, &mut recv)).await;
    match received {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(%lease, %error, "a file was not taken");
            refuse(&mut recv, close::REFUSED);
        }
        Err(_) => refuse(&mut recv, close::TOO_SLOW),
    }
}
