//! The DevTools protocol over one socket: the browser's own commands, and those of its pages' sessions.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use url::Url;

use super::form::{Kind, Picked};
use super::page::{Page, WORLD};
use super::{engine, events};

/// A picture of one white dot; nobody looks at a stand-in's pages.
const PICTURE: &str = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=";

pub struct Browser {
    /// Where the socket's address ends.
    path: String,
    proxy: Option<String>,
    contexts: RefCell<HashMap<String, Option<String>>>,
    pages: RefCell<Vec<Rc<Page>>>,
    counter: Cell<u64>,
    clients: RefCell<Vec<Rc<Client>>>,
}

/// One connection.
struct Client {
    out: UnboundedSender<String>,
    /// Attaches to pages as they come.
    attaches: Cell<bool>,
    /// Sessions of this connection and the pages they are of.
    sessions: RefCell<HashMap<String, Rc<Page>>>,
}

type Answer = Result<Json, String>;

impl Browser {
    pub fn new(path: String, proxy: Option<String>) -> Self {
        let browser = Self {
            path,
            proxy,
            contexts: RefCell::default(),
            pages: RefCell::default(),
            counter: Cell::new(0),
            clients: RefCell::default(),
        };
        browser.open_page(String::from("default"));
        browser
    }

    fn next_id(&self, kind: &str) -> String {
        self.counter.set(self.counter.get() + 1);
        format!("{kind}{:08X}", self.counter.get())
    }

    fn open_page(&self, context: String) -> Rc<Page> {
        let own = self.contexts.borrow().get(&context).cloned();
        let page = Page::new(self.next_id("T"), context, own.unwrap_or_else(|| self.proxy.clone()));
        self.pages.borrow_mut().push(Rc::clone(&page));
        for client in self.clients.borrow().iter().filter(|client| client.attaches.get()) {
            client.attach(self, &page);
        }
        page
    }

    fn close_page(&self, page: &Rc<Page>) {
        self.pages.borrow_mut().retain(|known| !Rc::ptr_eq(known, page));
        for client in self.clients.borrow().iter() {
            let gone: Vec<String> = {
                let sessions = client.sessions.borrow();
                sessions.iter().filter(|(_, of)| Rc::ptr_eq(of, page)).map(|(id, _)| id.clone()).collect()
            };
            for session in gone {
                client.sessions.borrow_mut().remove(&session);
                page.detach(&session);
                client.event("Target.detachedFromTarget", json!({"sessionId": session, "targetId": page.id}));
            }
        }
    }

    fn page(&self, target: &Json) -> Result<Rc<Page>, String> {
        let found = self.pages.borrow().iter().find(|page| target == page.id.as_str()).map(Rc::clone);
        found.ok_or_else(|| "No target with given id found".to_owned())
    }

    /// Commands of the browser itself.
    fn command(&self, client: &Rc<Client>, method: &str, params: &Json) -> Answer {
        match method {
            "Target.setDiscoverTargets" | "Browser.setDownloadBehavior" => Ok(json!({})),
            "Target.setAutoAttach" => {
                let attach = params["autoAttach"] == true;
                if attach && !client.attaches.replace(attach) {
                    for page in self.pages.borrow().iter() {
                        client.attach(self, page);
                    }
                }
                Ok(json!({}))
            }
            "Target.createBrowserContext" => {
                let id = self.next_id("C");
                let proxy = params["proxyServer"].as_str().map(str::to_owned).or_else(|| self.proxy.clone());
                self.contexts.borrow_mut().insert(id.clone(), proxy);
                Ok(json!({"browserContextId": id}))
            }
            "Target.disposeBrowserContext" => {
                let context = params["browserContextId"].as_str().unwrap_or_default();
                if self.contexts.borrow_mut().remove(context).is_none() {
                    return Err("Failed to find context with id".to_owned());
                }
                let pages: Vec<_> =
                    self.pages.borrow().iter().filter(|page| page.context == context).cloned().collect();
                pages.iter().for_each(|page| self.close_page(page));
                Ok(json!({}))
            }
            "Target.createTarget" => {
                let context = params["browserContextId"].as_str().unwrap_or("default").to_owned();
                let known = context == "default" || self.contexts.borrow().contains_key(&context);
                if !known {
                    return Err("Failed to find browser context".to_owned());
                }
                Ok(json!({"targetId": self.open_page(context).id}))
            }
            "Target.closeTarget" => {
                self.close_page(&self.page(&params["targetId"])?);
                Ok(json!({"success": true}))
            }
            "Target.getTargets" => {
                let pages = self.pages.borrow();
                let infos = pages.iter().map(|page| events::target(&page.id, &page.context, &page.document().url));
                Ok(json!({"targetInfos": infos.collect::<Vec<_>>()}))
            }
            "Target.getBrowserContexts" => {
                Ok(json!({"browserContextIds": self.contexts.borrow().keys().collect::<Vec<_>>()}))
            }
            "Browser.getVersion" => Ok(json!({
                "protocolVersion": "1.3", "product": "StandIn/1", "revision": "1", "userAgent": "StandIn", "jsVersion": "0",
            })),
            "Browser.close" => std::process::exit(0),
            _ => Err(format!("'{method}' wasn't found")),
        }
    }
}

impl Client {
    fn event(&self, method: &str, params: Json) {
        let _ = self.out.send(json!({"method": method, "params": params}).to_string());
    }

    fn attach(&self, browser: &Browser, page: &Rc<Page>) {
        let session = browser.next_id("S");
        self.sessions.borrow_mut().insert(session.clone(), Rc::clone(page));
        page.attach(session.clone(), self.out.clone());
        let info = events::target(&page.id, &page.context, &page.document().url);
        let params = json!({"sessionId": session, "targetInfo": info, "waitingForDebugger": true});
        self.event("Target.attachedToTarget", params);
    }
}

/// Speaks with one client until it goes.
pub async fn serve(socket: TcpStream, browser: Rc<Browser>) {
    let path = browser.path.clone();
    #[expect(clippy::result_large_err, reason = "the shape that the handshake's callback has")]
    let known = move |request: &Request, response: Response| {
        if request.uri().path() == path {
            return Ok(response);
        }
        let mut refused = ErrorResponse::new(None);
        *refused.status_mut() = StatusCode::NOT_FOUND;
        Err(refused)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(socket, known).await else { return };
    let (mut write, mut read) = socket.split();
    let (out, mut queue) = unbounded_channel::<String>();
    let client = Rc::new(Client { out, attaches: Cell::new(false), sessions: RefCell::default() });
    browser.clients.borrow_mut().push(Rc::clone(&client));
    let writer = tokio::task::spawn_local(async move {
        while let Some(text) = queue.recv().await {
            if write.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = read.next().await {
        let Message::Text(text) = message else { continue };
        let Ok(command) = serde_json::from_str::<Json>(&text) else { break };
        handle(&browser, &client, &command);
    }
    browser.clients.borrow_mut().retain(|known| !Rc::ptr_eq(known, &client));
    for (session, page) in client.sessions.borrow().iter() {
        page.detach(session);
    }
    writer.abort();
}

/// Begins a command. What is done at once is answered at once, in order; what waits is answered when it is done.
fn handle(browser: &Rc<Browser>, client: &Rc<Client>, command: &Json) {
    let id = command["id"].clone();
    let method = command["method"].as_str().unwrap_or_default();
    let params = &command["params"];
    let Some(session) = command["sessionId"].as_str() else {
        let answer = browser.command(client, method, params);
        return reply(client, &id, None, answer);
    };
    let Some(page) = client.sessions.borrow().get(session).cloned() else {
        return reply(client, &id, Some(session), Err("Session with given id not found.".to_owned()));
    };
    if let Some(answer) = at_once(&page, session, method, params) {
        return reply(client, &id, Some(session), answer);
    }
    let (client, session) = (Rc::clone(client), session.to_owned());
    let (method, params) = (method.to_owned(), params.clone());
    tokio::task::spawn_local(async move {
        let answer = match method.as_str() {
            "Page.navigate" => navigate(&page, &params).await,
            _ => call_function(&page, &params).await,
        };
        reply(&client, &id, Some(&session), answer);
    });
}

fn reply(client: &Client, id: &Json, session: Option<&str>, answer: Answer) {
    let mut message = match answer {
        Ok(result) => json!({"id": id, "result": result}),
        Err(why) => json!({"id": id, "error": {"code": -32000, "message": why}}),
    };
    if let Some(session) = session {
        message["sessionId"] = json!(session);
    }
    let _ = client.out.send(message.to_string());
}

async fn navigate(page: &Rc<Page>, params: &Json) -> Answer {
    let url = params["url"].as_str().and_then(|url| Url::parse(url).ok());
    let Some(url) = url else { return Err("Cannot navigate to invalid URL".to_owned()) };
    Ok(match page.navigate(url, None).await {
        Ok(loader) => json!({"frameId": page.id, "loaderId": loader}),
        Err(error) => json!({"frameId": page.id, "errorText": error}),
    })
}

/// Commands of a page's session that are carried out without waiting; `None` for those that wait.
fn at_once(page: &Rc<Page>, session: &str, method: &str, params: &Json) -> Option<Answer> {
    let number = |name: &str| params[name].as_f64().unwrap_or_default();
    let text = |name: &str| params[name].as_str().unwrap_or_default();
    Some(Ok(match method {
        "Page.navigate" | "Runtime.callFunctionOn" => return None,
        "Page.enable" => {
            page.enable(session, "Page");
            json!({})
        }
        "Network.enable" => {
            page.enable(session, "Network");
            json!({})
        }
        "Runtime.enable" => {
            page.enable(session, "Runtime");
            json!({})
        }
        "Page.getFrameTree" => {
            let document = page.document();
            json!({"frameTree": {"frame": events::frame(&page.id, &document.loader, &document.url)}})
        }
        "Page.addScriptToEvaluateOnNewDocument" => {
            page.add_script(session, text("worldName"), text("source"));
            json!({"identifier": "1"})
        }
        "Page.createIsolatedWorld" => {
            if text("worldName") == WORLD {
                page.isolate();
            }
            json!({"executionContextId": 1})
        }
        "Runtime.evaluate" => json!({"result": {"type": "number", "value": 1, "description": "1"}}),
        "Page.getLayoutMetrics" => {
            let view = json!({"pageX": 0, "pageY": 0, "clientWidth": 1280, "clientHeight": 1024});
            let visual = json!({
                "offsetX": 0.0, "offsetY": 0.0, "pageX": 0.0, "pageY": 0.0, "clientWidth": 1280.0,
                "clientHeight": 1024.0, "scale": 1.0,
            });
            let content = json!({"x": 0.0, "y": 0.0, "width": 1280.0, "height": 2048.0});
            json!({
                "layoutViewport": view, "visualViewport": visual, "contentSize": content,
                "cssLayoutViewport": view, "cssVisualViewport": visual, "cssContentSize": content,
            })
        }
        "Page.captureScreenshot" => json!({"data": PICTURE}),
        "DOM.describeNode" => {
            let Some(at) = object(page, params) else { return Some(Err(NO_OBJECT.to_owned())) };
            json!({"node": {
                "nodeId": 0, "backendNodeId": at + 1, "nodeType": 1, "nodeName": "INPUT", "localName": "input",
                "nodeValue": "",
            }})
        }
        "DOM.setFileInputFiles" => return Some(set_files(page, params)),
        "Input.dispatchMouseEvent" => {
            match text("type") {
                "mousePressed" => page.press(number("x"), number("y")),
                "mouseReleased" => page.release(number("x"), number("y")),
                _ => {}
            }
            json!({})
        }
        "Input.insertText" => {
            page.insert(text("text"));
            json!({})
        }
        "Input.dispatchKeyEvent" => {
            match (text("type"), text("text")) {
                ("keyDown" | "rawKeyDown", "") => page.key(text("key")),
                ("keyDown", written) => page.insert(written),
                _ => {}
            }
            json!({})
        }
        "Inspector.enable"
        | "Page.setLifecycleEventsEnabled"
        | "Target.setAutoAttach"
        | "Page.setInterceptFileChooserDialog"
        | "Emulation.setFocusEmulationEnabled"
        | "Emulation.setScrollbarsHidden"
        | "Runtime.runIfWaitingForDebugger"
        | "Runtime.releaseObject"
        | "Page.stopLoading"
        | "Page.bringToFront"
        | "Page.startScreencast"
        | "Page.stopScreencast"
        | "Page.screencastFrameAck" => json!({}),
        _ => return Some(Err(format!("'{method}' wasn't found"))),
    }))
}

const NO_OBJECT: &str = "Could not find object with given id";

/// The file box that an object id stands for: `<loader>/<field>`.
fn object(page: &Page, params: &Json) -> Option<usize> {
    let (loader, at) = params["objectId"].as_str()?.rsplit_once('/')?;
    let document = page.document();
    let at: usize = at.parse().ok()?;
    (document.loader == loader && at < document.fields().len()).then_some(at)
}

fn set_files(page: &Page, params: &Json) -> Answer {
    let at = object(page, params).ok_or(NO_OBJECT)?;
    let path = params["files"][0].as_str().map(PathBuf::from).ok_or("files are missing")?;
    let size = std::fs::metadata(&path).map_err(|_| "a file cannot be read")?.len();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut document = page.document_mut();
    let field =
        document.field_mut(at).filter(|field| field.kind == Kind::File).ok_or("Node is not a file input element")?;
    field.file = Some(Picked { path, name, size });
    Ok(json!({}))
}

fn value(value: &Json) -> Json {
    let kind = match value {
        Json::Null => json!({"type": "object", "subtype": "null", "value": null}),
        Json::Bool(on) => json!({"type": "boolean", "value": on}),
        Json::String(text) => json!({"type": "string", "value": text}),
        other => json!({"type": "object", "value": other}),
    };
    json!({"result": kind})
}

/// A function of the agent's, known by what stands in its source.
async fn call_function(page: &Rc<Page>, params: &Json) -> Answer {
    let source = params["functionDeclaration"].as_str().unwrap_or_default();
    let context = params["uniqueContextId"].as_str().unwrap_or_default();
    let isolated = context == page.unique(true) && page.document().isolated;
    if !isolated && context != page.unique(false) {
        return Err("uniqueContextId not found".to_owned());
    }
    let argument = |at: usize| params["arguments"][at]["value"].clone();
    if source.contains("globalThis.__valet(name, arg)") {
        if !isolated || !page.document().engine {
            return Ok(value(&Json::Null));
        }
        let name = argument(0);
        let called = engine::call(page, name.as_str().unwrap_or_default(), &argument(1)).await;
        return match called {
            Ok(answer) => Ok(value(&json!(answer.to_string()))),
            Err(gone) if gone == engine::DESTROYED => Err(gone),
            Err(thrown) => Ok(json!({
                "result": {"type": "undefined"},
                "exceptionDetails": {
                    "exceptionId": 1, "text": "Uncaught (in promise)", "lineNumber": 0, "columnNumber": 0,
                    "exception": {"type": "object", "subtype": "error", "description": thrown},
                },
            })),
        };
    }
    if source.contains("__valetFile") {
        let document = page.document();
        let at = argument(0).as_str().and_then(|key| document.find(key));
        let file = at.filter(|at| document.fields()[*at].kind == Kind::File);
        return Ok(file.map_or_else(
            || value(&Json::Null),
            |at| json!({"result": {"type": "object", "subtype": "node", "objectId": format!("{}/{at}", document.loader)}}),
        ));
    }
    if source.contains("MutationObserver") {
        // Nothing moves by itself here: quiet is over as soon as it has lasted.
        tokio::time::sleep(Duration::from_millis(argument(0).as_u64().unwrap_or_default())).await;
        return Ok(value(&json!(true)));
    }
    if isolated && source.contains("if (globalThis.__valet) return") {
        page.document_mut().engine = true;
        return Ok(value(&Json::Null));
    }
    Err(format!("this browser runs no scripts: {}", source.chars().take(60).collect::<String>()))
}
