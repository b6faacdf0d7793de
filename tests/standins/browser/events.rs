//! DevTools events, with every member that a typed client insists on.

use serde_json::{Value as Json, json};

fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn response(url: &str, status: u16) -> Json {
    json!({
        "url": url, "status": status, "statusText": "", "headers": {}, "mimeType": "text/html", "charset": "utf-8",
        "connectionReused": false, "connectionId": 1, "encodedDataLength": 0, "securityState": "insecure",
    })
}

/// One request and what becomes of it. `kind` is `Document` or `Fetch`.
pub struct Exchange<'a> {
    pub id: &'a str,
    pub loader: &'a str,
    pub frame: &'a str,
    pub kind: &'a str,
}

impl Exchange<'_> {
    pub fn will_be_sent(&self, method: &str, url: &str, redirected: Option<(&str, u16)>) -> (&'static str, Json) {
        let mut event = json!({
            "requestId": self.id, "loaderId": self.loader, "documentURL": url, "frameId": self.frame, "type": self.kind,
            "request": {
                "url": url, "method": method, "headers": {}, "initialPriority": "High",
                "referrerPolicy": "strict-origin-when-cross-origin",
            },
            "timestamp": now(), "wallTime": now(), "initiator": {"type": "other"}, "redirectHasExtraInfo": false,
        });
        if let Some((from, status)) = redirected {
            event["redirectResponse"] = response(from, status);
        }
        ("Network.requestWillBeSent", event)
    }

    pub fn received(&self, url: &str, status: u16) -> (&'static str, Json) {
        let event = json!({
            "requestId": self.id, "loaderId": self.loader, "timestamp": now(), "type": self.kind, "frameId": self.frame,
            "response": response(url, status), "hasExtraInfo": false,
        });
        ("Network.responseReceived", event)
    }

    pub fn failed(&self, error: &str) -> (&'static str, Json) {
        let event = json!({"requestId": self.id, "timestamp": now(), "type": self.kind, "errorText": error});
        ("Network.loadingFailed", event)
    }
}

pub fn frame(id: &str, loader: &str, url: &str) -> Json {
    let origin = url::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let origin = if origin.is_empty() || origin == "null" { "://".to_owned() } else { origin };
    json!({
        "id": id, "loaderId": loader, "url": url, "domainAndRegistry": "", "securityOrigin": origin,
        "mimeType": "text/html", "secureContextType": "SecureLocalhost",
        "crossOriginIsolatedContextType": "NotIsolated", "gatedAPIFeatures": [],
    })
}

pub fn navigated(id: &str, loader: &str, url: &str) -> (&'static str, Json) {
    ("Page.frameNavigated", json!({"frame": frame(id, loader, url), "type": "Navigation"}))
}

pub fn lifecycle(frame: &str, loader: &str, name: &str) -> (&'static str, Json) {
    ("Page.lifecycleEvent", json!({"frameId": frame, "loaderId": loader, "name": name, "timestamp": now()}))
}

pub fn context(frame: &str, id: i64, unique: &str, isolated: bool) -> (&'static str, Json) {
    let kind = if isolated { "isolated" } else { "default" };
    let context = json!({
        "id": id, "origin": "", "name": if isolated { super::page::WORLD } else { "" }, "uniqueId": unique,
        "auxData": {"isDefault": !isolated, "type": kind, "frameId": frame},
    });
    ("Runtime.executionContextCreated", json!({"context": context}))
}

pub fn target(id: &str, context: &str, url: &str) -> Json {
    json!({
        "targetId": id, "type": "page", "title": "", "url": url, "attached": true, "canAccessOpener": false,
        "browserContextId": context,
    })
}
