//! What is watched after the click, until something tells the end: the guard's recorder, the browser's network events and
//! the page itself.

use std::collections::HashMap;
use std::time::Duration;

use protocol::form::{FormModel, TEXT_MAX};
use protocol::task::Confirmation;
use protocol::wire::message::{Evidence, ReturnReason, SubmitOutcome};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use super::super::model::{Glance, RawConfirmation, cut};
use super::super::observe::{Memory, bare_url, blocker, frames_of, look};
use super::super::script::call;
use super::{Counts, GLANCE, Lost, NUMBER};
use crate::cdp::{Error, FrameId, PageEvent, PageSession, RequestKind};
use crate::egress::Sending;

/// A form that complains and sends nothing for this long has refused.
const REFUSED: Duration = Duration::from_millis(250);
/// After an answer that says "no", what the page makes of it.
const AFTERMATH: Duration = Duration::from_millis(1_500);
/// Requests of one submission that are kept apart.
const REQUESTS_MAX: usize = 64;

#[derive(Debug, Deserialize)]
struct Opened {
    open: bool,
}

/// What is watched after the click.
pub(super) struct Watch<'a> {
    page: &'a PageSession,
    pub(super) frame: FrameId,
    before: Glance,
    events: broadcast::Receiver<PageEvent>,
    /// Requests since the click that may carry the form, and documents, with the status of their answer.
    requests: HashMap<String, Request>,
    pub(super) report: Counts,
    sent: bool,
    /// What became of a request that may have carried the form will not be known.
    lost: bool,
    /// A request that may carry the form broke off.
    broken: bool,
    navigated: bool,
    popups: Vec<PageSession>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Request {
    document: bool,
    /// It can carry a form; one that was redirected to a page to be read cannot any more.
    sends: bool,
    /// It could when it began.
    sent: bool,
    /// A server took what it carried: a success, or a redirect to a page to be read.
    taken: bool,
    answered: bool,
    status: Option<u16>,
}

/// What the page says now.
pub(super) enum Sign {
    Confirmed(RawConfirmation, String),
    Blocked(protocol::form::Blocker),
    /// The form is there, with complaints it did not have.
    Complains,
    /// The form is there as before.
    Form,
    /// Something else is there, and does not say what.
    Other,
}

impl<'a> Watch<'a> {
    pub(super) fn new(page: &'a PageSession, frame: FrameId, before: Glance) -> Self {
        Self {
            events: page.events(),
            page,
            frame,
            before,
            requests: HashMap::new(),
            report: Counts::default(),
            sent: false,
            lost: false,
            broken: false,
            navigated: false,
            popups: Vec::new(),
        }
    }

    pub(super) async fn open_gate(&self, left: Duration, patience: Duration) -> Result<bool, Error> {
        let at = std::time::SystemTime::now() + left;
        let at = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
        let argument = json!({"ms": left.as_millis(), "watch": patience.as_millis(), "at": at});
        let opened: Opened = call(self.page, &self.frame, "openGate", argument, Duration::ZERO).await?;
        Ok(opened.open)
    }

    pub(super) async fn close_gate(&self) {
        // A frame that is gone took its gate with it.
        let _: Result<Counts, _> = call(self.page, &self.frame, "closeGate", json!({}), Duration::ZERO).await;
    }

    pub(super) async fn press(&self) -> Result<(), Error> {
        let argument = json!({"which": "submit"});
        call::<serde_json::Value>(self.page, &self.frame, "pressControl", argument, Duration::ZERO).await.map(|_| ())
    }

    pub(super) async fn report(&mut self) -> Result<Counts, Error> {
        let report: Counts = call(self.page, &self.frame, "gateReport", json!({}), Duration::ZERO).await?;
        self.report = report;
        Ok(report)
    }

    /// Why the click certainly sent nothing: it never reached an open gate, and the gate is shut again.
    pub(super) async fn not_made(&mut self, report: Counts, delivered: bool) -> Option<ReturnReason> {
        if report.clicks > 0 || report.allowed > 0 || !delivered {
            return None;
        }
        let closed: Result<Counts, _> = call(self.page, &self.frame, "closeGate", json!({}), Duration::ZERO).await;
        self.listen();
        match closed {
            Ok(last) if last.clicks == 0 && last.allowed == 0 && !self.sent && !self.navigated => {
                Some(if last.late > 0 { ReturnReason::Expired } else { ReturnReason::NoSubmit })
            }
            _ => None,
        }
    }

    /// Takes in what has happened, without waiting.
    fn listen(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.heard(event),
                Err(broadcast::error::TryRecvError::Lagged(_)) => self.lost = true,
                Err(_) => return,
            }
        }
    }

    fn heard(&mut self, event: PageEvent) {
        match event {
            PageEvent::Request { id, kind, frame, method, .. } => {
                let (document, sends) = (kind == RequestKind::Document, method != "GET");
                // Documents that are only read, of frames that have nothing to do with the form, do not count.
                let main = self.page.main_frame();
                let before = self.requests.get(&id).copied();
                let ours = frame.as_ref() == Some(&self.frame) || frame.as_ref() == Some(&main);
                if document && !sends && !ours && before.is_none() {
                    return;
                }
                self.sent = true;
                if before.is_none() && self.requests.len() >= REQUESTS_MAX {
                    self.lost |= sends;
                    return;
                }
                let before = before.unwrap_or_default();
                let (sent, taken) = (before.sent || sends, before.taken || (before.sends && !sends));
                let status = before.status;
                self.requests.insert(id, Request { document, sends, sent, taken, answered: false, status });
            }
            PageEvent::Response { id, status, .. } => {
                if let Some(request) = self.requests.get_mut(&id) {
                    request.answered = true;
                    request.taken |= request.sent && status < 400;
                    request.status = Some(status);
                }
            }
            PageEvent::RequestFailed { id, error, .. } => {
                if let Some(request) = self.requests.get_mut(&id)
                    && !request.answered
                {
                    request.answered = true;
                    self.lost |= request.sends;
                    self.broken |= error != "net::ERR_ABORTED";
                }
            }
            PageEvent::Navigated { main, frame, .. } => self.navigated |= main || frame == self.frame,
            _ => {}
        }
    }

    fn pending(&self) -> bool {
        self.requests.values().any(|request| !request.answered)
    }

    /// A server may have what the form holds, whatever else was answered.
    fn taken(&self) -> bool {
        self.lost || self.requests.values().any(|request| request.taken)
    }

    /// The form itself went as a document, so that the next document is its answer.
    fn posted(&self) -> bool {
        self.requests.values().any(|request| request.document && request.sent)
    }

    /// The form's own answer: the document it was sent as, else the best that a script was given, else any document.
    fn status(&self) -> Option<u16> {
        let of = |pick: fn(&Request) -> bool| self.requests.values().filter(move |r| pick(r)).filter_map(|r| r.status);
        let posted = of(|r| r.document && r.sent).min();
        let read = || of(|r| r.document).min();
        posted.or_else(|| of(|r| r.taken).min()).or_else(read).or_else(|| of(|_| true).max())
    }

    /// Looks at the page: every frame that could say how it ended, and tabs it opened.
    pub(super) async fn sign(&mut self) -> Result<Sign, Lost> {
        let mut frames: Vec<FrameId> = frames_of(self.page).into_iter().map(|frame| frame.id).collect();
        frames.sort_by_key(|id| *id != self.frame);
        let mut fields = 0;
        let (mut complains, mut form, mut blocked) = (false, false, None);
        let mut thanks = None;
        for id in frames.into_iter().take(16) {
            let seen = match call::<Glance>(self.page, &id, "glance", json!({}), Duration::ZERO).await {
                Ok(seen) => seen,
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(_) => continue,
            };
            fields += seen.fields;
            thanks = thanks.or(seen.page.confirmation);
            let is_form = seen.page.can_submit && seen.fields * 2 >= self.before.fields;
            form |= is_form;
            // Once a server may have the form, a notice on the page it was sent from can be good news: then only what
            // stands at a field counts, or in the document that is the answer.
            let answer = self.posted() && self.navigated;
            let notices = answer || (!self.posted() && !self.taken());
            let told = seen.page.errors.iter().any(|error| !self.before.page.errors.contains(error));
            let barred = seen.invalid > 0 && self.report.seen == 0 && !self.taken();
            let marked = seen.complaints > self.before.complaints || (answer && seen.complaints > 0);
            let noticed = notices && (told || (self.navigated && !seen.page.errors.is_empty()));
            complains |= is_form && (marked || barred || noticed);
            let known = self.before.page.blocker.as_ref().map(|b| b.kind.clone());
            if let Some(raw) = seen.page.blocker
                && Some(&raw.kind) != known.as_ref()
            {
                blocked = blocked.or_else(|| blocker(&raw));
            }
        }
        if let Some(Ok(popup)) = self.page.take_popup().await {
            self.popups.push(popup);
        }
        for popup in &self.popups {
            if let Ok(seen) = call::<Glance>(popup, &popup.main_frame(), "glance", json!({}), Duration::ZERO).await {
                thanks = thanks.or(seen.page.confirmation);
            }
        }
        if let Some(said) = thanks.filter(|_| fields <= 1 || !form) {
            return Ok(Sign::Confirmed(said, bare_url(&self.page.url())));
        }
        if let Some(blocked) = blocked {
            return Ok(Sign::Blocked(blocked));
        }
        Ok(match (form, complains) {
            (true, true) => Sign::Complains,
            (true, false) => Sign::Form,
            _ => Sign::Other,
        })
    }

    /// Waits for the end.
    pub(super) async fn end(&mut self, memory: &mut Memory, sending: Option<Sending>, until: Instant) -> SubmitOutcome {
        let mut complaining: Option<Instant> = None;
        let mut sour: Option<Instant> = None;
        let mut thanked: Option<(Instant, RawConfirmation, String)> = None;
        loop {
            let ends = sending.as_ref().map_or(0, Sending::ends);
            self.listen();
            if let Ok(report) = call::<Counts>(self.page, &self.frame, "gateReport", json!({}), Duration::ZERO).await
                && report.seen >= self.report.seen
            {
                self.report = report;
            }
            match self.sign().await {
                Ok(Sign::Confirmed(said, url)) => {
                    let since = thanked.as_ref().map_or_else(Instant::now, |(since, ..)| *since);
                    if said.number.is_some() || since.elapsed() >= NUMBER {
                        return SubmitOutcome::Confirmed(confirmation(said, url));
                    }
                    thanked = Some((since, said, url));
                }
                // It was confirmed; what the page shows after that takes nothing back.
                Ok(Sign::Blocked(_) | Sign::Complains | Sign::Form | Sign::Other) | Err(_)
                    if let Some((_, said, url)) = thanked.take() =>
                {
                    return SubmitOutcome::Confirmed(confirmation(said, url));
                }
                Ok(Sign::Blocked(blocker)) => return SubmitOutcome::Blocked { blocker },
                Ok(Sign::Complains) => {
                    let since = *complaining.get_or_insert_with(Instant::now);
                    let answered = self.status().is_none_or(|status| status < 500) && !self.broken;
                    if !self.pending() && answered && since.elapsed() >= REFUSED {
                        return self.rejected(memory).await;
                    }
                }
                Ok(Sign::Form | Sign::Other) => complaining = None,
                Err(Lost { fatal: true }) => return self.unknown().await,
                Err(_) => {}
            }
            // The looks above waited for the browser, so whatever it had to say before those ends is here by now.
            self.listen();
            if let Some(sending) = &sending
                && ends > 0
                && !self.requests.values().any(|request| request.sends && !request.answered)
            {
                sending.release(ends);
            }
            // An answer that was no success, or none at all: the page has a moment to say what it makes of it.
            let refused = !self.taken() && self.status().is_some_and(|status| status >= 400);
            let bad = self.broken || refused;
            if bad && !self.pending() && sour.get_or_insert_with(Instant::now).elapsed() >= AFTERMATH {
                let failed = self.requests.values().any(|request| request.status.is_some_and(|status| status >= 500));
                if refused && !failed && !self.broken && matches!(self.sign().await, Ok(Sign::Form | Sign::Complains)) {
                    return self.rejected(memory).await;
                }
                return self.unknown().await;
            }
            if Instant::now() >= until {
                return self.unknown().await;
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => self.heard(event),
                    Err(RecvError::Lagged(_)) => self.lost = true,
                    Err(RecvError::Closed) => return self.unknown().await,
                },
                () = tokio::time::sleep(GLANCE) => {}
            }
        }
    }

    async fn rejected(&mut self, memory: &mut Memory) -> SubmitOutcome {
        match look(self.page, memory).await {
            Ok(seen) => SubmitOutcome::Rejected { form: FormModel { ..seen.model } },
            Err(_) => self.unknown().await,
        }
    }

    pub(super) async fn unknown(&mut self) -> SubmitOutcome {
        self.listen();
        let text = match call::<Glance>(self.page, &self.page.main_frame(), "glance", json!({}), Duration::ZERO).await {
            Ok(seen) => seen.page.text,
            Err(_) => String::new(),
        };
        SubmitOutcome::Unknown {
            evidence: Evidence {
                submit_event_seen: self.report.allowed > 0 || self.sent,
                request_sent: self.sent,
                response_status: self.status(),
                page_url: bare_url(&self.page.url()),
                page_text: cut(&text, TEXT_MAX),
            },
        }
    }
}

pub(super) fn confirmation(said: RawConfirmation, url: String) -> Confirmation {
    Confirmation { text: cut(&said.text, TEXT_MAX), number: said.number.map(|number| cut(&number, 100)), url }
}
