//! What the pump tells a page: events become state, then news for whoever listens.

use std::sync::Arc;

use chromiumoxide::cdp::CdpEvent;
use chromiumoxide::cdp::browser_protocol::page::{
    DialogType, EventJavascriptDialogOpening, FrameDetachedReason, FrameId, HandleJavaScriptDialogParams,
};
use chromiumoxide::cdp::browser_protocol::target::TargetInfo;

use super::mux::{Session, Sink};
use super::page::{DialogKind, Inner, PageEvent};
use super::{Gone, picture};

/// Characters of a dialog's message that are kept.
const DIALOG_TEXT: usize = 500;

impl Sink for Inner {
    fn event(&self, session: &Session, event: &CdpEvent) {
        let key = session.key();
        let mut state = self.state.lock().expect("nothing panics while holding a page's state");
        let mut events = Vec::new();
        match event {
            CdpEvent::PageFrameAttached(e) => state.frames.attached(key, e.frame_id.clone(), e.parent_frame_id.clone()),
            CdpEvent::PageFrameDetached(e) => {
                state.frames.detached(key, &e.frame_id, e.reason == FrameDetachedReason::Swap);
            }
            CdpEvent::PageFrameNavigated(e) => {
                state.frames.navigated(key, &e.frame);
                let main = e.frame.id == *state.frames.main();
                let url = state.frames.frame(&e.frame.id).map(|f| f.url).unwrap_or_default();
                events.push(PageEvent::Navigated { frame: e.frame.id.clone(), url, main });
            }
            CdpEvent::PageNavigatedWithinDocument(e) => state.frames.moved_within(&e.frame_id, &e.url),
            CdpEvent::PageLifecycleEvent(e) if e.frame_id == *state.frames.main() => state.load.lifecycle(e),
            CdpEvent::RuntimeExecutionContextCreated(e) => state.frames.context_created(key, &e.context),
            CdpEvent::RuntimeExecutionContextDestroyed(e) => {
                state.frames.context_destroyed(&e.execution_context_unique_id);
            }
            CdpEvent::RuntimeExecutionContextsCleared(_) => state.frames.contexts_cleared(key),
            CdpEvent::NetworkRequestWillBeSent(_)
            | CdpEvent::NetworkResponseReceived(_)
            | CdpEvent::NetworkLoadingFailed(_) => {
                let main = state.frames.main().clone();
                events.extend(state.load.network(&main, event));
            }
            CdpEvent::PageJavascriptDialogOpening(e) => events.push(answer_dialog(session, e)),
            CdpEvent::PageScreencastFrame(e) => {
                drop(state);
                return picture::received(self, session, e);
            }
            _ => return,
        }
        drop(state);
        let _ = self.changed.send(());
        for event in events {
            let _ = self.events.send(event);
        }
    }

    fn attached(&self, _: &Session, child: &Session, info: &TargetInfo) -> Option<Arc<dyn Sink>> {
        // The page table keeps a page for as long as its target lives.
        let page = child.cdp().inner.targets.get(&self.target)?;
        let frame = FrameId::from(String::from(info.target_id.clone()));
        let scripts = page.state(|s| {
            s.sessions.push(child.clone());
            s.preparing += 1;
            s.frames.taken_over(child.key(), frame, info.parent_frame_id.clone());
            s.scripts.clone()
        });
        let (session, sink) = (child.clone(), page.sink());
        tokio::spawn(async move {
            let prepared = page.set_up(&session, &scripts, false).await;
            page.change(|s| {
                s.preparing -= 1;
                if let Err(error) = prepared
                    && !error.is_fatal()
                {
                    tracing::warn!(%error, "a frame could not be set up");
                    s.frames.without_scripts(session.key());
                }
            });
        });
        Some(sink)
    }

    fn gone(&self, session: &Session, why: Gone) {
        let mut state = self.state.lock().expect("nothing panics while holding a page's state");
        let lost: Vec<_> = state.frames.list().into_iter().map(|f| f.id).collect();
        state.frames.session_ended(session.key());
        state.sessions.retain(|known| known.key() != session.key());
        let crashed = match why {
            Gone::Crashed => lost.into_iter().find(|id| state.frames.frame(id).is_none()),
            _ => None,
        };
        drop(state);
        if session.key() == self.root.key() {
            session.cdp().inner.targets.remove(&self.target);
        }
        if let Some(frame) = crashed {
            let _ = self.events.send(PageEvent::FrameCrashed { frame });
        }
        let _ = self.changed.send(());
    }
}

/// Dialogs block the renderer, so each is answered at once, and never so that it commits anyone to anything.
fn answer_dialog(session: &Session, dialog: &EventJavascriptDialogOpening) -> PageEvent {
    let (kind, accept) = match dialog.r#type {
        DialogType::Alert => (DialogKind::Alert, true),
        DialogType::Beforeunload => (DialogKind::BeforeUnload, true),
        DialogType::Confirm => (DialogKind::Confirm, false),
        DialogType::Prompt => (DialogKind::Prompt, false),
    };
    let session = session.clone();
    tokio::spawn(async move {
        // A dialog that closed by itself is refused here; nothing is left to do then.
        let _ = session.run(HandleJavaScriptDialogParams::new(accept)).await;
    });
    PageEvent::Dialog { kind, message: dialog.message.chars().take(DIALOG_TEXT).collect() }
}
