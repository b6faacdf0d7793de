//! Going somewhere, and knowing what came of it.

use std::collections::VecDeque;
use std::time::Duration;

use chromiumoxide::cdp::CdpEvent;
use chromiumoxide::cdp::browser_protocol::network::ResourceType;
use chromiumoxide::cdp::browser_protocol::page::{EventLifecycleEvent, FrameId, NavigateParams, StopLoadingParams};
use protocol::task::{ErrorCode, Failure, FailureClass};
use tokio::time::Instant;
use url::Url;

use super::{Error, PageEvent, PageSession, RequestKind, retry_after};

/// Redirects of one document that are remembered; Chromium itself gives up at 20.
const MAX_REDIRECTS: usize = 20;
/// Requests whose answers are still waited for. Older ones are forgotten first.
const MAX_TRACKED: usize = 256;

/// Why a destination could not be reached, as the agent's own proxy saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFailure {
    /// Our rules forbid it.
    Refused,
    /// The name does not resolve.
    Dns,
    /// It resolves, but nobody accepts the connection.
    Unreachable,
    TimedOut,
}

/// Knows why connections failed: Chromium only learns that the proxy said no.
pub trait NetworkPath: Send + Sync {
    /// The latest failure for a destination since an instant.
    fn failure(&self, host: &str, port: u16, since: Instant) -> Option<PathFailure>;
}

/// A document that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Where the page ended up.
    pub url: String,
    /// `None` for documents that no server sent (`about:blank`).
    pub status: Option<u16>,
    /// The addresses that redirected, first to last.
    pub redirects: Vec<String>,
}

/// Why a navigation failed. Messages name no address.
#[derive(Debug, thiserror::Error)]
pub enum NavigateError {
    #[error("only http and https addresses can be opened")]
    Scheme,
    #[error("the address is not allowed")]
    Refused,
    #[error("the address does not exist")]
    Dns,
    #[error("the site cannot be reached")]
    Unreachable,
    #[error("the site did not answer in time")]
    TimedOut,
    #[error("the site's certificate is not valid")]
    Certificate,
    /// With the seconds after which the site wants to be asked again, when it says so.
    #[error("the site answered with status {code}")]
    Status { code: u16, retry_after: Option<u32> },
    #[error("the address is a download, not a page")]
    Download,
    #[error("the page could not be loaded ({0})")]
    Other(String),
    #[error(transparent)]
    Browser(#[from] Error),
}

impl From<NavigateError> for Failure {
    fn from(error: NavigateError) -> Self {
        use NavigateError as E;
        let (class, code) = match &error {
            E::Scheme | E::Refused => (FailureClass::Refused, ErrorCode::UrlRefused),
            E::Dns | E::Unreachable | E::Certificate | E::Other(_) => {
                (FailureClass::Network, ErrorCode::PageUnreachable)
            }
            E::TimedOut => (FailureClass::Network, ErrorCode::PageTimeout),
            E::Status { code: 429, .. } => (FailureClass::RateLimited, ErrorCode::RateLimited),
            E::Status { code: 500.., .. } => (FailureClass::Network, ErrorCode::PageUnreachable),
            E::Status { .. } => (FailureClass::Page, ErrorCode::PageNotFound),
            E::Download => (FailureClass::Page, ErrorCode::NotAForm),
            E::Browser(_) => {
                let E::Browser(error) = error else { unreachable!("matched above") };
                return error.into();
            }
        };
        let retry_after = if let E::Status { retry_after, .. } = &error { *retry_after } else { None };
        Self { retry_after, ..Self::new(class, code, error.to_string()) }
    }
}

#[derive(Debug, Clone)]
struct Document {
    loader: String,
    url: String,
    redirects: Vec<String>,
    status: Option<u16>,
    /// See [`NavigateError::Status`].
    retry_after: Option<u32>,
}

impl Document {
    const fn refused(&self, code: u16) -> NavigateError {
        NavigateError::Status { code, retry_after: self.retry_after }
    }
}

/// The main document being loaded, and the requests whose end is worth an event.
#[derive(Debug, Default)]
pub(super) struct Load {
    document: Option<Document>,
    /// The loader whose `DOMContentLoaded` came last.
    ready: Option<String>,
    tracked: VecDeque<(String, RequestKind)>,
    /// Script requests of any method begun so far, and the ones of them that have no answer yet, each with its number.
    fetches: u64,
    unanswered: VecDeque<(String, u64)>,
}

/// Script requests since a [`PageSession::request_mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// Any was made.
    pub begun: bool,
    /// Some of them have no answer yet.
    pub open: bool,
}

impl Load {
    pub(super) fn lifecycle(&mut self, event: &EventLifecycleEvent) {
        if event.name == "DOMContentLoaded" {
            self.ready = Some(event.loader_id.inner().clone());
        }
    }

    fn tracked(&self, id: &str) -> Option<RequestKind> {
        self.tracked.iter().find(|(known, _)| known == id).map(|(_, kind)| *kind)
    }

    fn untrack(&mut self, id: &str) {
        self.tracked.retain(|(known, _)| known != id);
    }

    fn count(&mut self, event: &CdpEvent) {
        match event {
            CdpEvent::NetworkRequestWillBeSent(sent)
                if matches!(sent.r#type, Some(ResourceType::Fetch | ResourceType::Xhr)) =>
            {
                self.fetches += 1;
                if self.unanswered.len() >= MAX_TRACKED {
                    self.unanswered.pop_front();
                }
                self.unanswered.push_back((AsRef::<str>::as_ref(&sent.request_id).to_owned(), self.fetches));
            }
            CdpEvent::NetworkResponseReceived(received) => self.answered(received.request_id.as_ref()),
            CdpEvent::NetworkLoadingFailed(failed) => self.answered(failed.request_id.as_ref()),
            _ => {}
        }
    }

    fn answered(&mut self, id: &str) {
        self.unanswered.retain(|(known, _)| known != id);
    }

    fn since(&self, mark: u64) -> Requests {
        Requests { begun: self.fetches > mark, open: self.unanswered.iter().any(|(_, number)| *number > mark) }
    }

    /// Takes a network event in; returns what listeners should hear of it.
    pub(super) fn network(&mut self, main: &FrameId, event: &CdpEvent) -> Option<PageEvent> {
        self.count(event);
        match event {
            CdpEvent::NetworkRequestWillBeSent(sent) => {
                let kind = match sent.r#type {
                    Some(ResourceType::Document) => RequestKind::Document,
                    Some(ResourceType::Fetch | ResourceType::Xhr) if sent.request.method != "GET" => {
                        RequestKind::Script
                    }
                    _ => {
                        // A script's form that was answered with "read that page".
                        let id: &str = sent.request_id.as_ref();
                        let (kind, answer) = (self.tracked(id)?, sent.redirect_response.as_ref()?);
                        let status = u16::try_from(answer.status).ok()?;
                        let (frame, url) = (sent.frame_id.clone(), answer.url.clone());
                        return Some(PageEvent::Response { id: id.to_owned(), frame, kind, status, url });
                    }
                };
                let id: &str = sent.request_id.as_ref();
                let url = format!("{}{}", sent.request.url, sent.request.url_fragment.as_deref().unwrap_or_default());
                if kind == RequestKind::Document && sent.frame_id.as_ref() == Some(main) {
                    match &mut self.document {
                        Some(document) if document.loader == id && sent.redirect_response.is_some() => {
                            if document.redirects.len() < MAX_REDIRECTS {
                                document.redirects.push(std::mem::take(&mut document.url));
                            }
                            document.url.clone_from(&url);
                        }
                        document => {
                            *document = Some(Document {
                                loader: id.into(),
                                url: url.clone(),
                                redirects: Vec::new(),
                                status: None,
                                retry_after: None,
                            });
                        }
                    }
                }
                self.untrack(id);
                if self.tracked.len() >= MAX_TRACKED {
                    self.tracked.pop_front();
                }
                self.tracked.push_back((id.to_owned(), kind));
                let (frame, method) = (sent.frame_id.clone(), sent.request.method.clone());
                Some(PageEvent::Request { id: id.to_owned(), frame, kind, method, url })
            }
            CdpEvent::NetworkResponseReceived(received) => {
                let id: &str = received.request_id.as_ref();
                let kind = self.tracked(id)?;
                self.untrack(id);
                let status = u16::try_from(received.response.status).ok()?;
                if let Some(document) = &mut self.document
                    && document.loader == id
                {
                    document.status = Some(status);
                    document.retry_after = retry_after::asked(status, received.response.headers.inner());
                }
                let (frame, url) = (received.frame_id.clone(), received.response.url.clone());
                Some(PageEvent::Response { id: id.to_owned(), frame, kind, status, url })
            }
            CdpEvent::NetworkLoadingFailed(failed) => {
                let id: &str = failed.request_id.as_ref();
                let kind = self.tracked(id)?;
                self.untrack(id);
                Some(PageEvent::RequestFailed { id: id.to_owned(), kind, error: failed.error_text.clone() })
            }
            _ => None,
        }
    }
}

impl PageSession {
    /// Opens an address in the main frame and waits until its document is parsed, redirects followed, for at most
    /// `limit`.
    ///
    /// # Errors
    /// See [`NavigateError`]. After [`NavigateError::Status`] the site's error page is there to be read.
    pub async fn navigate(&self, address: &str, limit: Duration) -> Result<Arrival, NavigateError> {
        let url = Url::parse(address).map_err(|_| NavigateError::Scheme)?;
        if !matches!(url.scheme(), "http" | "https") && address != "about:blank" {
            return Err(NavigateError::Scheme);
        }
        let started = Instant::now();
        let unanswered = || Error::Timeout { method: "Page.navigate".into(), after: limit };
        let arrived = tokio::time::timeout(limit, self.go(&url, started, limit)).await;
        match arrived.unwrap_or_else(|_| Err(unanswered().into())) {
            Err(NavigateError::Browser(Error::Timeout { .. })) => {
                // Whatever still trickles in must not surprise the next reader, nor this end the next navigation.
                self.inner.root.run(StopLoadingParams::default()).await?;
                Err(NavigateError::TimedOut)
            }
            arrived => arrived,
        }
    }

    async fn go(&self, url: &Url, started: Instant, limit: Duration) -> Result<Arrival, NavigateError> {
        let answer = self.inner.root.run_within(NavigateParams::new(url.as_str()), limit).await?;
        if answer.is_download == Some(true) {
            return Err(NavigateError::Download);
        }
        if let Some(error) = answer.error_text.filter(|text| !text.is_empty()) {
            let last = self.state(|s| s.load.document.clone());
            if error == "net::ERR_HTTP_RESPONSE_CODE_FAILURE"
                && let Some(document) = &last
                && let Some(status) = document.status
            {
                return Err(self.refusal(&document.url, started).unwrap_or_else(|| document.refused(status)));
            }
            let at = last.map_or_else(|| url.to_string(), |document| document.url);
            return Err(self.refusal(&at, started).unwrap_or_else(|| classify(&error)));
        }
        let Some(loader) = answer.loader_id else {
            // Same document: nothing was loaded.
            return Ok(Arrival { url: self.url(), status: None, redirects: Vec::new() });
        };
        let local = url.scheme() == "about";
        let document = self
            .wait_for(|s| {
                if local {
                    return (s.load.ready.as_deref() == Some(loader.inner())).then_some(None);
                }
                // A script may have sent the page elsewhere by now: then that document is the one to wait for.
                let document = s.load.document.as_ref()?;
                let ready = s.load.ready.as_deref() == Some(&document.loader) && document.status.is_some();
                ready.then(|| Some(document.clone()))
            })
            .await?;
        let Some(document) = document else {
            return Ok(Arrival { url: self.url(), status: None, redirects: Vec::new() });
        };
        match document.status {
            Some(status @ 400..) => {
                Err(self.refusal(&document.url, started).unwrap_or_else(|| document.refused(status)))
            }
            status => Ok(Arrival { url: document.url, status, redirects: document.redirects }),
        }
    }

    /// From now on: what [`PageSession::requests_since`] counts from.
    #[must_use]
    pub fn request_mark(&self) -> u64 {
        self.state(|s| s.load.fetches)
    }

    /// What the page's scripts have asked of servers since a mark. Documents do not count.
    #[must_use]
    pub fn requests_since(&self, mark: u64) -> Requests {
        self.state(|s| s.load.since(mark))
    }

    /// Waits until nothing that the page's scripts asked of servers is without an answer, for at most `limit`.
    ///
    /// # Errors
    /// The page's end.
    pub async fn wait_answered(&self, limit: Duration) -> Result<(), Error> {
        let answered = self.wait_for(|s| s.load.unanswered.is_empty().then_some(()));
        tokio::time::timeout(limit, answered).await.unwrap_or(Ok(()))
    }

    /// What our own proxy says about a destination, when the browser goes through it.
    fn refusal(&self, address: &str, since: Instant) -> Option<NavigateError> {
        let url = Url::parse(address).ok()?;
        let failure = self.inner.path.as_ref()?.failure(url.host_str()?, url.port_or_known_default()?, since)?;
        Some(match failure {
            PathFailure::Refused => NavigateError::Refused,
            PathFailure::Dns => NavigateError::Dns,
            PathFailure::Unreachable => NavigateError::Unreachable,
            PathFailure::TimedOut => NavigateError::TimedOut,
        })
    }
}

/// Sorts Chromium's network errors by what helps against them.
fn classify(error: &str) -> NavigateError {
    let name = error.strip_prefix("net::ERR_").unwrap_or(error);
    match name {
        "NAME_NOT_RESOLVED" | "NAME_RESOLUTION_FAILED" | "DNS_TIMED_OUT" | "ICANN_NAME_COLLISION" => NavigateError::Dns,
        "TIMED_OUT" | "CONNECTION_TIMED_OUT" => NavigateError::TimedOut,
        "CONNECTION_REFUSED"
        | "CONNECTION_RESET"
        | "CONNECTION_CLOSED"
        | "CONNECTION_ABORTED"
        | "CONNECTION_FAILED"
        | "ADDRESS_UNREACHABLE"
        | "EMPTY_RESPONSE"
        | "INTERNET_DISCONNECTED"
        | "NETWORK_CHANGED"
        | "TUNNEL_CONNECTION_FAILED"
        | "PROXY_CONNECTION_FAILED"
        | "SOCKS_CONNECTION_FAILED" => NavigateError::Unreachable,
        "UNSAFE_PORT"
        | "UNSAFE_REDIRECT"
        | "BLOCKED_BY_CLIENT"
        | "BLOCKED_BY_ADMINISTRATOR"
        | "DISALLOWED_URL_SCHEME"
        | "UNKNOWN_URL_SCHEME" => NavigateError::Refused,
        _ if name.starts_with("CERT_") || name.starts_with("SSL_") => NavigateError::Certificate,
        _ => NavigateError::Other(error.chars().take(60).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_errors_are_sorted_by_what_helps() {
        assert!(matches!(classify("net::ERR_NAME_NOT_RESOLVED"), NavigateError::Dns));
        assert!(matches!(classify("net::ERR_CONNECTION_REFUSED"), NavigateError::Unreachable));
        assert!(matches!(classify("net::ERR_CERT_AUTHORITY_INVALID"), NavigateError::Certificate));
        assert!(matches!(classify("net::ERR_UNSAFE_PORT"), NavigateError::Refused));
        assert!(matches!(classify("net::ERR_TOO_MANY_REDIRECTS"), NavigateError::Other(_)));
    }

    #[test]
    fn statuses_become_failures_that_may_or_may_not_be_tried_again() {
        let failure = |code| Failure::from(NavigateError::Status { code, retry_after: Some(90) });
        let classes = [404, 429, 503].map(|code| failure(code).class);
        assert_eq!(classes, [FailureClass::Page, FailureClass::RateLimited, FailureClass::Network]);
        assert_eq!((failure(503).retry_after, failure(429).code), (Some(90), ErrorCode::RateLimited));
        assert_eq!(Failure::from(NavigateError::Refused).code, ErrorCode::UrlRefused);
    }
}
