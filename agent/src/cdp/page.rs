//! One tab and everything in it: sessions, frames, what happened.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::emulation::SetFocusEmulationEnabledParams;
use chromiumoxide::cdp::browser_protocol::page::{
    self, FrameId, GetFrameTreeParams, SetInterceptFileChooserDialogParams, SetLifecycleEventsEnabledParams,
};
use chromiumoxide::cdp::browser_protocol::target::{SetAutoAttachParams, TargetId, TargetInfo};
use chromiumoxide::cdp::browser_protocol::{inspector, network};
use chromiumoxide::cdp::js_protocol::runtime;
use tokio::sync::{broadcast, watch};

use super::frames::{FrameInfo, Tree};
use super::mux::{Session, Sink};
use super::navigate::Load;
use super::picture::Picture;
use super::scripts::Script;
use super::{BrowserContextId, Cdp, Error, Gone, NetworkPath, targets};

/// Events a slow listener may fall behind before it misses some (and is told so).
const EVENTS: usize = 512;
/// Popups of one page that nobody has taken; a form opens one.
const MAX_POPUPS: usize = 4;
/// How often a page's renderer is asked whether it lives, and how long it may take.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Unanswered heartbeats (each waits `COMMAND_TIMEOUT`) that make a page hung: 20 s of a blocked main thread, which no
/// usable form shows.
const MISSED_HEARTBEATS: u32 = 2;

/// What a request was made for, as far as an application form cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// The document of a frame.
    Document,
    /// `fetch` or `XMLHttpRequest` by a script.
    Script,
}

/// Kinds of JavaScript dialogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogKind {
    Alert,
    Confirm,
    Prompt,
    BeforeUnload,
}

/// What happened in a page. Addresses and texts come from the page: hostile, personal, never for a log.
#[derive(Debug, Clone)]
pub enum PageEvent {
    /// A frame shows a new document.
    Navigated { frame: FrameId, url: String, main: bool },
    /// A request left: documents of any frame, and script requests other than GET.
    Request { id: String, frame: Option<FrameId>, kind: RequestKind, method: String, url: String },
    /// The headers of the answer to such a request (or to a script's GET) arrived.
    Response { id: String, frame: Option<FrameId>, kind: RequestKind, status: u16, url: String },
    /// Such a request failed; `error` is Chromium's `net::ERR_…`.
    RequestFailed { id: String, kind: RequestKind, error: String },
    /// A dialog opened and was answered at once: alerts and "leave page?" accepted, questions declined.
    Dialog { kind: DialogKind, message: String },
    /// A new tab or window was opened by this page; [`PageSession::take_popup`] hands it out.
    Popup { url: String },
    /// A frame in a process of its own lost it.
    FrameCrashed { frame: FrameId },
}

pub(super) struct State {
    pub(super) frames: Tree,
    pub(super) scripts: Vec<Script>,
    pub(super) sessions: Vec<Session>,
    popups: Vec<PageSession>,
    pub(super) load: Load,
    setup: Option<Result<(), Gone>>,
    /// Sessions of frames that are being set up.
    pub(super) preparing: usize,
}

impl State {
    pub(super) fn session(&self, key: &str) -> Option<Session> {
        self.sessions.iter().find(|session| session.key() == key).cloned()
    }
}

pub(super) struct Inner {
    pub(super) root: Session,
    pub(super) target: TargetId,
    context: Option<BrowserContextId>,
    pub(super) state: Mutex<State>,
    pub(super) changed: watch::Sender<()>,
    pub(super) events: broadcast::Sender<PageEvent>,
    pub(super) newest: watch::Sender<Option<Arc<Picture>>>,
    pub(super) path: Option<Arc<dyn NetworkPath>>,
}

/// One page. Clones share it.
#[derive(Clone)]
pub struct PageSession {
    pub(super) inner: Arc<Inner>,
}

impl std::fmt::Debug for PageSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageSession").field("target", &self.inner.target).finish_non_exhaustive()
    }
}

impl PageSession {
    /// A page whose session was just attached. A popup starts with its opener's scripts.
    pub(super) fn new(
        root: Session,
        info: &TargetInfo,
        opener: Option<&Self>,
        path: Option<Arc<dyn NetworkPath>>,
    ) -> Self {
        // A page's main frame has the id of its target.
        let main = FrameId::from(String::from(info.target_id.clone()));
        let state = State {
            frames: Tree::new(main.clone(), root.key()),
            scripts: opener.map(|opener| opener.state(|s| s.scripts.clone())).unwrap_or_default(),
            sessions: vec![root.clone()],
            popups: Vec::new(),
            load: Load::default(),
            setup: None,
            preparing: 0,
        };
        let page = Self {
            inner: Arc::new(Inner {
                root: root.clone(),
                target: info.target_id.clone(),
                context: info.browser_context_id.clone(),
                state: Mutex::new(state),
                changed: watch::Sender::new(()),
                events: broadcast::Sender::new(EVENTS),
                newest: watch::Sender::new(None),
                path,
            }),
        };
        let setting_up = page.clone();
        let scripts = page.state(|s| s.scripts.clone());
        tokio::spawn(async move {
            let result = setting_up.set_up(&root, &scripts, true).await;
            let outcome = match result {
                Err(Error::Gone(gone)) => Err(gone),
                // A refused command leaves a page that can be closed but not trusted with a job.
                Err(error) => {
                    tracing::warn!(%error, "a page could not be set up");
                    Err(Gone::Detached)
                }
                Ok(()) => Ok(()),
            };
            setting_up.change(|s| s.setup = Some(outcome));
            let weak = Arc::downgrade(&setting_up.inner);
            drop(setting_up);
            heartbeat(weak, root).await;
        });
        page
    }

    pub(super) fn sink(&self) -> Arc<dyn Sink> {
        self.inner.clone()
    }

    pub(super) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.inner.state.lock().expect("nothing panics while holding a page's state"))
    }

    pub(super) fn change(&self, alter: impl FnOnce(&mut State)) {
        self.state(alter);
        let _ = self.inner.changed.send(());
    }

    /// Waits until `look` finds something in the state. The caller bounds the wait.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> Result<T, Error> {
        let mut changed = self.inner.changed.subscribe();
        loop {
            self.inner.root.check()?;
            if let Some(found) = self.state(&mut look) {
                return Ok(found);
            }
            tokio::select! {
                _ = changed.changed() => {}
                gone = self.inner.root.ended() => return Err(gone.into()),
            }
        }
    }

    pub(super) async fn ready(&self) -> Result<(), Error> {
        Ok(self.wait_for(|s| s.setup).await??)
    }

    /// Prepares a new session while it is held: everything is handed over in order and then released, so the scripts
    /// are in place before the frame's first own script runs.
    pub(super) async fn set_up(&self, session: &Session, scripts: &[Script], is_page: bool) -> Result<(), Error> {
        let mut attach = SetAutoAttachParams::new(true, true);
        attach.flatten = Some(true);
        attach.filter = Some(targets::only("iframe"));
        let mut network = network::EnableParams::default();
        // Bodies are never asked for: keep none.
        (network.max_total_buffer_size, network.max_resource_buffer_size) = (Some(0), Some(0));
        let mut answers = vec![
            session.submit(inspector::EnableParams::default()).await?,
            session.submit(page::EnableParams::default()).await?,
            session.submit(SetLifecycleEventsEnabledParams::new(true)).await?,
            session.submit(runtime::EnableParams::default()).await?,
            session.submit(network).await?,
            session.submit(attach).await?,
        ];
        for script in scripts {
            answers.push(session.submit(script.for_new_documents()).await?);
        }
        if is_page {
            // A chooser would wait for a person at the host; focus is what `:focus` and blur handlers go by.
            answers.push(session.submit(SetInterceptFileChooserDialogParams::new(true)).await?);
            answers.push(session.submit(SetFocusEmulationEnabledParams::new(true)).await?);
        }
        answers.push(session.submit(runtime::RunIfWaitingForDebuggerParams::default()).await?);
        let tree = session.run(GetFrameTreeParams::default()).await?.frame_tree;
        // A refused command, the guard's script above all, makes the page unfit.
        session.confirm(answers).await?;
        self.change(|s| s.frames.snapshot(session.key(), &tree));
        Ok(())
    }

    /// Called by the pump: this page opened another.
    pub(super) fn opened(&self, popup: PageSession) {
        let full = self.state(|s| {
            let full = s.popups.len() >= MAX_POPUPS;
            if !full {
                s.popups.push(popup.clone());
            }
            full
        });
        if full {
            tokio::spawn(async move { popup.close().await });
        } else {
            let url = popup.url();
            self.emit(PageEvent::Popup { url });
        }
    }

    /// The oldest popup nobody has taken yet, when it is ready. Untaken popups close with the page.
    ///
    /// # Errors
    /// The popup died meanwhile.
    pub async fn take_popup(&self) -> Option<Result<PageSession, Error>> {
        let popup = self.state(|s| (!s.popups.is_empty()).then(|| s.popups.remove(0)))?;
        Some(match tokio::time::timeout(super::COMMAND_TIMEOUT, popup.ready()).await {
            Ok(ready) => ready.map(|()| popup),
            Err(_) => Err(Error::Timeout { method: "popup".into(), after: super::COMMAND_TIMEOUT }),
        })
    }

    fn emit(&self, event: PageEvent) {
        // Nobody listening is fine.
        let _ = self.inner.events.send(event);
    }

    /// What happens from now on. A listener that falls 512 events behind is told how many it missed.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<PageEvent> {
        self.inner.events.subscribe()
    }

    /// All frames, parents before children.
    #[must_use]
    pub fn frames(&self) -> Vec<FrameInfo> {
        self.state(|s| s.frames.list())
    }

    /// Whether every frame runs the scripts that were added. False for a page that nothing may be sent from.
    #[must_use]
    pub fn scripted(&self) -> bool {
        self.state(|s| s.frames.scripted())
    }

    #[must_use]
    pub fn main_frame(&self) -> FrameId {
        self.state(|s| s.frames.main().clone())
    }

    /// The address of the main document.
    #[must_use]
    pub fn url(&self) -> String {
        self.state(|s| s.frames.frame(s.frames.main()).map(|f| f.url).unwrap_or_default())
    }

    /// The browser context (profile) the page lives in.
    #[must_use]
    pub fn context(&self) -> Option<BrowserContextId> {
        self.inner.context.clone()
    }

    /// Chromium's name of the tab.
    #[must_use]
    pub fn target(&self) -> &str {
        self.inner.target.inner()
    }

    #[must_use]
    pub fn cdp(&self) -> &Cdp {
        self.inner.root.cdp()
    }

    /// The page's own session, for commands this type does not offer.
    #[must_use]
    pub fn root(&self) -> &Session {
        &self.inner.root
    }

    /// Resolves when the page cannot be used any more.
    pub fn dead(&self) -> impl Future<Output = Gone> + Send + 'static {
        let root = self.inner.root.clone();
        async move { root.ended().await }
    }

    /// Makes this the visible tab of its window; a popup needs it before it is clicked in.
    ///
    /// # Errors
    /// The page's end.
    pub async fn bring_to_front(&self) -> Result<(), Error> {
        self.inner.root.run(page::BringToFrontParams::default()).await.map(|_| ())
    }

    /// Closes the tab and its untaken popups; idempotent. "Leave page?" is not asked.
    pub async fn close(&self) {
        let popups = self.state(|s| std::mem::take(&mut s.popups));
        let targets = std::iter::once(&self.inner.target).chain(popups.iter().map(|p| &p.inner.target));
        for target in targets {
            // Already closed, or dying with its browser: either way it is no more.
            let _ = self.cdp().close_page(target).await;
        }
    }

    /// The session that speaks for a frame.
    pub(super) fn session_of(&self, frame: &FrameId) -> Option<Session> {
        self.state(|s| {
            let key = s.frames.session_of(frame)?;
            s.session(key)
        })
    }
}

/// Asks the renderer now and then whether it lives; a crash that sends no event and an endless loop both show here.
async fn heartbeat(page: Weak<Inner>, root: Session) {
    let mut missed = 0;
    while page.strong_count() > 0 {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            _ = root.ended() => return,
        }
        match root.run(runtime::EvaluateParams::new("1")).await {
            Err(Error::Timeout { .. }) => missed += 1,
            Err(Error::Gone(_)) => return,
            // Any answer is a sign of life, a refusal too.
            _ => missed = 0,
        }
        if missed >= MISSED_HEARTBEATS {
            root.abandon(Gone::Hung);
            return;
        }
    }
}
