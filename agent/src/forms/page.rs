//! One job's page: opening the posting, finding the form, pictures.

mod arrive;

use std::time::Duration;

use crate::session::clock::Moment;
use chromiumoxide::cdp::browser_protocol::emulation::SetScrollbarsHiddenParams;
use protocol::form::{Blocker, FieldKind, FormModel};
use protocol::plan::FillResult;
use protocol::task::{ErrorCode, Failure, FailureClass, InteractionKind};
use protocol::wire::codec;
use protocol::wire::message::{FillItem, Permit, Progress, ReturnReason, SubmitOutcome};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::observe::{Look, Memory, look};
use super::script::{ENGINE, GUARD, guard_again, took};
use super::submit::Counts;
use super::{fill, submit};
use crate::browser::Lease;
use crate::cdp::{Error, NavigateError, PageSession, World};
use crate::page::{Click, Files, Page, Photo, Tab};

/// For a site to answer and send its document.
const NAVIGATE: Duration = Duration::from_secs(25);
/// For what a page of an earlier run has asked for to fail: nobody listens where it goes.
const CALM: Duration = Duration::from_secs(1);
/// Clicks on "Apply" from a posting to its form: a posting, perhaps a page that asks how to apply.
const HOPS_MAX: usize = 2;
/// Pixels of the page in a picture: long forms have 3000 to 5000.
const PHOTO_HEIGHT: u32 = 6_000;
const PHOTO_QUALITY: u8 = 60;
/// A live frame is for watching, not for reading small print.
const LIVE: (u8, u32, u32) = (50, 1280, 960);

/// A page leased for one job.
pub struct FormPage {
    page: PageSession,
    memory: Memory,
    /// Status of the document that was opened, when it was an error page worth reading.
    status: Option<u16>,
    armed: bool,
    live: Option<JoinHandle<()>>,
    /// What the guards had counted when the page was adopted.
    counted: Counts,
    /// Keeps the browser context; dropping it disposes of everything the job left there.
    lease: Option<Lease>,
}

/// A scrollbar takes its width from the page where it is looked at and not where it is photographed: what is centred
/// would stand half of it beside its outline.
async fn hide_scrollbars(page: &PageSession) -> Result<(), Error> {
    page.root().run(SetScrollbarsHiddenParams::new(true)).await.map(|_| ())
}

/// Arms the guard in every document that is there and every one to come.
async fn arm_again(page: &PageSession) -> Result<Counts, Error> {
    page.add_script_later(ENGINE, World::Isolated).await?;
    page.add_script_later(GUARD, World::Main).await?;
    let mut counted = Counts::default();
    for frame in page.frames() {
        match guard_again(page, &frame.id).await {
            Ok(counts) => counted.add(counts),
            // It left the page, or shows another document, in which the scripts ran first.
            Err(Error::FrameGone) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(counted)
}

/// Tells a script that a page was left with from another one.
fn engine_version() -> u32 {
    crc32fast::hash(ENGINE.as_bytes())
}

fn page_failure(code: ErrorCode, message: &str) -> Failure {
    Failure::new(FailureClass::Page, code, message)
}

impl FormPage {
    /// Takes over a blank page; `lease`, when it came from the pool, is given back with it.
    #[must_use]
    pub fn new(page: PageSession, lease: Option<Lease>) -> Self {
        Self {
            page,
            memory: Memory::default(),
            status: None,
            armed: false,
            live: None,
            counted: Counts::default(),
            lease,
        }
    }

    /// Takes over the page of an earlier run. First of all its guards are armed, in every frame and every other tab of
    /// its context, so that nothing can be sent from it; `memory` is what [`Page::memory`] said of it.
    ///
    /// # Errors
    /// When the page is gone, a frame cannot be guarded, or the page's script is that of another version.
    pub async fn adopt(lease: Lease, memory: &[u8]) -> Result<Self, Failure> {
        let page = lease.page().clone();
        let tabs: Vec<PageSession> =
            page.cdp().pages().into_iter().filter(|tab| tab.context() == page.context()).collect();
        let mut counted = Counts::default();
        for tab in &tabs {
            counted.add(arm_again(tab).await?);
        }
        // What was asked for before the guards were armed finds no way out; it is not to find the one that opens now.
        page.wait_answered(CALM).await?;
        lease.open_way().await.map_err(|error| {
            tracing::warn!(%error, "a page of before the restart has no way out any more");
            page_failure(ErrorCode::BrowserLost, "the page has no way out any more")
        })?;
        let foreign = || page_failure(ErrorCode::BrowserLost, "the page is not as this version leaves it");
        let (engine, status, memory): (u32, Option<u16>, Memory) = codec::decode(memory).map_err(|_| foreign())?;
        if engine != engine_version() {
            return Err(foreign());
        }
        hide_scrollbars(&page).await?;
        Ok(Self { page, memory, status, armed: true, live: None, counted, lease: Some(lease) })
    }

    /// The page itself.
    #[must_use]
    pub fn session(&self) -> &PageSession {
        &self.page
    }

    /// The present form, without touching the page.
    async fn look(&mut self) -> Result<Look, Failure> {
        let mut seen = look(&self.page, &mut self.memory).await?;
        if seen.model.page.blocker.is_none() && self.status == Some(429) && seen.model.fields.is_empty() {
            let message = "The site says that there were too many requests.".to_owned();
            seen.model.page.blocker = Some(Blocker { kind: InteractionKind::RateLimited, message });
        }
        Ok(seen)
    }

    fn stop_watching(&mut self) {
        if let Some(live) = self.live.take() {
            live.abort();
        }
    }
}

/// A form worth filling, as against a search box or a newsletter on a posting.
fn is_form(seen: &Look) -> bool {
    let fields = &seen.model.fields;
    fields.len() >= 3 || fields.iter().any(|f| f.kind == FieldKind::File) || (!fields.is_empty() && !seen.can_apply)
}

/// States in which there is nothing to look for.
fn is_settled(model: &FormModel) -> bool {
    let page = &model.page;
    page.closed || page.already_applied || page.confirmation.is_some() || page.blocker.is_some()
}

impl Page for FormPage {
    async fn open(&mut self, url: &str) -> Result<(), Failure> {
        if !self.armed {
            self.page.add_script(ENGINE, World::Isolated).await?;
            self.page.add_script(GUARD, World::Main).await?;
            hide_scrollbars(&self.page).await?;
            self.armed = true;
        }
        self.memory = Memory::default();
        self.status = None;
        let begun = Instant::now();
        let arrived = self.page.navigate(url, NAVIGATE).await;
        took("navigate", begun);
        match arrived {
            Ok(_) => {}
            Err(NavigateError::Status { code: code @ (401 | 403 | 429 | 503), retry_after }) => {
                self.status = Some(code);
                self.settle().await?;
                let refused = NavigateError::Status { code, retry_after };
                return match self.look().await?.model.page.blocker {
                    // A site that says when to come again is not waited for with its page.
                    Some(blocker) if blocker.kind == InteractionKind::RateLimited && retry_after.is_some() => {
                        let (class, error) = (FailureClass::RateLimited, ErrorCode::RateLimited);
                        Err(Failure { retry_after, ..Failure::new(class, error, refused.to_string()) })
                    }
                    // What blocks the way is worth showing to the person; anything else of the kind is a dead link.
                    Some(_) => Ok(()),
                    None => Err(refused.into()),
                };
            }
            Err(error) => return Err(error.into()),
        }
        let begun = Instant::now();
        self.settle().await?;
        took("settle", begun);
        let begun = Instant::now();
        self.dismiss_cookies().await?;
        took("cookie notices", begun);
        Ok(())
    }

    async fn observe(&mut self) -> Result<FormModel, Failure> {
        let begun = Instant::now();
        let mut seen = self.look().await?;
        took("look", begun);
        for _ in 0..HOPS_MAX {
            if is_settled(&seen.model) || is_form(&seen) || !seen.can_apply {
                break;
            }
            self.apply(&seen).await?;
            self.dismiss_cookies().await?;
            seen = self.look().await?;
        }
        if seen.model.fields.is_empty() && !is_settled(&seen.model) {
            return Err(page_failure(ErrorCode::NotAForm, "the page has no application form"));
        }
        // A form that waits for a captcha is read like any other: it is filled once a person has passed it.
        let readable = |blocker: &Blocker| blocker.kind == InteractionKind::Captcha;
        if seen.model.page.blocker.as_ref().is_none_or(readable) && self.peek().await? {
            seen = self.look().await?;
        }
        Ok(seen.model)
    }

    async fn fill(
        &mut self,
        items: &[FillItem],
        files: &dyn Files,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<FillResult>, Failure> {
        Ok(fill::fill(&self.page, &mut self.memory, items, files, progress).await?)
    }

    async fn photo(&mut self) -> Result<Photo, Failure> {
        let begun = Instant::now();
        let picture = self.page.screenshot_jpeg(PHOTO_QUALITY, Some(PHOTO_HEIGHT)).await?;
        took("photo", begun);
        Ok(Photo { jpeg: picture.jpeg, width: picture.width, height: picture.height })
    }

    async fn check(&mut self, permit: &Permit) -> Result<(), ReturnReason> {
        let seen = self.look().await.map_err(|_| ReturnReason::FormChanged)?;
        if seen.model.form_digest() != permit.form {
            return Err(ReturnReason::FormChanged);
        }
        if seen.model.values_digest() != permit.values {
            return Err(ReturnReason::ValuesChanged);
        }
        Ok(())
    }

    async fn submit(&mut self, deadline: Moment, patience: Duration) -> Click {
        let way = self.lease.as_ref().map(Lease::way);
        submit::submit(&self.page, way, &mut self.memory, deadline, patience).await
    }

    async fn aftermath(&mut self, patience: Duration) -> SubmitOutcome {
        submit::aftermath(&self.page, &mut self.memory, self.counted, patience).await
    }

    fn tab(&self) -> Option<Tab> {
        let target = self.page.target().to_owned();
        self.lease.as_ref().map(|lease| Tab { target, ..lease.tab() })
    }

    fn memory(&self) -> Vec<u8> {
        // What does not fit is not kept: the page is lost at a restart then.
        codec::encode(&(engine_version(), self.status, &self.memory)).unwrap_or_default()
    }

    async fn watch(&mut self, frames: Option<mpsc::Sender<Photo>>) {
        self.stop_watching();
        let Some(frames) = frames else { return };
        let page = self.page.clone();
        self.live = Some(tokio::spawn(async move {
            let (quality, width, height) = LIVE;
            let Ok(mut cast) = page.screencast(quality, width, height).await else { return };
            loop {
                let picture = tokio::select! {
                    picture = cast.next() => picture,
                    () = frames.closed() => return,
                };
                let Some(picture) = picture else { return };
                let photo = Photo { jpeg: picture.jpeg.clone(), width: picture.width, height: picture.height };
                // A slow watcher misses frames instead of delaying them.
                if let Err(mpsc::error::TrySendError::Closed(_)) = frames.try_send(photo) {
                    return;
                }
            }
        }));
    }

    fn dead(&self) -> impl Future<Output = Failure> + Send + 'static {
        let dead = self.page.dead();
        async move { dead.await.into() }
    }

    async fn close(&mut self) {
        self.stop_watching();
        self.page.close().await;
        if let Some(lease) = self.lease.take() {
            lease.close().await;
        }
    }
}

impl Drop for FormPage {
    fn drop(&mut self) {
        self.stop_watching();
    }
}

impl From<Error> for super::submit::Lost {
    fn from(error: Error) -> Self {
        Self { fatal: error.is_fatal() }
    }
}
