//! Each phase, and what may befall a task in it.

use super::*;

/// Where a task can be when something happens to it; `Prepared` is approved, without a permit yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    StartingBrowser,
    Navigating,
    Analyzing,
    Filling,
    Reviewing,
    Prepared,
    Submitting,
    Verifying,
    Cleanup,
}
use Place::*;

const WORKING: [Place; 5] = [StartingBrowser, Navigating, Analyzing, Filling, Prepared];
const PERMITTED: [Place; 2] = [Submitting, Verifying];
const ALL: [Place; 9] =
    [StartingBrowser, Navigating, Analyzing, Filling, Reviewing, Prepared, Submitting, Verifying, Cleanup];

fn at_place(place: Place) -> World {
    let mut world = match place {
        Reviewing => return World::reviewing(),
        Prepared => {
            let mut world = World::reviewing();
            world.approve().unwrap();
            return world;
        }
        Submitting | Verifying | Cleanup => World::permitted(),
        StartingBrowser | Navigating | Analyzing | Filling => {
            let mut world = World::queued(Mode::Copilot);
            world.claim().unwrap();
            world
        }
    };
    match place {
        Navigating => drop(world.report(Report::Phase(Phase::Navigating))),
        Analyzing => drop(world.report(Report::Phase(Phase::Analyzing))),
        Filling => {
            world.observed(form("", ""));
            world.plan(plan(Some("Ada"), Some("Rome")));
            world.report(Report::Phase(Phase::Filling));
        }
        Verifying => drop(world.report(Report::Phase(Phase::Verifying))),
        Cleanup => drop(world.outcome(SubmitOutcome::Confirmed(confirmation()))),
        _ => {}
    }
    world
}

#[test]
fn every_phase_is_reached_and_shown() {
    let shown: Vec<_> = ALL.iter().map(|place| (at_place(*place).task().phase, *place)).collect();
    for (phase, place) in shown {
        let expected = match place {
            StartingBrowser => Phase::StartingBrowser,
            Navigating => Phase::Navigating,
            Analyzing => Phase::Analyzing,
            Filling => Phase::Filling,
            Reviewing => Phase::Reviewing,
            Prepared | Submitting => Phase::Submitting,
            Verifying => Phase::Verifying,
            Cleanup => Phase::Cleanup,
        };
        assert_eq!(phase, Some(expected), "{place:?}");
    }
}

/// What became of the task: status, outcome, and whether it still holds its place.
fn stands(world: &World) -> (Status, Outcome, bool) {
    (world.task().status, world.task().outcome, world.task().lease_id.is_some())
}

fn check(what: &str, happen: impl Fn(&mut World), expected: impl Fn(Place) -> (Status, Outcome, bool)) {
    for place in ALL {
        let mut world = at_place(place);
        happen(&mut world);
        assert_eq!(stands(&world), expected(place), "{what} in {place:?}");
    }
}

const QUEUED: (Status, Outcome, bool) = (Status::Queued, Outcome::None, false);
const ASKED: (Status, Outcome, bool) = (Status::WaitingHuman, Outcome::Unknown, false);
const PARKED: (Status, Outcome, bool) = (Status::WaitingHuman, Outcome::None, false);
const DONE: (Status, Outcome, bool) = (Status::Completed, Outcome::Sent, false);
const CLOSING: (Status, Outcome, bool) = (Status::Completed, Outcome::Sent, true);

#[test]
fn a_lost_lease_is_retried_parked_or_asked_about() {
    let expected = |place| match place {
        place if WORKING.contains(&place) => QUEUED,
        Reviewing => PARKED,
        Submitting | Verifying => ASKED,
        _ => DONE,
    };
    check("the host was lost", |world| world.lose(None), expected);
    check("the host says the permit was used", |world| world.lose(Some(true)), expected);
}

#[test]
fn a_permit_proven_unused_allows_another_attempt() {
    check(
        "the host says the permit was not used",
        |world| world.lose(Some(false)),
        |place| match place {
            Reviewing => PARKED,
            Cleanup => DONE,
            _ => QUEUED,
        },
    );
}

#[test]
fn a_page_that_cannot_work_ends_the_task() {
    check(
        "the page failed",
        |world| drop(world.report(Report::Failed { failure: failure(FailureClass::Page), screenshot: None })),
        |place| match place {
            Reviewing => PARKED,
            Verifying => ASKED,
            Cleanup => CLOSING,
            _ => (Status::Failed, Outcome::None, true),
        },
    );
}

#[test]
fn a_browser_that_died_is_tried_again() {
    check(
        "the browser died",
        |world| drop(world.report(Report::Failed { failure: failure(FailureClass::BrowserLost), screenshot: None })),
        |place| match place {
            Reviewing => PARKED,
            Verifying => ASKED,
            Cleanup => CLOSING,
            _ => QUEUED,
        },
    );
}

#[test]
fn an_end_nobody_asked_for_is_a_loss() {
    check(
        "the job ended",
        |world| drop(world.report(Report::Ended)),
        |place| match place {
            Reviewing => PARKED,
            Submitting | Verifying => ASKED,
            Cleanup => DONE,
            _ => QUEUED,
        },
    );
}

#[test]
fn cancel_works_until_a_permit_is_out() {
    for place in ALL {
        let mut world = at_place(place);
        if PERMITTED.contains(&place) {
            assert_eq!(code(world.cancel()), RejectCode::OutcomeUnknown, "{place:?}");
        } else if place == Cleanup {
            assert_eq!(code(world.cancel()), RejectCode::NotCancellable);
        } else {
            let effects = world.cancel().unwrap();
            assert!(matches!(sends(&effects)[..], [JobDown::End { .. }]), "{place:?}");
            assert_eq!(stands(&world), (Status::Cancelled, Outcome::None, true));
            world.report(Report::Ended);
            assert_eq!(stands(&world), (Status::Cancelled, Outcome::None, false));
        }
    }
}

#[test]
fn a_cancelled_task_is_not_sent_by_what_was_under_way() {
    let mut world = at_place(Prepared);
    let command = world.command();
    world.cancel().unwrap();
    let effects = world.report(Report::Ready { command, results: Vec::new(), form: form("Ada", "Rome") });
    assert!(effects.is_empty());
    assert_eq!(world.task().permit_state, None);
}

#[test]
fn every_deadline_leads_on() {
    check("the deadline came", World::wake, |place| match place {
        Reviewing => (Status::WaitingHuman, Outcome::None, true),
        Submitting | Verifying => ASKED,
        Cleanup => DONE,
        _ => QUEUED,
    });
    // The page that was to be closed at the end of its hold does not answer, either.
    let mut world = at_place(Reviewing);
    world.wake();
    world.wake();
    assert_eq!(stands(&world), PARKED);
}

#[test]
fn a_wake_before_its_time_is_refused() {
    for place in ALL {
        let mut world = at_place(place);
        assert!(matches!(world.take(Input::Wake), Err(Refused::Unfitting { .. })), "{place:?}");
    }
}

#[test]
fn attempts_are_counted_and_limited_by_class() {
    for (class, attempts) in [(FailureClass::HostLost, 6), (FailureClass::BrowserLost, 3), (FailureClass::Network, 4)] {
        let mut world = World::queued(Mode::Copilot);
        for attempt in 1..=attempts {
            world.claim().unwrap();
            assert_eq!(world.task().attempt, attempt);
            let failure = failure(class);
            world.report(Report::Failed { failure, screenshot: None });
            let expected = if attempt < attempts { Status::Queued } else { Status::Failed };
            assert_eq!(world.task().status, expected, "{class} after {attempt}");
        }
        world.report(Report::Ended);
        world.person(Action::Retry { task: world.task().id }).unwrap();
        assert_eq!((world.task().status, world.task().retry_count), (Status::Queued, 1));
        assert_eq!(world.task().error_code, None);
        world.claim().unwrap();
        assert_eq!(world.task().attempt, 1);
    }
}

fn too_many() -> Blocker {
    Blocker { kind: InteractionKind::RateLimited, message: "Too many requests".into() }
}

fn pauses(world: &World) -> Vec<DateTime<Utc>> {
    let writes = &world.last.as_ref().unwrap().writes;
    writes
        .iter()
        .filter_map(|write| if let Write::SitePaused { until } = write { Some(*until) } else { None })
        .collect()
}

#[test]
fn a_site_that_has_enough_is_left_alone_for_a_while_and_then_the_person_is_asked() {
    let mut world = World::queued(Mode::Copilot);
    let mut limited = form("", "");
    limited.page.blocker = Some(too_many());
    let mut last = Duration::zero();
    for _ in 0..3 {
        world.claim().unwrap();
        world.observed(limited.clone());
        assert_eq!(world.task().status, Status::Queued);
        let until = world.task().queued_at.unwrap();
        assert_eq!(pauses(&world), [until], "the others leave it alone, too");
        let pause = until - world.now;
        assert!(pause > last && pause <= Duration::minutes(18), "{pause}");
        last = pause;
    }
    world.claim().unwrap();
    let blocked = Report::Blocked { blocker: too_many(), page_url: String::new(), screenshot: None };
    world.report(blocked);
    assert_eq!(world.task().status, Status::WaitingHuman);
    assert_eq!(world.task().interaction_type.as_deref(), Some("rate_limited"));
}

#[test]
fn a_site_that_says_for_how_long_is_left_alone_for_as_long() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    let mut failure = failure(FailureClass::RateLimited);
    failure.retry_after = Some(700);
    world.report(Report::Failed { failure, screenshot: None });
    let pause = world.task().queued_at.unwrap() - world.now;
    assert!(pause >= Duration::seconds(700) && pause < Duration::seconds(706), "{pause}");
    assert_eq!(pauses(&world), [world.task().queued_at.unwrap()], "by everybody");
}

#[test]
fn a_site_that_is_down_and_says_for_how_long_is_left_alone_too() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    let mut down = failure(FailureClass::Network);
    world.report(Report::Failed { failure: down.clone(), screenshot: None });
    assert!(pauses(&world).is_empty(), "a site that fails without a word is not spared");
    world.claim().unwrap();
    down.retry_after = Some(90);
    world.report(Report::Failed { failure: down, screenshot: None });
    let pause = world.task().queued_at.unwrap() - world.now;
    assert!(pause >= Duration::seconds(90), "{pause}");
    assert_eq!(pauses(&world), [world.task().queued_at.unwrap()]);
}

#[test]
fn a_site_that_wants_hours_is_spared_and_the_person_asked() {
    let mut world = World::queued(Mode::Autopilot);
    world.claim().unwrap();
    let mut failure = failure(FailureClass::RateLimited);
    failure.retry_after = Some(7_200);
    world.report(Report::Failed { failure, screenshot: None });
    assert_eq!(pauses(&world), [world.now + Duration::hours(1)], "for as long as a site is paused at most");
    let task = world.task();
    assert_eq!((task.status, task.interaction_type.as_deref()), (Status::WaitingHuman, Some("rate_limited")));
    assert_eq!((task.lease_id, task.held_until), (None, None), "its page is gone");
    // They have it looked at again.
    world.resolve().unwrap();
    assert_eq!((world.task().status, world.task().attempt), (Status::Queued, 0));
}

#[test]
fn after_a_click_the_person_is_asked_whatever_the_site_says() {
    let mut world = World::permitted();
    world.outcome(SubmitOutcome::Blocked { blocker: too_many() });
    assert_eq!(world.task().status, Status::WaitingHuman);
    assert!(pauses(&world).is_empty());
}

#[test]
fn a_task_whose_actor_crashes_each_time_ends_or_is_asked_about() {
    for place in ALL {
        let mut world = at_place(place);
        assert!(!is_poison(world.task()));
        Arc::make_mut(&mut world.live.task).crashes = store::quarantine::CRASHES_MAX;
        assert_eq!(is_poison(world.task()), place != Cleanup, "{place:?}");
        let taken = world.take(Input::Crashing);
        match place {
            Cleanup => assert!(taken.is_err()),
            Submitting | Verifying => {
                assert_eq!(world.task().outcome, Outcome::Unknown);
                assert!(!is_poison(world.task()), "its person answers");
            }
            _ => assert_eq!(world.task().error_code, Some(ErrorCode::Quarantined), "{place:?}"),
        }
    }
    let mut world = at_place(Filling);
    Arc::make_mut(&mut world.live.task).crashes = store::quarantine::CRASHES_MAX;
    world.take(Input::Crashing).unwrap();
    world.report(Report::Ended);
    world.person(Action::Retry { task: world.task().id }).unwrap();
    assert!(!is_poison(world.task()), "the person wants it tried again");
    let writes = &world.last.as_ref().unwrap().writes;
    assert!(writes.iter().any(|write| matches!(write, Write::CrashesForgotten)));
}

#[test]
fn retry_is_for_what_failed() {
    for place in ALL {
        let mut world = at_place(place);
        let task = world.task().id;
        assert_eq!(code(world.person(Action::Retry { task })), RejectCode::NotRetryable, "{place:?}");
    }
}

#[test]
fn a_claim_needs_a_queued_task() {
    for place in ALL {
        assert!(matches!(at_place(place).claim(), Err(Refused::Unfitting { .. })), "{place:?}");
    }
    assert!(World::new(Mode::Copilot).claim().is_err());
}

#[test]
fn what_is_owed_is_what_is_pending() {
    for place in ALL {
        let world = at_place(place);
        let owed = owed(&world.live);
        let kind = match owed.as_slice() {
            [] => "nothing",
            [Effect::OpenJob { .. }] => "open",
            [Effect::Plan { .. }] => "plan",
            [Effect::Send { message, .. }] => match message.as_ref() {
                JobDown::Fill { items, .. } if items.len() == 2 => "fill",
                JobDown::Prepare { .. } => "prepare",
                JobDown::Submit { .. } => "submit",
                JobDown::End { .. } => "end",
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let expected = match place {
            StartingBrowser | Navigating | Analyzing => "open",
            Filling => "fill",
            Reviewing => "nothing",
            Prepared => "prepare",
            Submitting | Verifying => "submit",
            Cleanup => "end",
        };
        assert_eq!(kind, expected, "{place:?}");
    }
    assert_eq!(super::owed(&World::queued(Mode::Copilot).live), [Effect::Dispatch]);
}

#[test]
fn a_viewer_does_not_put_a_deadline_off() {
    for place in ALL {
        let mut world = at_place(place);
        let due = world.task().wake_at;
        world.now += Duration::seconds(5);
        let effects = world.person(Action::Watch { task: world.task().id, on: true }).unwrap();
        assert!(matches!(sends(&effects)[..], [JobDown::Watch { on: true }]));
        assert_eq!(world.task().wake_at, due, "{place:?}");
    }
}

#[test]
fn reports_move_a_deadline_but_not_that_of_closing() {
    let mut world = at_place(Navigating);
    let due = world.task().wake_at;
    // Deadlines are whole half minutes.
    world.now += Duration::seconds(30);
    world.report(Report::Phase(Phase::Analyzing));
    assert_eq!(world.task().wake_at, due.map(|due| due + Duration::seconds(30)));
    assert!(world.task().wake_at > Some(world.now + WORK_PATIENCE));

    let mut world = at_place(Cleanup);
    let due = world.task().wake_at;
    world.now += Duration::seconds(5);
    world.report(Report::Phase(Phase::Cleanup));
    assert_eq!(world.task().wake_at, due);
}

#[test]
fn what_cannot_be_stored_ends_the_task() {
    for place in ALL {
        let mut world = at_place(place);
        let taken = world.take(Input::Unwritable);
        match place {
            Cleanup => assert!(taken.is_err()),
            Submitting | Verifying => assert_eq!(world.task().outcome, Outcome::Unknown),
            _ => assert_eq!(world.task().error_code, Some(ErrorCode::Quarantined), "{place:?}"),
        }
    }
}

#[test]
fn people_read_the_codes_sentence_and_the_history_keeps_what_was_seen() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    let seen = "the site answered with status 404";
    let failure = Failure::new(FailureClass::Page, ErrorCode::PageNotFound, seen);
    world.report(Report::Failed { failure, screenshot: None });
    let task = world.task();
    assert_eq!(task.error_message.as_deref(), Some(ErrorCode::PageNotFound.sentence()));
    assert_eq!(task.current_step.as_deref(), Some("The employer's site does not show this page"));
    let events = &world.last.as_ref().unwrap().events;
    assert!(events.iter().any(|event| event.event_type == "error" && event.data.read().unwrap()["message"] == seen));
}

#[test]
fn a_fill_may_take_as_long_as_its_agent_gives_it() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    world.observed(form("", ""));
    assert_eq!(world.task().wake_at, Some(world.now + PLAN_PATIENCE), "a plan is our own work");
    world.plan(plan(Some("Ada"), Some("Rome")));
    // Filling, then reading back: each ends with a word of the agent when it takes too long.
    let longest = Duration::seconds(2 * i64::from(protocol::wire::WORK_SECONDS));
    assert!(world.task().wake_at.unwrap() > world.now + longest);
}
