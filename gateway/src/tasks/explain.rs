//! "Why is it not running?" in one sentence, with a stable code and the facts behind it.
//!
//! [`explain`] is pure: the facts are read in one transaction ([`store::explain`]).

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use protocol::ids::TaskId;
use protocol::task::{ErrorCode, InteractionKind, Phase, Status};
use protocol::waiting::{Reader, Reason, Waiting, span};
use serde::Serialize;
use store::explain::Facts;
use store::tasks::Parked;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, AppState};
use crate::auth::caller::{Admin, Caller};
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::Id;

/// The code and the sentence. `reachable`: there is a coordinator.
fn explain(facts: &Facts, reader: Reader, reachable: bool, now: DateTime<Utc>) -> (Reason, String) {
    let Ok(status) = facts.status.parse::<Status>() else {
        return (Reason::Starting, "Its state is not known.".to_owned());
    };
    match status {
        Status::Created | Status::Queued | Status::InProgress if !reachable => {
            let sentence = "The coordinator does not answer at the moment; nothing is lost, and it goes on by itself.";
            (Reason::NoCoordinator, sentence.to_owned())
        }
        Status::Created => (Reason::Starting, "It was just taken in and is about to join the queue.".to_owned()),
        Status::Queued => queued(facts, reader, now),
        Status::InProgress => running(facts),
        Status::WaitingHuman => waiting(facts, reader, now),
        Status::Completed => (Reason::Completed, "It is complete: the application was sent.".to_owned()),
        Status::Failed => {
            let code = facts.error_code.as_deref().and_then(|code| code.parse::<ErrorCode>().ok());
            (Reason::Failed, code.map_or("It failed.", ErrorCode::sentence).to_owned())
        }
        Status::Cancelled if facts.outcome == "sent" => {
            (Reason::Cancelled, "It was cancelled, but the application had been sent by then.".to_owned())
        }
        Status::Cancelled => (Reason::Cancelled, "It was cancelled.".to_owned()),
    }
}

fn queued(facts: &Facts, reader: Reader, now: DateTime<Utc>) -> (Reason, String) {
    let Some(waiting) = &facts.waiting else {
        return (Reason::Next, "It was queued until this moment.".to_owned());
    };
    let why = waiting.why(now);
    (why.reason(), why.sentence(waiting.position(), reader, now))
}

fn running(facts: &Facts) -> (Reason, String) {
    let host = facts.host.as_ref();
    if let Some(host) = host.filter(|host| !host.connected) {
        let name = &host.name;
        let sentence =
            format!("Its browser host {name} does not answer at the moment; if it stays away, another one takes over.");
        return (Reason::HostSilent, sentence);
    }
    let doing = facts.phase.as_deref().and_then(|phase| phase.parse::<Phase>().ok()).map_or("Working", Phase::words);
    let place = host.map(|host| format!(" on {}", host.name)).unwrap_or_default();
    (Reason::Running, format!("It is running{place}: {}.", doing.to_lowercase()))
}

/// What a person is waited for.
fn asked(interaction: Option<&str>, reader: Reader) -> Cow<'static, str> {
    let you = reader.say("you", "its person");
    let your = reader.say("your", "its person's");
    match interaction.and_then(|kind| kind.parse::<InteractionKind>().ok()) {
        None | Some(InteractionKind::Review) => format!("{your} review").into(),
        Some(InteractionKind::Captcha) => format!("{you} to solve the site's CAPTCHA").into(),
        Some(InteractionKind::TwoFactor) => format!("the code that the site sent to {you}").into(),
        Some(InteractionKind::LoginRequired) => format!("{you} to sign in at the site").into(),
        Some(InteractionKind::BotCheck) => format!("{you} to pass the site's check").into(),
        Some(InteractionKind::RateLimited) => format!("{you} to try again, because the site wants fewer visits").into(),
        Some(InteractionKind::Verification) => format!("a confirmation that the site wants of {you}").into(),
        Some(InteractionKind::Question | InteractionKind::OutcomeUnknown) => format!("{your} answer").into(),
    }
}

fn waiting(facts: &Facts, reader: Reader, now: DateTime<Utc>) -> (Reason, String) {
    if facts.interaction.as_deref() == Some(InteractionKind::OutcomeUnknown.as_str()) {
        let who = reader.say("Say", "Its person is asked");
        let sentence = format!("Nobody saw whether the application was sent. {who} whether it was.");
        return (Reason::OutcomeUnknown, sentence);
    }
    let asked = asked(facts.interaction.as_deref(), reader);
    let closing = facts.pending.as_deref() == Some("end");
    if facts.holds_place && !closing {
        let host = facts.host.as_ref().map(|host| format!(" on {}", host.name)).unwrap_or_default();
        let until = facts.held_until.map(|until| format!(" for {}", span(until - now))).unwrap_or_default();
        return (Reason::WaitingForYou, format!("It waits for {asked}; its browser{host} is kept open{until}."));
    }
    let why = match facts.parked.as_deref().and_then(|why| why.parse::<Parked>().ok()) {
        Some(Parked::HostDraining) => " because its host is drained",
        Some(Parked::PlaceNeeded) => " because another application needed the place",
        Some(Parked::HostLost) => " because its host went away",
        Some(Parked::Time) => " because it had waited long enough",
        None => "",
    };
    let sentence = format!("It waits for {asked}; its browser was closed{why}, and a new one is opened afterwards.");
    (Reason::Parked, sentence)
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainResponse {
    task_id: Uuid,
    /// A stable code: `starting`, `no_coordinator`, `running`, `host_silent`, `waiting_for_you`, `parked`, `outcome_unknown`,
    /// `completed`, `failed`, `cancelled`; of a queued one `back_off`, `no_host`, `hosts_disconnected`, `hosts_draining`,
    /// `no_fitting_host`, `user_cap`, `site_paused`, `site_busy`, `site_rate`, `hosts_full`, `turn` or `next`.
    code: &'static str,
    sentence: String,
    /// Where it stands in the queue, about: 1 for the one whose turn it is. `null` when it is not queued.
    position: Option<u32>,
    facts: ExplainFacts,
}

/// What the sentence was made of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainFacts {
    status: String,
    phase: Option<String>,
    attempt: i32,
    /// While it is queued.
    queue: Option<QueueFacts>,
    host_id: Option<Uuid>,
    host_name: Option<String>,
    /// What a person is waited for: `review`, or the kind of the interaction.
    waiting_for: Option<String>,
    held_until: Option<Date>,
    /// Why the browser was closed: `time`, `place_needed`, `host_draining` or `host_lost`.
    parked: Option<String>,
    coordinator_reachable: bool,
}

/// What a queued application waits for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueFacts {
    /// When it is ready to start.
    ready_at: Date,
    /// This person's applications that come before it, those that run now, and how many may.
    own_ahead: u32,
    running: u32,
    user_cap: u32,
    /// The employer's site, for which a pace is kept: how many are worked on there now and may be, how many were begun
    /// within a minute and may be.
    site: Option<String>,
    site_running: Option<u32>,
    site_running_max: Option<u32>,
    site_started: Option<u32>,
    site_starts_max: Option<u32>,
    site_paused_until: Option<Date>,
    /// Browser hosts that were set up, those that are connected and well, those of them that have what it needs, and
    /// those that would but are drained.
    hosts: u32,
    hosts_ready: u32,
    hosts_fitting: u32,
    hosts_draining: u32,
    /// Places on the fitting ones.
    places: u32,
    places_free: u32,
}

impl From<&Waiting> for QueueFacts {
    fn from(waiting: &Waiting) -> Self {
        let (site, hosts) = (waiting.site.as_ref(), waiting.hosts);
        Self {
            ready_at: Date(waiting.not_before),
            own_ahead: waiting.own_ahead,
            running: waiting.running,
            user_cap: waiting.cap,
            site: site.map(|site| site.name.clone()),
            site_running: site.map(|site| site.running),
            site_running_max: site.map(|site| site.limit.running),
            site_started: site.map(|site| site.started),
            site_starts_max: site.map(|site| site.limit.starts),
            site_paused_until: site.and_then(|site| site.paused_until).map(Date),
            hosts: hosts.known,
            hosts_ready: hosts.ready,
            hosts_fitting: hosts.fitting,
            hosts_draining: hosts.draining,
            places: hosts.places,
            places_free: hosts.free(),
        }
    }
}

fn response(facts: Facts, reader: Reader, reachable: bool, now: DateTime<Utc>) -> ExplainResponse {
    let (reason, sentence) = explain(&facts, reader, reachable, now);
    let waits = facts.status == Status::WaitingHuman.as_str();
    let at_work = facts.holds_place.then_some(facts.host).flatten();
    ExplainResponse {
        task_id: facts.task.0,
        code: reason.as_str(),
        sentence,
        position: facts.waiting.as_ref().map(Waiting::position),
        facts: ExplainFacts {
            status: facts.status,
            phase: facts.phase,
            attempt: facts.attempt,
            queue: facts.waiting.as_ref().map(QueueFacts::from),
            host_id: at_work.as_ref().map(|host| host.id.0),
            host_name: at_work.map(|host| host.name),
            waiting_for: waits.then(|| facts.interaction.unwrap_or_else(|| InteractionKind::Review.to_string())),
            held_until: facts.held_until.map(Date),
            parked: facts.parked.filter(|_| reason == Reason::Parked),
            coordinator_reachable: reachable,
        },
    }
}

async fn read(app: &App, task: TaskId, caller: &Caller, reader: Reader) -> Result<Json<ExplainResponse>, ApiError> {
    let owner = (reader == Reader::Owner).then_some(caller.user);
    let mut tx = app.store.begin().await?;
    let now = Utc::now();
    let facts = store::explain::facts(&mut tx, task, owner, now).await?.ok_or_else(ApiError::task_not_found)?;
    Ok(Json(response(facts, reader, app.coordinator.reachable(), now)))
}

/// Why the caller's application is not running, in one sentence.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/explain", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 200, body = ExplainResponse), (status = 404, body = ErrorResponse)))]
pub async fn explain_own(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
) -> Result<Json<ExplainResponse>, ApiError> {
    read(&app, id, &caller, Reader::Owner).await
}

/// The same of anybody's application, for administrators.
#[utoipa::path(get, path = "/api/v1/admin/tasks/{id}/explain", tag = "admin", params(("id" = Uuid, Path)),
    responses((status = 200, body = ExplainResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse)))]
pub async fn explain_any(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Id(id): Id<TaskId>,
) -> Result<Json<ExplainResponse>, ApiError> {
    read(&app, id, &caller, Reader::Admin).await
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use protocol::ids::{SandboxId, UserId};
    use protocol::waiting::Hosts;
    use store::explain::Host;

    use super::*;

    fn facts(status: Status) -> Facts {
        Facts {
            task: TaskId::new(),
            user: UserId::new(),
            status: status.to_string(),
            phase: None,
            pending: None,
            attempt: 1,
            error_code: None,
            outcome: "none".to_owned(),
            interaction: None,
            queued_at: None,
            held_until: None,
            completed_at: None,
            host: Some(Host { id: SandboxId::new(), name: "oak".to_owned(), connected: true, draining: false }),
            holds_place: false,
            parked: None,
            waiting: None,
        }
    }

    fn told(facts: &Facts) -> (Reason, String) {
        explain(facts, Reader::Owner, true, Utc::now())
    }

    #[test]
    fn a_queued_task_says_what_it_waits_for_and_where_it_stands() {
        let now = Utc::now();
        let mut facts = facts(Status::Queued);
        assert_eq!(told(&facts).0, Reason::Next, "queued when it was read first, and not any more");
        let hosts = Hosts { known: 2, ready: 2, fitting: 2, draining: 0, places: 4, taken: 4 };
        facts.waiting =
            Some(Waiting { not_before: now, ahead: 3, own_ahead: 0, running: 0, cap: 3, site: None, hosts });
        let answer = response(facts, Reader::Owner, true, now);
        assert_eq!((answer.code, answer.position), ("hosts_full", Some(4)));
        assert_eq!(answer.sentence, "All 4 browsers are in use; it is about number 4 in the queue.");
        let queue = answer.facts.queue.unwrap();
        assert_eq!((queue.places, queue.places_free, queue.user_cap), (4, 0, 3));
    }

    #[test]
    fn without_a_coordinator_only_what_it_would_do_is_explained_by_that() {
        let now = Utc::now();
        for (status, why) in [
            (Status::Created, Reason::NoCoordinator),
            (Status::Queued, Reason::NoCoordinator),
            (Status::InProgress, Reason::NoCoordinator),
            (Status::WaitingHuman, Reason::Parked),
            (Status::Completed, Reason::Completed),
            (Status::Failed, Reason::Failed),
            (Status::Cancelled, Reason::Cancelled),
        ] {
            assert_eq!(explain(&facts(status), Reader::Owner, false, now).0, why);
        }
    }

    #[test]
    fn a_waiting_task_names_what_is_asked_and_how_long_its_browser_stays() {
        let mut facts = facts(Status::WaitingHuman);
        facts.holds_place = true;
        facts.held_until = Some(Utc::now() + TimeDelta::seconds(601));
        let (why, sentence) = told(&facts);
        assert_eq!(why, Reason::WaitingForYou);
        assert_eq!(sentence, "It waits for your review; its browser on oak is kept open for 10 minutes.");
        facts.pending = Some("end".to_owned());
        facts.parked = Some(Parked::HostDraining.to_string());
        facts.interaction = Some("captcha".to_owned());
        let (why, sentence) = explain(&facts, Reader::Admin, true, Utc::now());
        assert_eq!(why, Reason::Parked);
        let expected = "It waits for its person to solve the site's CAPTCHA; its browser was closed because its host is drained, and a new one is opened afterwards.";
        assert_eq!(sentence, expected);
        facts.interaction = Some("outcome_unknown".to_owned());
        assert_eq!(told(&facts).0, Reason::OutcomeUnknown);
    }

    #[test]
    fn a_running_task_says_where_and_what() {
        let mut facts = facts(Status::InProgress);
        facts.phase = Some("filling".to_owned());
        assert_eq!(told(&facts), (Reason::Running, "It is running on oak: filling the form.".to_owned()));
        facts.host.as_mut().unwrap().connected = false;
        assert_eq!(told(&facts).0, Reason::HostSilent);
    }
}
