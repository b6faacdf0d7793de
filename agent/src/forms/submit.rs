//! The one click that sends, and how it ended.
//!
//! Before the click: the control is found and usable, the guard is opened until the deadline, by two clocks. After it:
//! the guard's recorder, the browser's network events and the page itself are watched until one of them tells the end.
//! Whatever remains untold is unknown, never "not sent".

mod watch;

use std::time::Duration;

use protocol::wire::message::{ReturnReason, SubmitOutcome};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use self::watch::{Sign, Watch, confirmation};
use super::fill::click;
use super::model::Glance;
use super::observe::Memory;
use super::script::call;
use crate::cdp::PageSession;
use crate::egress::Way;
use crate::page::Click;
use crate::session::clock::Moment;

/// How often the page is looked at while nothing is heard of it.
const GLANCE: Duration = Duration::from_millis(60);
/// How long a page that says thank you may take to show the number that goes with it.
const NUMBER: Duration = Duration::from_millis(500);
/// How long the control may take to become usable, at most; never past the deadline.
const USABLE: Duration = Duration::from_secs(2);
/// For what the page's scripts have asked of servers to be answered: an upload, a draft being saved.
const ANSWERED: Duration = Duration::from_secs(1);
/// Left of the deadline, below which no click is begun: the way to the page and back.
const MARGIN: Duration = Duration::from_millis(30);
/// The page could not be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub fatal: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spot {
    missing: bool,
    hit: bool,
    x: f64,
    y: f64,
}

/// What the guard in the form's frame has counted since it was opened.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    seen: u32,
    allowed: u32,
    /// Clicks that reached the control while the gate was open.
    clicks: u32,
    /// Clicks and submit events that came after the deadline, and were stopped.
    late: u32,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.seen += other.seen;
        self.allowed += other.allowed;
        self.clicks += other.clicks;
        self.late += other.late;
    }
}

/// Clicks the submit control and watches. `way` is what the page's traffic leaves by, when it has one of its own.
pub(super) async fn submit(
    page: &PageSession,
    way: Option<&Way>,
    memory: &mut Memory,
    deadline: Moment,
    patience: Duration,
) -> Click {
    let Some(frame) = memory.form_frame.clone() else { return Click::NotMade(ReturnReason::NoSubmit) };
    let before = match call::<Glance>(page, &frame, "glance", json!({}), Duration::ZERO).await {
        Ok(before) if before.page.can_submit => before,
        _ => return Click::NotMade(ReturnReason::NoSubmit),
    };
    if !page.scripted() {
        tracing::warn!("a frame runs without the guard: no click");
        return Click::NotMade(ReturnReason::NoSubmit);
    }
    let wait = deadline.left().saturating_sub(MARGIN).min(USABLE);
    if wait.is_zero() {
        return Click::NotMade(ReturnReason::Expired);
    }
    let argument = json!({"which": "submit", "ms": wait.as_millis()});
    let spot = match call::<Spot>(page, &frame, "controlPoint", argument, wait).await {
        Ok(spot) if !spot.missing => spot,
        _ if deadline.left() <= MARGIN => return Click::NotMade(ReturnReason::Expired),
        _ => return Click::NotMade(ReturnReason::NoSubmit),
    };
    // What is on its way is not to be cut off by what comes next; a page that is never done asking is not waited for.
    let calm = page.wait_answered(deadline.left().saturating_sub(MARGIN).min(ANSWERED)).await;
    let mut watch = Watch::new(page, frame, before);
    if calm.is_err() {
        return Click::NotMade(ReturnReason::NoSubmit);
    }
    let sending = match way {
        Some(way) => Some(way.sending().await),
        None => None,
    };
    if matches!(sending, Some(None)) {
        tracing::warn!("a connection would not end: no click, because the form could be sent twice");
        return Click::NotMade(ReturnReason::NoSubmit);
    }
    if deadline.left() <= MARGIN {
        return Click::NotMade(ReturnReason::Expired);
    }
    match watch.open_gate(deadline.left(), patience).await {
        Ok(true) => {}
        // The gate may have opened although nobody could say so; shut again, and nothing was clicked in between.
        Ok(false) | Err(_) => {
            watch.close_gate().await;
            return Click::NotMade(ReturnReason::Expired);
        }
    }
    let clicked = if spot.hit { click(page, &watch.frame, spot.x, spot.y).await } else { watch.press().await };
    if let Ok(report) = watch.report().await
        && let Some(reason) = watch.not_made(report, clicked.is_ok()).await
    {
        return Click::NotMade(reason);
    }
    let outcome = watch.end(memory, sending.flatten(), Instant::now() + patience).await;
    watch.close_gate().await;
    Click::Made(Box::new(outcome))
}

/// Looks for how a click of an earlier run ended. Its requests were not watched, so nothing but a confirmation proves
/// anything: the rest is evidence for the person. `counted` is what the guards had let through.
pub(super) async fn aftermath(
    page: &PageSession,
    memory: &mut Memory,
    counted: Counts,
    patience: Duration,
) -> SubmitOutcome {
    let frame = memory.form_frame.clone().unwrap_or_else(|| page.main_frame());
    let mut watch = Watch::new(page, frame, Glance::default());
    watch.report = counted;
    let until = Instant::now() + patience;
    let mut thanked: Option<Instant> = None;
    loop {
        match watch.sign().await {
            Ok(Sign::Confirmed(said, url)) => {
                let since = *thanked.get_or_insert_with(Instant::now);
                if said.number.is_some() || since.elapsed() >= NUMBER {
                    return SubmitOutcome::Confirmed(confirmation(said, url));
                }
            }
            Err(Lost { fatal: true }) => return watch.unknown().await,
            Ok(_) | Err(_) => {}
        }
        if Instant::now() >= until {
            return watch.unknown().await;
        }
        tokio::time::sleep(GLANCE).await;
    }
}
