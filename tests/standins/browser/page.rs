//! One tab: what it shows and how it gets somewhere; what a person's hands do to it is [`hands`]'.

mod hands;

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedSender;
use url::Url;

use super::events::{self, Exchange};
use super::form::{Document, Target};
use super::net;

/// The name of the agent's world beside a page.
pub const WORLD: &str = "valet";
/// Redirects that are followed, as in Chromium.
const REDIRECTS_MAX: usize = 20;
/// One attachment of a client to the page.
struct Session {
    id: String,
    out: UnboundedSender<String>,
    /// Domains that were enabled: their events are sent.
    domains: Vec<&'static str>,
    /// A script of the agent's world for new documents, and whether it is the form engine.
    scripts: Vec<bool>,
}

struct Inside {
    document: Document,
    sessions: Vec<Session>,
    counter: u64,
    /// What the left button was pressed on.
    pressed: Target,
    /// A later navigation makes an earlier one's answer stale.
    navigations: u64,
}

pub struct Page {
    pub id: String,
    pub context: String,
    proxy: Option<String>,
    inside: RefCell<Inside>,
}

/// Why an address could not be opened, in Chromium's words.
pub type Failure = &'static str;

impl Page {
    pub fn new(id: String, context: String, proxy: Option<String>) -> Rc<Self> {
        let inside = Inside {
            document: Document::blank("about:blank", format!("{id}L0")),
            sessions: Vec::new(),
            counter: 0,
            pressed: Target::Nothing,
            navigations: 0,
        };
        Rc::new(Self { id, context, proxy, inside: RefCell::new(inside) })
    }

    pub fn document(&self) -> Ref<'_, Document> {
        Ref::map(self.inside.borrow(), |inside| &inside.document)
    }

    pub fn document_mut(&self) -> RefMut<'_, Document> {
        RefMut::map(self.inside.borrow_mut(), |inside| &mut inside.document)
    }

    pub fn attach(&self, id: String, out: UnboundedSender<String>) {
        let session = Session { id, out, domains: Vec::new(), scripts: Vec::new() };
        self.inside.borrow_mut().sessions.push(session);
    }

    pub fn detach(&self, id: &str) {
        self.inside.borrow_mut().sessions.retain(|session| session.id != id);
    }

    /// Sends an event to every session that listens to its domain.
    fn tell(&self, event: (&str, Json)) {
        let (method, params) = event;
        let domain = method.split('.').next().unwrap_or_default();
        for session in &self.inside.borrow().sessions {
            if session.domains.contains(&domain) {
                // A client that is gone is noticed where it is read.
                let _ =
                    session.out.send(json!({"sessionId": session.id, "method": method, "params": params}).to_string());
            }
        }
    }

    /// Begins to send a domain's events; the present script contexts are told at once.
    pub fn enable(&self, session: &str, domain: &'static str) {
        if let Some(session) = self.inside.borrow_mut().sessions.iter_mut().find(|known| known.id == session) {
            session.domains.push(domain);
        }
        if domain == "Runtime" {
            let isolated = self.document().isolated;
            self.tell_context(false);
            if isolated {
                self.tell_context(true);
            }
        }
    }

    /// The id of a script context of the present document.
    pub fn unique(&self, isolated: bool) -> String {
        format!("{}.{}", self.document().loader, u8::from(isolated))
    }

    fn tell_context(&self, isolated: bool) {
        let number = self.document().loader.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 1_000_003);
        self.tell(events::context(&self.id, number * 2 + i64::from(isolated), &self.unique(isolated), isolated));
    }

    /// Makes the agent's world in the present document.
    pub fn isolate(&self) {
        if !std::mem::replace(&mut self.document_mut().isolated, true) {
            self.tell_context(true);
        }
    }

    /// Adds a script for new documents and, as asked, runs it in the one that is there.
    pub fn add_script(&self, session: &str, world: &str, source: &str) {
        if world != WORLD {
            // The page's own world has no scripts here: what they would do, the form model does.
            return;
        }
        let engine = source.contains("globalThis.__valet");
        if let Some(session) = self.inside.borrow_mut().sessions.iter_mut().find(|known| known.id == session) {
            session.scripts.push(engine);
        }
        self.isolate();
        self.document_mut().engine |= engine;
    }

    fn next_id(&self) -> String {
        let mut inside = self.inside.borrow_mut();
        inside.counter += 1;
        format!("{}L{}", self.id, inside.counter)
    }

    /// Puts a new document in place of the old one and tells of it.
    fn commit(&self, mut document: Document) {
        let scripts: Vec<bool> = self.inside.borrow().sessions.iter().flat_map(|s| s.scripts.iter().copied()).collect();
        document.isolated = !scripts.is_empty();
        document.engine = scripts.contains(&true);
        let (loader, url, isolated) = (document.loader.clone(), document.url.clone(), document.isolated);
        *self.document_mut() = document;
        self.tell(("Runtime.executionContextsCleared", json!({})));
        self.tell(events::navigated(&self.id, &loader, &url));
        self.tell_context(false);
        if isolated {
            self.tell_context(true);
        }
        for name in ["init", "DOMContentLoaded", "load"] {
            self.tell(events::lifecycle(&self.id, &loader, name));
        }
    }

    /// Opens an address, or posts to it, following redirects. The answer is the new document's loader.
    pub async fn navigate(&self, url: Url, post: Option<(String, Vec<u8>)>) -> Result<String, Failure> {
        let loader = self.next_id();
        let number = {
            let mut inside = self.inside.borrow_mut();
            inside.navigations += 1;
            inside.navigations
        };
        if url.scheme() == "about" {
            self.commit(Document::blank(url.as_str(), loader.clone()));
            return Ok(loader);
        }
        let exchange = Exchange { id: &loader, loader: &loader, frame: &self.id, kind: "Document" };
        let fetched = self.fetch(&exchange, url, post).await;
        if self.inside.borrow().navigations != number {
            return Err("net::ERR_ABORTED");
        }
        match fetched {
            Ok((_, answer)) if answer.status >= 400 && answer.body.is_empty() => {
                self.commit(Document::blank("chrome-error://chromewebdata/", loader.clone()));
                Err("net::ERR_HTTP_RESPONSE_CODE_FAILURE")
            }
            Ok((url, answer)) => {
                self.commit(Document::parse(&url, loader.clone(), &answer.body));
                Ok(loader)
            }
            Err(error) => {
                self.commit(Document::blank("chrome-error://chromewebdata/", self.next_id()));
                Err(error)
            }
        }
    }

    async fn fetch(
        &self,
        exchange: &Exchange<'_>,
        mut url: Url,
        mut post: Option<(String, Vec<u8>)>,
    ) -> Result<(Url, net::Response), Failure> {
        let mut redirected: Option<(String, u16)> = None;
        for _ in 0..=REDIRECTS_MAX {
            let method = if post.is_some() { "POST" } else { "GET" };
            let from = redirected.as_ref().map(|(from, status)| (from.as_str(), *status));
            self.tell(exchange.will_be_sent(method, url.as_str(), from));
            let body = post.as_ref().map(|(kind, bytes)| (kind.as_str(), bytes.as_slice()));
            let answer = match net::exchange(self.proxy.as_deref(), method, &url, body).await {
                Ok(answer) => answer,
                Err(error) => {
                    let name = net::error_name(&error);
                    self.tell(exchange.failed(name));
                    return Err(name);
                }
            };
            let next = answer.location.as_deref().filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308));
            let Some(next) = next.and_then(|location| url.join(location).ok()) else {
                self.tell(exchange.received(url.as_str(), answer.status));
                return Ok((url, answer));
            };
            redirected = Some((url.to_string(), answer.status));
            if answer.status <= 303 {
                post = None;
            }
            url = next;
        }
        self.tell(exchange.failed("net::ERR_TOO_MANY_REDIRECTS"));
        Err("net::ERR_TOO_MANY_REDIRECTS")
    }
}
