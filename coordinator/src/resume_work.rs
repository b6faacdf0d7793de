//! Parses uploaded resumes, a few at a time, and takes up those whose parsing a crash interrupted.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use protocol::event::Event;
use protocol::ids::ResumeId;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use store::resumes::{self as rows, ParseError, Parsed};
use store::shards::shard_of;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::core::Core;
use crate::resumes;

/// Resumes waiting in memory; those beyond it are found by the next scan.
const QUEUE_MAX: usize = 256;
/// The scan for resumes whose parsing nobody works on.
const SCAN: Duration = Duration::from_secs(30);

/// Asks for parsing. Cheap to clone; asking never waits and may be repeated.
#[derive(Debug, Clone)]
pub struct ResumeWork {
    queue: mpsc::Sender<ResumeId>,
}

impl ResumeWork {
    #[must_use]
    pub fn new() -> (Self, ResumeQueue) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        (Self { queue }, ResumeQueue(Arc::new(tokio::sync::Mutex::new(waiting))))
    }

    /// Has the resume parsed soon.
    pub fn parse(&self, resume: ResumeId) {
        // Full: the row says `parsing`, and the scan reads rows.
        let _ = self.queue.try_send(resume);
    }
}

/// The other end; it outlives a crash of the actor that reads it.
#[derive(Debug, Clone)]
pub struct ResumeQueue(Arc<tokio::sync::Mutex<mpsc::Receiver<ResumeId>>>);

#[derive(Debug, RactorMessage)]
pub enum ResumesMsg {
    Scan,
}

pub struct Resumes;

pub struct ResumesArgs {
    pub core: Arc<Core>,
    pub work: ResumeWork,
    pub queue: ResumeQueue,
}

impl Actor for Resumes {
    type Msg = ResumesMsg;
    type State = ResumesArgs;
    type Arguments = ResumesArgs;

    async fn pre_start(&self, me: ActorRef<ResumesMsg>, args: ResumesArgs) -> Result<ResumesArgs, ActorProcessingErr> {
        let (core, queue) = (Arc::clone(&args.core), args.queue.clone());
        tokio::spawn(async move {
            let mut waiting = queue.0.lock().await;
            while let Some(resume) = waiting.recv().await {
                // The parser's own semaphore bounds the children; one at a time here keeps the order.
                if let Err(error) = parse(&core, resume).await {
                    warn!(resume.id = %resume, %error, "a resume was not parsed; the next scan tries again");
                }
            }
        });
        me.send_interval(SCAN, || ResumesMsg::Scan);
        me.cast(ResumesMsg::Scan)?;
        Ok(args)
    }

    async fn handle(
        &self,
        _: ActorRef<ResumesMsg>,
        ResumesMsg::Scan: ResumesMsg,
        state: &mut ResumesArgs,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.core.inspect.handling("resumes", "scan");
        match unparsed(&state.core).await {
            Ok(resumes) => resumes.into_iter().for_each(|resume| state.work.parse(resume)),
            // An outage of the database is no fault of this actor: crashing over it would end the node.
            Err(error) => warn!(%error, "unparsed resumes could not be read; the next scan will"),
        }
        Ok(())
    }
}

async fn unparsed(core: &Core) -> Result<Vec<ResumeId>, store::StoreError> {
    let mut tx = core.store.begin().await?;
    let waiting = rows::waiting(&mut tx, QUEUE_MAX as i64).await?;
    // Each node reads those of the people it owns; should two read one, the first result is kept.
    Ok(waiting
        .into_iter()
        .filter(|(_, user)| core.epoch(shard_of(*user)).is_some())
        .map(|(resume, _)| resume)
        .collect())
}

async fn parse(core: &Core, id: ResumeId) -> anyhow::Result<()> {
    let mut tx = core.store.begin().await?;
    let resume = rows::stored(&mut tx, id).await?;
    drop(tx);
    let Some(resume) = resume.filter(|resume| resume.status == "parsing") else { return Ok(()) };
    let bytes = match core.files.get(&resume.file_key).await {
        Ok(bytes) => Some(bytes),
        Err(store::files::FilesError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let exe = &core.settings.resume_child;
    let read = match bytes {
        Some(bytes) => resumes::read(exe, bytes.to_vec(), &resume.mime_type, Utc::now().date_naive()).await,
        None => Err(resumes::Code::Empty.into()),
    };
    let parsed = match read {
        Ok(read) => Ok(Parsed { data: serde_json::to_value(read.data)?, confidence: read.confidence, text: read.text }),
        Err(error) => Err(error.code),
    };
    let (found, event) = match &parsed {
        Ok(parsed) => (Ok(parsed), Event::ResumeParsed { resume_id: id, parse_confidence: parsed.confidence }),
        Err(code) => {
            let error = ParseError { code: code.as_str(), message: code.message() };
            (Err(error), Event::ResumeParseFailed { resume_id: id, error: code.message().to_owned() })
        }
    };
    let mut tx = core.store.begin().await?;
    if !rows::keep_parsed(&mut tx, id, found, Utc::now()).await? {
        return Ok(());
    }
    let told = store::user_events::append(&mut tx, resume.user, &[event.to_json()]).await?;
    store::db::commit(tx, "keeping a parsed resume").await?;
    told.into_iter().for_each(|message| core.bus.publish(message));
    info!(resume.id = %id, parsed = parsed.is_ok(), "resume {id} was read");
    Ok(())
}
