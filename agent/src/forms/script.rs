//! The script that runs beside every document, and calls into it.

use std::time::Duration;

use protocol::ids::FieldId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cdp::{Error, FrameId, PageSession, World};

/// The engine's own world: observation, operation, guard. One closure, so that its parts share nothing with the page.
pub(super) const ENGINE: &str = concat!(
    "(() => { 'use strict'; if (globalThis.__valet) return;\n",
    include_str!("js/dom.js"),
    include_str!("js/labels.js"),
    include_str!("js/values.js"),
    include_str!("js/fields.js"),
    "const PLACES = ",
    include_str!("js/places.json"),
    ";\n",
    include_str!("js/lists.js"),
    include_str!("js/observe.js"),
    include_str!("js/act.js"),
    include_str!("js/controls.js"),
    include_str!("js/guard.js"),
    include_str!("js/page.js"),
    include_str!("js/main.js"),
    "\n})()"
);

/// The page's own world: makes `form.submit()` ask the guard.
pub(super) const GUARD: &str = include_str!("js/guard-page.js");

/// Longest a call may take that waits for nothing in the page.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// [`GUARD`], where it does not run yet.
const GUARD_ONCE: &str = concat!(
    "() => { if (!Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, 'submit').writable) return;\n",
    include_str!("js/guard-page.js"),
    "\n}"
);

const ENTER: &str = "(name, arg) => globalThis.__valet ? globalThis.__valet(name, arg) : null";
const FILE_BOX: &str = "(key) => globalThis.__valetFile?.(key) ?? null";

/// Where a field's elements are: known to the script of that frame by this key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Place {
    pub id: FieldId,
    pub frame: FrameId,
    pub key: String,
}

/// Notes how long a step took, for whoever looks for lost time.
pub(super) fn took(step: &str, since: Instant) {
    tracing::debug!(step, ms = since.elapsed().as_millis() as u64, "took");
}

/// Calls a function of the script in a frame. `waits` is how long the function itself may wait.
pub(super) async fn call<T: DeserializeOwned>(
    page: &PageSession,
    frame: &FrameId,
    name: &str,
    argument: Value,
    waits: Duration,
) -> Result<T, Error> {
    let args = [json!(name), argument];
    let limit = CALL_TIMEOUT + waits;
    let mut answer = page.call_on_within(frame, World::Isolated, ENTER, &args, limit).await?;
    if answer.is_null() {
        // A document that was there before the script was added, or was written anew by the page.
        page.eval(frame, World::Isolated, ENGINE).await?;
        answer = page.call_on_within(frame, World::Isolated, ENTER, &args, limit).await?;
    }
    let malformed = || Error::Malformed { method: format!("engine {name}") };
    serde_json::from_str(answer.as_str().ok_or_else(malformed)?).map_err(|_| malformed())
}

/// Arms the guard in a document that was there before this connection to its browser, and shuts its gate. What the gate
/// has counted since it was opened is answered.
pub(super) async fn guard_again<T: DeserializeOwned>(page: &PageSession, frame: &FrameId) -> Result<T, Error> {
    let counted = call(page, frame, "closeGate", json!({}), Duration::ZERO).await?;
    page.call_on_within(frame, World::Main, GUARD_ONCE, &[], CALL_TIMEOUT).await?;
    Ok(counted)
}

/// The file input of a field, to be given files by the browser.
pub(super) async fn file_box(page: &PageSession, place: &Place) -> Result<Option<crate::cdp::Node>, Error> {
    page.node(&place.frame, World::Isolated, FILE_BOX, &[json!(place.key)]).await
}
