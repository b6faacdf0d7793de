//! "Why is it not running?" in one sentence, with a stable code and the facts behind it.
//!
//! [`explain`] is pure: the facts are read in one transaction ([`store::explain`]).

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::ids::TaskId;
use protocol::task::{ErrorCode, InteractionKind, Phase, Status};
use serde::Serialize;
use store::explain::Facts;
use store::journal::USER_CAP;
use store::tasks::Parked;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, AppState};
use crate::auth::caller::{Admin, Caller};
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::Id;

protocol::named_enum! {
    /// Why a task is where it is.
    pub enum Why {
        /// It was taken in and is about to be queued.
        Starting = "starting",
        NoCoordinator = "no_coordinator",
        BackOff = "back_off",
        NoHost = "no_host",
        HostsDisconnected = "hosts_disconnected",
        HostsDraining = "hosts_draining",
        HostsFull = "hosts_full",
        UserCap = "user_cap",
        /// A place is free: it starts in a moment.
        Next = "next",
        Running = "running",
        HostSilent = "host_silent",
        /// A person is needed; a browser is held for them.
        WaitingForYou = "waiting_for_you",
        /// A person is needed; the browser was closed meanwhile.
        Parked = "parked",
        OutcomeUnknown = "outcome_unknown",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

/// Whom the sentence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Owner,
    Admin,
}

impl Reader {
    const fn say(self, owner: &'static str, admin: &'static str) -> &'static str {
        match self {
            Self::Owner => owner,
            Self::Admin => admin,
        }
    }
}

/// A wait in words.
fn span(left: TimeDelta) -> String {
    match left.num_seconds() {
        ..=0 => "a moment".to_owned(),
        1 => "1 second".to_owned(),
        seconds @ 2..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// The code and the sentence. `reachable`: there is a coordinator.
fn explain(facts: &Facts, reader: Reader, reachable: bool, now: DateTime<Utc>) -> (Why, String) {
    let Ok(status) = facts.status.parse::<Status>() else {
        return (Why::Starting, "Its state is not known.".to_owned());
    };
    match status {
        Status::Created | Status::Queued | Status::InProgress if !reachable => {
            let sentence = "The coordinator does not answer at the moment; nothing is lost, and it goes on by itself.";
            (Why::NoCoordinator, sentence.to_owned())
        }
        Status::Created => (Why::Starting, "It was just taken in and is about to join the queue.".to_owned()),
        Status::Queued => queued(facts, reader, now),
        Status::InProgress => running(facts),
        Status::WaitingHuman => waiting(facts, reader, now),
        Status::Completed => (Why::Completed, "It is complete: the application was sent.".to_owned()),
        Status::Failed => {
            let code = facts.error_code.as_deref().and_then(|code| code.parse::<ErrorCode>().ok());
            (Why::Failed, code.map_or("It failed.", ErrorCode::sentence).to_owned())
        }
        Status::Cancelled if facts.outcome == "sent" => {
            (Why::Cancelled, "It was cancelled, but the application had been sent by then.".to_owned())
        }
        Status::Cancelled => (Why::Cancelled, "It was cancelled.".to_owned()),
    }
}

fn queued(facts: &Facts, reader: Reader, now: DateTime<Utc>) -> (Why, String) {
    let fleet = facts.fleet;
    if let Some(at) = facts.queued_at.filter(|at| *at > now) {
        let left = span(at - now);
        return (Why::BackOff, format!("Attempt {} did not succeed; it is tried again in {left}.", facts.attempt));
    }
    if fleet.hosts == 0 {
        return (Why::NoHost, "No browser host has been set up yet.".to_owned());
    }
    if fleet.connected == 0 {
        let one = "The browser host is not connected at the moment; it starts as soon as it is back.";
        let many = "None of the browser hosts is connected at the moment; it starts as soon as one is back.";
        return (Why::HostsDisconnected, if fleet.hosts == 1 { one } else { many }.to_owned());
    }
    if fleet.draining == fleet.connected {
        let one = "The browser host takes no new work at the moment because an administrator drains it.";
        let many = "No browser host takes new work at the moment because an administrator drains them.";
        return (Why::HostsDraining, if fleet.connected == 1 { one } else { many }.to_owned());
    }
    let of_user = facts.place.map_or(1, |place| place.of_user);
    if facts.running + of_user > USER_CAP {
        let whose = reader.say("of your applications", "of its person's applications");
        let mut sentence = format!("At most {USER_CAP} {whose} run at a time, and ");
        sentence.push_str(&match (facts.running, of_user) {
            (running, 1) => format!("{running} run now; it is the next when one of them ends or waits for an answer."),
            (running, of_user) => format!("{running} run now; {} wait before this one.", of_user - 1),
        });
        return (Why::UserCap, sentence);
    }
    let place = facts.place.map(|place| format!("it is number {} of {} in the queue", place.of_all, place.waiting));
    if fleet.free <= 0 {
        let place = place.unwrap_or_else(|| "it waits for one".to_owned());
        let sentence = match fleet.places {
            1 => format!("The only browser is in use; {place}."),
            places => format!("All {places} browsers are in use; {place}."),
        };
        return (Why::HostsFull, sentence);
    }
    let sentence = match place {
        Some(place) if facts.place.is_some_and(|place| place.of_all > fleet.free) => {
            format!("Browsers are free for those before it; {place}.")
        }
        _ => "A browser is free: it starts in a moment.".to_owned(),
    };
    (Why::Next, sentence)
}

fn running(facts: &Facts) -> (Why, String) {
    let host = facts.host.as_ref();
    if let Some(host) = host.filter(|host| !host.connected) {
        let name = &host.name;
        let sentence =
            format!("Its browser host {name} does not answer at the moment; if it stays away, another one takes over.");
        return (Why::HostSilent, sentence);
    }
    let doing = facts.phase.as_deref().and_then(|phase| phase.parse::<Phase>().ok()).map_or("Working", Phase::words);
    let place = host.map(|host| format!(" on {}", host.name)).unwrap_or_default();
    (Why::Running, format!("It is running{place}: {}.", doing.to_lowercase()))
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

fn waiting(facts: &Facts, reader: Reader, now: DateTime<Utc>) -> (Why, String) {
    if facts.interaction.as_deref() == Some(InteractionKind::OutcomeUnknown.as_str()) {
        let who = reader.say("Say", "Its person is asked");
        let sentence = format!("Nobody saw whether the application was sent. {who} whether it was.");
        return (Why::OutcomeUnknown, sentence);
    }
    let asked = asked(facts.interaction.as_deref(), reader);
    let closing = facts.pending.as_deref() == Some("end");
    if facts.holds_place && !closing {
        let host = facts.host.as_ref().map(|host| format!(" on {}", host.name)).unwrap_or_default();
        let until = facts.held_until.map(|until| format!(" for {}", span(until - now))).unwrap_or_default();
        return (Why::WaitingForYou, format!("It waits for {asked}; its browser{host} is kept open{until}."));
    }
    let why = match facts.parked.as_deref().and_then(|why| why.parse::<Parked>().ok()) {
        Some(Parked::HostDraining) => " because its host is drained",
        Some(Parked::PlaceNeeded) => " because another application needed the place",
        Some(Parked::HostLost) => " because its host went away",
        Some(Parked::Time) => " because it had waited long enough",
        None => "",
    };
    let sentence = format!("It waits for {asked}; its browser was closed{why}, and a new one is opened afterwards.");
    (Why::Parked, sentence)
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainResponse {
    task_id: Uuid,
    /// A stable code: `starting`, `no_coordinator`, `back_off`, `no_host`, `hosts_disconnected`, `hosts_draining`,
    /// `hosts_full`, `user_cap`, `next`, `running`, `host_silent`, `waiting_for_you`, `parked`, `outcome_unknown`,
    /// `completed`, `failed` or `cancelled`.
    code: String,
    sentence: String,
    facts: ExplainFacts,
}

/// What the sentence was made of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainFacts {
    status: String,
    phase: Option<String>,
    attempt: i32,
    /// When it is ready to start, while it is queued.
    ready_at: Option<Date>,
    /// Its number among this person's queued applications, from 1.
    place_of_user: Option<i64>,
    /// Its number among all, in the order in which they are started.
    place_of_all: Option<i64>,
    queue_length: Option<i64>,
    /// This person's applications that run now, and how many may.
    running: i64,
    user_cap: i64,
    hosts: i64,
    hosts_connected: i64,
    hosts_draining: i64,
    places: i64,
    places_free: i64,
    host_id: Option<Uuid>,
    host_name: Option<String>,
    /// What a person is waited for: `review`, or the kind of the interaction.
    waiting_for: Option<String>,
    held_until: Option<Date>,
    /// Why the browser was closed: `time`, `place_needed`, `host_draining` or `host_lost`.
    parked: Option<String>,
    coordinator_reachable: bool,
}

fn response(facts: Facts, reader: Reader, reachable: bool) -> ExplainResponse {
    let (why, sentence) = explain(&facts, reader, reachable, Utc::now());
    let waits = facts.status == Status::WaitingHuman.as_str();
    let queued = facts.status == Status::Queued.as_str();
    let at_work = facts.holds_place.then_some(facts.host).flatten();
    ExplainResponse {
        task_id: facts.task.0,
        code: why.to_string(),
        sentence,
        facts: ExplainFacts {
            status: facts.status,
            phase: facts.phase,
            attempt: facts.attempt,
            ready_at: facts.queued_at.filter(|_| queued).map(Date),
            place_of_user: facts.place.map(|place| place.of_user),
            place_of_all: facts.place.map(|place| place.of_all),
            queue_length: facts.place.map(|place| place.waiting),
            running: facts.running,
            user_cap: USER_CAP,
            hosts: facts.fleet.hosts,
            hosts_connected: facts.fleet.connected,
            hosts_draining: facts.fleet.draining,
            places: facts.fleet.places,
            places_free: facts.fleet.free,
            host_id: at_work.as_ref().map(|host| host.id.0),
            host_name: at_work.map(|host| host.name),
            waiting_for: waits.then(|| facts.interaction.unwrap_or_else(|| InteractionKind::Review.to_string())),
            held_until: facts.held_until.map(Date),
            parked: facts.parked.filter(|_| why == Why::Parked),
            coordinator_reachable: reachable,
        },
    }
}

async fn read(app: &App, task: TaskId, caller: &Caller, reader: Reader) -> Result<Json<ExplainResponse>, ApiError> {
    let owner = (reader == Reader::Owner).then_some(caller.user);
    let mut tx = app.store.begin().await?;
    let facts = store::explain::facts(&mut tx, task, owner).await?.ok_or_else(ApiError::task_not_found)?;
    Ok(Json(response(facts, reader, app.coordinator.reachable())))
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
    use protocol::ids::{SandboxId, UserId};
    use store::explain::{Fleet, Host, Place};

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
            place: Some(Place { of_user: 1, of_all: 4, waiting: 9 }),
            running: 0,
            fleet: Fleet { hosts: 2, connected: 2, draining: 0, places: 4, free: 0 },
        }
    }

    fn told(facts: &Facts) -> (Why, String) {
        explain(facts, Reader::Owner, true, Utc::now())
    }

    fn queued(change: impl FnOnce(&mut Facts)) -> (Why, String) {
        let mut facts = facts(Status::Queued);
        change(&mut facts);
        told(&facts)
    }

    #[test]
    fn a_queued_task_says_what_it_waits_for() {
        let full = "All 4 browsers are in use; it is number 4 of 9 in the queue.";
        assert_eq!(queued(|_| {}), (Why::HostsFull, full.to_owned()));
        let (why, sentence) = queued(|facts| facts.queued_at = Some(Utc::now() + TimeDelta::milliseconds(4_500)));
        assert_eq!(
            (why, sentence.as_str()),
            (Why::BackOff, "Attempt 1 did not succeed; it is tried again in 4 seconds.")
        );
        assert_eq!(queued(|facts| facts.fleet = Fleet::default()).0, Why::NoHost);
        assert_eq!(queued(|facts| facts.fleet.connected = 0).0, Why::HostsDisconnected);
        let (why, sentence) =
            queued(|facts| facts.fleet = Fleet { hosts: 1, connected: 1, draining: 1, places: 0, free: 0 });
        assert_eq!(why, Why::HostsDraining);
        assert!(sentence.starts_with("The browser host takes no new work"), "{sentence}");
        assert_eq!(queued(|facts| facts.fleet.draining = 1).0, Why::HostsFull, "the other one takes work");
        assert_eq!(queued(|facts| facts.fleet.free = 9).0, Why::Next);
    }

    #[test]
    fn the_cap_counts_those_that_run_and_those_before() {
        let (why, sentence) = queued(|facts| facts.running = 3);
        let expected = "At most 3 of your applications run at a time, and 3 run now; it is the next when one of them ends or waits for an answer.";
        assert_eq!((why, sentence.as_str()), (Why::UserCap, expected));
        let (why, sentence) = queued(|facts| {
            facts.running = 1;
            facts.place = Some(Place { of_user: 3, of_all: 3, waiting: 3 });
        });
        assert_eq!(why, Why::UserCap);
        assert!(sentence.ends_with("1 run now; 2 wait before this one."), "{sentence}");
        assert_eq!(queued(|facts| facts.running = 2).0, Why::HostsFull);
    }

    #[test]
    fn without_a_coordinator_only_what_it_would_do_is_explained_by_that() {
        let now = Utc::now();
        for (status, why) in [
            (Status::Created, Why::NoCoordinator),
            (Status::Queued, Why::NoCoordinator),
            (Status::InProgress, Why::NoCoordinator),
            (Status::WaitingHuman, Why::Parked),
            (Status::Completed, Why::Completed),
            (Status::Failed, Why::Failed),
            (Status::Cancelled, Why::Cancelled),
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
        assert_eq!(why, Why::WaitingForYou);
        assert_eq!(sentence, "It waits for your review; its browser on oak is kept open for 10 minutes.");
        facts.pending = Some("end".to_owned());
        facts.parked = Some(Parked::HostDraining.to_string());
        facts.interaction = Some("captcha".to_owned());
        let (why, sentence) = explain(&facts, Reader::Admin, true, Utc::now());
        assert_eq!(why, Why::Parked);
        let expected = "It waits for its person to solve the site's CAPTCHA; its browser was closed because its host is drained, and a new one is opened afterwards.";
        assert_eq!(sentence, expected);
        facts.interaction = Some("outcome_unknown".to_owned());
        assert_eq!(told(&facts).0, Why::OutcomeUnknown);
    }

    #[test]
    fn a_running_task_says_where_and_what() {
        let mut facts = facts(Status::InProgress);
        facts.phase = Some("filling".to_owned());
        assert_eq!(told(&facts), (Why::Running, "It is running on oak: filling the form.".to_owned()));
        facts.host.as_mut().unwrap().connected = false;
        assert_eq!(told(&facts).0, Why::HostSilent);
    }
}
