//! The way to the form: waiting until a page shows what it is, what lies over it, and the clicks from a posting on.

use std::time::Duration;

use protocol::form::FieldKind;
use protocol::task::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{FormPage, hide_scrollbars};
use crate::cdp::PageEvent;
use crate::forms::model::Glance;
use crate::forms::observe::{Look, Memory, frames_of};
use crate::forms::script::{call, took};
use crate::forms::{combo, fill};

/// For a page that draws itself by script to show what it is.
const READABLE: Duration = Duration::from_secs(12);
/// A page whose document has not changed for this long is drawn.
const QUIET: Duration = Duration::from_millis(60);
/// A page that shows neither form nor posting may still be loading what it shows.
const QUIET_EMPTY: Duration = Duration::from_millis(600);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spot {
    missing: bool,
    hit: bool,
    x: f64,
    y: f64,
}

impl FormPage {
    /// Waits until the page shows what it is, or has stopped changing.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        let end = Instant::now() + READABLE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let telling = self.tells().await?;
            let quiet = if telling { QUIET } else { QUIET_EMPTY };
            let still = self.page.wait_quiet(quiet, left.min(Duration::from_secs(2))).await?;
            if left.is_zero() || (still && (telling || self.tells().await?)) {
                return Ok(());
            }
            if still && !telling {
                // Quiet for a while and still nothing: this is the page.
                return Ok(());
            }
            if telling && left < READABLE - Duration::from_secs(3) {
                // A page that never stops moving (a clock, an animation) is read as it is.
                return Ok(());
            }
        }
    }

    /// Whether some frame shows a form, a way to it, or what stands in the way.
    async fn tells(&self) -> Result<bool, Failure> {
        for frame in frames_of(&self.page) {
            match call::<Glance>(&self.page, &frame.id, "glance", json!({}), Duration::ZERO).await {
                Ok(seen) => {
                    let page = seen.page;
                    if seen.fields > 1
                        || page.can_apply
                        || page.closed
                        || page.already_applied
                        || page.blocker.is_some()
                    {
                        return Ok(true);
                    }
                }
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Closes a cookie notice that lies over the page.
    pub(super) async fn dismiss_cookies(&self) -> Result<(), Failure> {
        for frame in frames_of(&self.page).into_iter().take(4) {
            let Ok(spot) = call::<Spot>(&self.page, &frame.id, "cookieButton", json!({}), Duration::ZERO).await else {
                continue;
            };
            if !spot.missing && spot.hit {
                fill::click(&self.page, &frame.id, spot.x, spot.y).await?;
                self.page.wait_quiet(QUIET, Duration::from_millis(500)).await?;
            }
        }
        Ok(())
    }

    /// Clicks "Apply" and follows to wherever it leads: a new document, a new tab, or a form drawn in place.
    pub(super) async fn apply(&mut self, from: &Look) -> Result<(), Failure> {
        let mut events = self.page.events();
        let frame = from.apply_frame.clone();
        let argument = json!({"which": "apply", "ms": 500});
        let spot: Spot = call(&self.page, &frame, "controlPoint", argument, Duration::from_millis(500)).await?;
        if spot.missing {
            return Ok(());
        }
        if spot.hit {
            fill::click(&self.page, &frame, spot.x, spot.y).await?;
        } else {
            let _: Value = call(&self.page, &frame, "pressControl", json!({"which": "apply"}), Duration::ZERO).await?;
        }
        let led = async {
            loop {
                tokio::select! {
                    event = events.recv() => match event {
                        Ok(PageEvent::Navigated { main: true, .. } | PageEvent::Popup { .. }) => return,
                        Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                        Err(_) => return,
                    },
                    () = tokio::time::sleep(Duration::from_millis(50)) => {
                        let seen = call::<Glance>(&self.page, &frame, "glance", json!({}), Duration::ZERO).await;
                        // A form in place; an error means that the document is on its way out.
                        if seen.map_or(true, |seen| seen.fields > from.model.fields.len().max(1)) {
                            return;
                        }
                    }
                }
            }
        };
        let _ = tokio::time::timeout(READABLE, led).await;
        if let Some(popup) = self.page.take_popup().await {
            let popup = popup?;
            popup.bring_to_front().await?;
            hide_scrollbars(&popup).await?;
            self.page = popup;
            self.memory = Memory::default();
        }
        self.settle().await
    }

    /// Reads the lists that only show their options when they are open.
    pub(super) async fn peek(&mut self) -> Result<bool, Failure> {
        let unread: Vec<_> = self
            .memory
            .fields
            .iter()
            .filter(|f| f.kind == FieldKind::Combobox && f.editable && f.options.is_empty())
            .filter(|f| !self.memory.options.contains_key(&f.id))
            .filter_map(|f| self.memory.places.get(&f.id).cloned())
            .collect();
        let found = !unread.is_empty();
        for place in unread {
            let begun = Instant::now();
            let read = match combo::peek(&self.page, &place).await {
                Ok(read) => read,
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(_) => None,
            };
            took("read a list", begun);
            self.memory.options.insert(place.id, read.unwrap_or_default());
        }
        Ok(found)
    }
}
