//! Postgres away for a while: every process loses it at once, with work under way and people who go on asking.
//!
//! Meanwhile `health` says so, and whoever wants something is told to come again. Afterwards the same processes go on:
//! none may have ended for it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::fleet::{Fleet, Part};
use super::keeper::Pid;
use super::record::Tasks;
use super::strikes::Struck;
use crate::faults::Cut;

/// Tasks that are not over when the outage begins.
const UNDER_WAY: usize = 4;
/// For those to be there.
const BUSY_PATIENCE: Duration = Duration::from_secs(60);
/// For `health` to say what is the case, and a write to be answered: bounds of their own within the gateway are shorter.
const TOLD_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);
/// The shares of applications that may be made: before, from its beginning on, from its end on.
const SHARES: [f64; 3] = [0.2, 0.5, 1.0];

pub(super) async fn run(
    fleet: Arc<Fleet>,
    mut tasks: watch::Receiver<Tasks>,
    tell: watch::Sender<f64>,
    lasts: Duration,
    how: Cut,
) -> Struck {
    let mut struck = Struck { cuts: 1, ..Struck::default() };
    let mut trouble = |what: &str| struck.troubles.push(what.to_owned());
    tell.send_replace(SHARES[0]);
    let busy = |tasks: &Tasks| {
        let under_way = tasks.values().filter(|now| !now.over()).count();
        under_way >= UNDER_WAY && tasks.values().any(|now| now.status == "in_progress" && now.phase.is_some())
    };
    if timeout(BUSY_PATIENCE, tasks.wait_for(busy)).await.is_err() {
        trouble("there was no work when the database went away");
    }
    let before = processes(&fleet);
    let began = Instant::now();
    for way in fleet.ways(Part::Postgres) {
        way.cut(how);
    }
    tell.send_replace(SHARES[1]);
    if !says(&fleet, "unavailable").await {
        trouble("health does not say that the database is away");
    }
    if !told_to_come_again(&fleet).await {
        trouble("a write was not told to come again");
    }
    sleep((began + lasts).saturating_duration_since(Instant::now())).await;
    for way in fleet.ways(Part::Postgres) {
        way.heal();
    }
    if !says(&fleet, "ok").await {
        trouble("health does not say that the database is back");
    }
    if processes(&fleet) != before {
        trouble("a process ended for want of the database");
    }
    tell.send_replace(SHARES[2]);
    struck
}

fn processes(fleet: &Fleet) -> Vec<(Part, Option<Pid>)> {
    fleet.parts().into_iter().map(|part| (part, fleet.pid(part))).collect()
}

/// Whether every gateway comes to say that of the database.
async fn says(fleet: &Fleet, wanted: &str) -> bool {
    let deadline = Instant::now() + TOLD_WITHIN;
    for door in fleet.doors() {
        let health =
            async || -> Option<Json> { reqwest::get(format!("{door}/api/v1/health")).await.ok()?.json().await.ok() };
        while health().await.is_none_or(|health| health["checks"]["database"] != wanted) {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK).await;
        }
    }
    true
}

/// Whether every gateway answers a write with 503 and when to come again, rather than with silence.
async fn told_to_come_again(fleet: &Fleet) -> bool {
    let http = reqwest::Client::new();
    for door in fleet.doors() {
        let login = serde_json::json!({ "email": "robin.0@example.com", "password": "whatever it is" });
        let login = http.post(format!("{door}/api/v1/auth/login")).json(&login).timeout(TOLD_WITHIN).send().await;
        let Ok(answer) = login else { return false };
        if answer.status() != StatusCode::SERVICE_UNAVAILABLE || !answer.headers().contains_key(RETRY_AFTER) {
            return false;
        }
    }
    true
}
