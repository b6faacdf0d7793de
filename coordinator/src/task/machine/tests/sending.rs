//! Permits: when one is given, what ends it, and what is asked when nobody saw.

use protocol::wire::message::Evidence;

use super::*;

fn return_permit(world: &mut World, reason: ReturnReason) -> Vec<Effect> {
    let permit = world.task().permit_id.unwrap();
    world.report(Report::PermitReturned { permit, reason })
}

#[test]
fn the_permit_names_what_was_reviewed() {
    let mut world = World::reviewing();
    world.approve().unwrap();
    let effects = world.ready(Vec::new(), form("Ada", "Rome"));
    let [JobDown::Submit { permit, .. }] = sends(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(permit.values, form("Ada", "Rome").values_digest());
    assert_eq!(permit.form, form("Ada", "Rome").form_digest());
    assert_eq!(permit.ttl_ms, PERMIT_TTL_MS);
}

#[test]
fn a_form_that_is_not_the_approved_one_gets_no_permit() {
    let mut renamed = form("Ada", "Rome");
    renamed.fields[1].label = "Least favourite town".into();
    let mut more = form("Ada", "Rome");
    more.fields.push(field("pet", "Pet", ""));
    for other in [form("Ada", "Oslo"), form("Ada", ""), renamed, more, page(Vec::new())] {
        let mut world = World::reviewing();
        let revision = world.task().review_revision;
        world.approve().unwrap();
        let effects = world.ready(Vec::new(), other);
        assert!(sends(&effects).is_empty());
        assert_eq!((world.task().status, world.task().permit_state), (Status::WaitingHuman, None));
        assert!(world.task().review_revision > revision);
    }
}

#[test]
fn a_correction_that_was_not_made_gets_no_permit() {
    let oslo = || form("Ada", "Oslo");
    let refused = FillResult { status: FillStatus::Failed, ..verified("town", "Rome") };
    for (results, form) in [
        (Vec::new(), form("Ada", "Rome")),
        (vec![refused], form("Ada", "Rome")),
        (vec![verified("town", "Oslo")], form("Ada", "Rome")),
    ] {
        let mut world = World::reviewing();
        world.approve_with(&[("town", "Oslo")]).unwrap();
        world.ready(results, form);
        assert_eq!((world.task().status, world.task().permit_state), (Status::WaitingHuman, None));
    }
    let mut world = World::reviewing();
    world.approve_with(&[("Favourite town", "Oslo")]).unwrap();
    world.ready(vec![verified("town", "Oslo")], oslo());
    assert_eq!(world.task().permit_state, Some(PermitState::Granted));
}

#[test]
fn a_ready_report_of_another_command_gets_no_permit() {
    let mut world = World::reviewing();
    world.approve().unwrap();
    let command = CommandId::new();
    world.report(Report::Ready { command, results: Vec::new(), form: form("Ada", "Rome") });
    assert_eq!(world.task().permit_state, None);
}

#[test]
fn a_permit_that_ran_out_is_given_again_a_few_times() {
    let mut world = World::permitted();
    for _ in 1..PERMIT_TRIES_MAX {
        let first = world.task().permit_id;
        let effects = return_permit(&mut world, ReturnReason::Expired);
        assert!(matches!(sends(&effects)[..], [JobDown::Prepare { .. }]));
        world.ready(Vec::new(), form("Ada", "Rome"));
        assert_ne!(world.task().permit_id, first);
        assert_eq!(world.task().grants, 1, "the person approved once");
    }
    return_permit(&mut world, ReturnReason::Expired);
    assert_eq!((world.task().status, world.task().permit_state), (Status::WaitingHuman, Some(PermitState::Returned)));
}

#[test]
fn a_permit_given_back_goes_to_review_or_to_another_host() {
    for reason in ReturnReason::ALL {
        let mut world = World::permitted();
        return_permit(&mut world, *reason);
        let expected = match reason {
            ReturnReason::Expired => Status::InProgress,
            ReturnReason::Ledger => Status::Queued,
            ReturnReason::FormChanged
            | ReturnReason::ValuesChanged
            | ReturnReason::Revoked
            | ReturnReason::NoSubmit => Status::WaitingHuman,
        };
        assert_eq!((world.task().status, world.task().outcome), (expected, Outcome::None), "{reason}");
        assert_eq!(world.task().permit_state, Some(PermitState::Returned));
    }
}

#[test]
fn another_permits_word_does_not_count() {
    let mut world = World::permitted();
    let permit = PermitId::new();
    world.report(Report::PermitReturned { permit, reason: ReturnReason::Revoked });
    world.report(Report::Outcome { permit, outcome: SubmitOutcome::Confirmed(confirmation()), screenshot: None });
    assert_eq!((world.task().status, world.task().permit_state), (Status::InProgress, Some(PermitState::Granted)));
}

#[test]
fn a_confirmation_completes_and_records() {
    let mut world = World::permitted();
    let effects = world.outcome(SubmitOutcome::Confirmed(confirmation()));
    let task = world.task();
    assert_eq!((task.status, task.outcome, task.progress), (Status::Completed, Outcome::Sent, 100));
    assert_eq!(task.confirmation.as_ref().unwrap()["number"], "A-1");
    assert!(task.submitted_at.is_some() && task.completed_at.is_some());
    assert!(matches!(sends(&effects)[..], [JobDown::End { .. }]));
    assert_eq!(world.notified(), "The employer's site confirmed your application.");
    let writes = &world.last.as_ref().unwrap().writes;
    assert!(writes.iter().any(|write| matches!(write, Write::Results(rows) if rows.len() == 2)));
    assert_eq!(world.live.review.as_ref().unwrap().status, ReviewStatus::Closed);
    // Said twice, it counts once.
    world.outcome(SubmitOutcome::Confirmed(confirmation()));
    world.report(Report::Ended);
    assert_eq!((world.task().lease_id, world.task().phase), (None, None));
}

#[test]
fn a_refusal_of_the_employers_page_is_another_review() {
    let mut world = World::permitted();
    let mut form = form("Ada", "Rome");
    form.fields[1].invalid = Some("No such town".into());
    world.outcome(SubmitOutcome::Rejected { form });
    assert_eq!((world.task().status, world.task().permit_state), (Status::WaitingHuman, Some(PermitState::Rejected)));
    assert_eq!(world.live.review.as_ref().unwrap().plan.get(&id("town")).unwrap().note, "No such town");
    // The next approval is another grant.
    world.approve_with(&[("town", "Oslo")]).unwrap();
    world.ready(vec![verified("town", "Oslo")], super::form("Ada", "Oslo"));
    assert_eq!((world.task().grants, world.task().permit_state), (2, Some(PermitState::Granted)));
}

#[test]
fn an_end_nobody_saw_is_asked_and_nothing_else_is_possible() {
    let mut world = World::permitted();
    let effects = world.outcome(SubmitOutcome::Unknown { evidence: Evidence::default() });
    assert!(matches!(sends(&effects)[..], [JobDown::End { .. }]));
    for _ in 0..2 {
        assert_eq!((world.task().status, world.task().outcome), (Status::WaitingHuman, Outcome::Unknown));
        assert_eq!(world.task().interaction_type.as_deref(), Some("outcome_unknown"));
        let task = world.task().id;
        assert_eq!(code(world.cancel()), RejectCode::OutcomeUnknown);
        assert_eq!(code(world.approve()), RejectCode::OutcomeUnknown);
        assert_eq!(code(world.resolve()), RejectCode::OutcomeUnknown);
        assert!(world.person(Action::Retry { task }).is_err());
        assert!(owed(&world.live).iter().all(
            |effect| !matches!(effect, Effect::Send { message, .. } if matches!(**message, JobDown::Submit { .. }))
        ));
        if world.task().lease_id.is_some() {
            world.report(Report::Ended);
        }
    }
}

#[test]
fn the_person_says_that_it_arrived() {
    let mut world = World::unknown();
    world.answer(true).unwrap();
    assert_eq!((world.task().status, world.task().outcome), (Status::Completed, Outcome::Sent));
    assert_eq!(world.task().confirmation.as_ref().unwrap()["by"], "person");
    assert_eq!(world.notified(), "You said that the application arrived.");
    assert_eq!(code(world.answer(false)), RejectCode::NotResolvable);
}

#[test]
fn the_person_says_that_it_did_not_and_tries_again() {
    let mut world = World::unknown();
    world.answer(false).unwrap();
    assert_eq!((world.task().status, world.task().error_code), (Status::Failed, Some(ErrorCode::NotSent)));
    assert_eq!(world.noted("outcome_answered")["note"], "I looked in my mail");
    assert_eq!((world.task().outcome, world.task().permit_state), (Outcome::None, Some(PermitState::Returned)));
    world.person(Action::Retry { task: world.task().id }).unwrap();
    world.fill();
    assert_eq!(world.task().status, Status::WaitingHuman, "what was approved was for the attempt that is over");
}

#[test]
fn an_answer_about_another_click_is_refused() {
    let mut world = World::unknown();
    let first = world.task().permit_id;
    assert_eq!(code(world.answer_about(Some(PermitId::new()), true)), RejectCode::StaleOutcome);
    world.answer(false).unwrap();
    world.person(Action::Retry { task: world.task().id }).unwrap();
    world.fill();
    world.approve().unwrap();
    world.ready(Vec::new(), form("Ada", "Rome"));
    world.lose(None);
    assert_eq!(world.task().outcome, Outcome::Unknown);
    let (before, second) = (world.live.clone(), world.task().permit_id);
    assert_ne!(first, second);
    for sent in [true, false] {
        assert_eq!(code(world.answer_about(first, sent)), RejectCode::StaleOutcome, "it was meant for the first click");
        assert_eq!(code(world.answer_about(None, sent)), RejectCode::StaleOutcome, "nobody knows which is meant");
    }
    assert_eq!(world.live, before);
    world.answer_about(second, true).unwrap();
    assert_eq!((world.task().status, world.task().outcome), (Status::Completed, Outcome::Sent));
}

#[test]
fn who_names_no_click_can_mean_the_only_one() {
    let mut world = World::unknown();
    world.answer_about(None, true).unwrap();
    assert_eq!((world.task().status, world.task().outcome), (Status::Completed, Outcome::Sent));
}

#[test]
fn a_confirmation_that_comes_late_is_believed() {
    // While the person is asked.
    let mut world = World::permitted();
    world.outcome(SubmitOutcome::Unknown { evidence: Evidence::default() });
    world.outcome(SubmitOutcome::Confirmed(confirmation()));
    assert_eq!((world.task().status, world.task().outcome), (Status::Completed, Outcome::Sent));

    // After they said that nothing arrived: the status stays, a second application is prevented.
    let mut world = World::permitted();
    world.outcome(SubmitOutcome::Unknown { evidence: Evidence::default() });
    world.answer(false).unwrap();
    world.outcome(SubmitOutcome::Confirmed(confirmation()));
    assert_eq!((world.task().status, world.task().outcome), (Status::Failed, Outcome::Sent));
    assert_eq!(code(world.person(Action::Retry { task: world.task().id })), RejectCode::OutcomeUnknown);
}

/// The click was made, and the site wants a person before it accepts.
fn held_up() -> World {
    let mut world = World::permitted();
    world.outcome(SubmitOutcome::Blocked { blocker: captcha() });
    assert_eq!((world.task().status, world.task().permit_state), (Status::WaitingHuman, Some(PermitState::Granted)));
    assert!(owed(&world.live).is_empty(), "the click is not asked for again");
    world
}

#[test]
fn a_click_held_up_by_a_captcha_goes_on_when_it_is_solved() {
    let mut world = held_up();
    assert_eq!(code(world.cancel()), RejectCode::OutcomeUnknown);
    let effects = world.resolve().unwrap();
    assert!(matches!(sends(&effects)[..], [JobDown::Recheck { .. }]));
    assert_eq!(world.task().phase, Some(Phase::Verifying));
    assert!(
        matches!(owed(&world.live)[..], [Effect::Send { ref message, .. }] if matches!(**message, JobDown::Recheck { .. }))
    );

    let mut again = world.clone();
    again.report(Report::Blocked { blocker: captcha(), page_url: String::new(), screenshot: None });
    assert_eq!((again.task().status, again.task().permit_open()), (Status::WaitingHuman, true));

    let mut unclear = world.clone();
    unclear.observed(form("Ada", "Rome"));
    assert_eq!(unclear.task().outcome, Outcome::Unknown);

    let mut done = page(Vec::new());
    done.page.confirmation = Some(confirmation());
    world.observed(done);
    assert_eq!((world.task().status, world.task().outcome), (Status::Completed, Outcome::Sent));
}

#[test]
fn a_click_held_up_for_too_long_or_by_a_dead_page_is_asked_about() {
    let mut world = held_up();
    world.wake();
    world.report(Report::Ended);
    assert_eq!(world.task().outcome, Outcome::Unknown);

    let mut world = held_up();
    world.report(Report::Failed { failure: failure(FailureClass::BrowserLost), screenshot: None });
    assert_eq!(world.task().outcome, Outcome::Unknown);
}

impl World {
    /// The agent is back, without the lease, and its ledger holds the confirmation.
    fn confirmed_late(&mut self) -> Result<Vec<Effect>, Refused> {
        let permit = self.task().permit_id.unwrap();
        self.take(Input::Confirmed { permit, confirmation: confirmation() })
    }
}

#[test]
fn a_confirmation_needs_no_lease() {
    // While the person is asked.
    let mut world = World::unknown();
    world.confirmed_late().unwrap();
    let task = world.task();
    assert_eq!((task.status, task.outcome, task.interaction_type.as_deref()), (Status::Completed, Outcome::Sent, None));
    assert_eq!((task.phase, task.confirmation.as_ref().unwrap()["by"].as_str()), (None, Some("site")));
    world.noted("confirmed_late");
    let before = world.live.clone();
    assert!(world.confirmed_late().unwrap().is_empty());
    assert_eq!(world.live, before, "once is enough");

    // After they said that nothing arrived: the outcome says so, and there is no second application.
    let mut world = World::unknown();
    world.answer(false).unwrap();
    world.confirmed_late().unwrap();
    assert_eq!((world.task().status, world.task().outcome), (Status::Failed, Outcome::Sent));
    assert_eq!(code(world.person(Action::Retry { task: world.task().id })), RejectCode::OutcomeUnknown);

    // After they tried it again, waiting for a place or at work on it.
    for claimed in [false, true] {
        let mut world = World::unknown();
        world.answer(false).unwrap();
        world.person(Action::Retry { task: world.task().id }).unwrap();
        if claimed {
            world.claim().unwrap();
        }
        let effects = world.confirmed_late().unwrap();
        assert_eq!((world.task().status, world.task().outcome), (Status::Completed, Outcome::Sent));
        assert_eq!(matches!(sends(&effects)[..], [JobDown::End { .. }]), claimed);
    }

    // After they gave it up.
    let mut world = World::unknown();
    world.answer(false).unwrap();
    world.person(Action::Retry { task: world.task().id }).unwrap();
    world.cancel().unwrap();
    world.confirmed_late().unwrap();
    assert_eq!((world.task().status, world.task().outcome), (Status::Cancelled, Outcome::Sent));
}

#[test]
fn a_click_that_the_row_knows_nothing_of_is_asked_about_or_confirmed() {
    let found = |world: &mut World, permit, confirmation| world.take(Input::PermitFound { permit, confirmation });
    let queued = || World::queued(Mode::Copilot);
    let preparing = || {
        let mut world = World::reviewing();
        world.approve().unwrap();
        world
    };
    let parked = || {
        let mut world = World::reviewing();
        world.lose(None);
        world
    };
    // Queued anew, being prepared, or waiting for the person without a page: it is not placed again.
    for start in [&queued as &dyn Fn() -> World, &preparing, &parked] {
        let (mut world, permit) = (start(), PermitId::new());
        let released = world.task().lease_id;
        let effects = found(&mut world, permit, None).unwrap();
        let task = world.task();
        assert_eq!((task.status, task.outcome, task.lease_id), (Status::WaitingHuman, Outcome::Unknown, None));
        assert_eq!((task.permit_id, task.permit_state), (Some(permit), Some(PermitState::Unknown)));
        let releases =
            effects.iter().any(|effect| matches!(effect, Effect::Release { lease, .. } if Some(*lease) == released));
        assert_eq!(releases, released.is_some(), "{effects:?}");
        let before = world.live.clone();
        assert!(found(&mut world, permit, None).unwrap().is_empty());
        assert_eq!(world.live, before, "once is enough");
        world.answer(true).unwrap();
        assert_eq!((world.task().status, world.task().outcome), (Status::Completed, Outcome::Sent));

        let mut world = start();
        found(&mut world, permit, Some(confirmation())).unwrap();
        let task = world.task();
        assert_eq!((task.status, task.outcome, task.lease_id), (Status::Completed, Outcome::Sent, None));
        assert_eq!(task.confirmation.as_ref().unwrap()["by"], "site");
    }

    // Another permit is out: two clicks may have been made.
    let mut world = World::permitted();
    let out = world.task().permit_id;
    found(&mut world, PermitId::new(), Some(confirmation())).unwrap();
    assert_eq!((world.task().outcome, world.task().permit_id), (Outcome::Unknown, out));

    // It has ended: only a confirmation still changes what is said of it.
    let mut world = queued();
    world.cancel().unwrap();
    assert!(matches!(found(&mut world, PermitId::new(), None), Err(Refused::Unfitting { .. })));
    found(&mut world, PermitId::new(), Some(confirmation())).unwrap();
    assert_eq!((world.task().status, world.task().outcome), (Status::Cancelled, Outcome::Sent));
    assert!(found(&mut world, PermitId::new(), None).unwrap().is_empty(), "it was sent, whoever sent it");
}

#[test]
fn a_confirmation_of_another_permit_is_refused() {
    let mut world = World::unknown();
    let stranger = Input::Confirmed { permit: PermitId::new(), confirmation: confirmation() };
    assert!(matches!(world.take(stranger), Err(Refused::Unfitting { .. })));
}
