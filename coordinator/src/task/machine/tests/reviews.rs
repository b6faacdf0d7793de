//! Reports in order, reviews, edits, blockers, parking and autopilot.

use protocol::cluster::Edit;
use protocol::form::FileRef;

use super::*;

fn edit(world: &mut World, revision: i64, id: &str, value: &str) -> Result<Vec<Effect>, Refused> {
    let edits = vec![Edit { field: id.into(), value: Some(value.into()), remember: false }];
    world.person(Action::Edit { task: world.task().id, revision, edits })
}

#[test]
fn reports_count_once_in_order_and_under_their_lease() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    let lease = world.task().lease_id.unwrap();
    let report = |number| Input::Report { lease, number, report: Box::new(Report::Phase(Phase::Navigating)) };
    assert_eq!(world.take(report(2)), Err(Refused::Gap));
    world.take(report(1)).unwrap();
    let before = world.live.clone();
    world.take(report(1)).unwrap();
    assert_eq!(world.live, before, "a repetition changes nothing");
    let stale = Input::Report { lease: LeaseId::new(), number: 2, report: Box::new(Report::Ended) };
    assert_eq!(world.take(stale), Err(Refused::StaleLease));
    world.take(Input::LeaseLost { lease: LeaseId::new(), permit_used: None }).unwrap();
    assert_eq!(world.live, before, "the loss of another lease is none of its business");
}

#[test]
fn commands_count_once() {
    let mut world = World::reviewing();
    let action =
        Action::Approve { task: world.task().id, revision: None, overrides: BTreeMap::new(), remember: vec![] };
    let input = Input::Person { id: CommandId::new(), action };
    world.take(input.clone()).unwrap();
    let before = world.live.clone();
    assert!(world.take(input).unwrap().is_empty());
    assert_eq!(world.live, before);
    for _ in 0..2 * COMMANDS_KEPT {
        world.person(Action::Watch { task: world.task().id, on: true }).unwrap();
    }
    assert_eq!(world.task().recent_commands.len(), COMMANDS_KEPT);
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut world = World::reviewing();
    let before = world.live.clone();
    assert_eq!(code(world.approve_with(&[("nobody", "x")])), RejectCode::InvalidEdit);
    assert_eq!(code(edit(&mut world, 99, "town", "Oslo")), RejectCode::StaleReview);
    assert_eq!(world.live, before);
}

#[test]
fn an_approval_of_an_old_revision_is_refused() {
    let mut world = World::reviewing();
    let seen = world.task().review_revision;
    edit(&mut world, seen, "town", "Oslo").unwrap();
    let action =
        Action::Approve { task: world.task().id, revision: Some(seen), overrides: BTreeMap::new(), remember: vec![] };
    assert_eq!(code(world.person(action)), RejectCode::StaleReview);
}

#[test]
fn required_answers_are_asked_for() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    world.observed(form("", ""));
    world.plan(plan(Some("Ada"), None));
    world.filled(vec![verified("name", "Ada")], form("Ada", ""));
    let Err(Refused::Rejected(rejected)) = world.approve() else { panic!("approved") };
    assert_eq!((rejected.code, rejected.fields), (RejectCode::NeedsYou, vec![id("town")]));
    let effects = world.approve_with(&[("town", "Rome")]).unwrap();
    assert!(matches!(sends(&effects)[..], [JobDown::Prepare { items, .. }] if items.len() == 1));
}

#[test]
fn an_edit_is_entered_at_once_and_does_not_make_itself_stale() {
    let mut world = World::reviewing();
    let seen = world.task().review_revision;
    let effects = edit(&mut world, seen, "town", "Oslo").unwrap();
    assert!(matches!(sends(&effects)[..], [JobDown::Fill { items, .. }] if items.len() == 1));
    let edited = world.task().review_revision;
    assert_eq!(edited, seen + 1);
    world.filled(vec![verified("town", "Oslo")], form("Ada", "Oslo"));
    assert_eq!(world.task().review_revision, edited, "the page holds what the person has seen");

    // The page makes something else of it: that is to be seen first.
    edit(&mut world, edited, "town", "Bergen").unwrap();
    let mismatch = FillResult { status: FillStatus::Mismatch, ..verified("town", "Berg") };
    world.filled(vec![mismatch], form("Ada", "Berg"));
    assert_eq!(world.task().review_revision, edited + 2);
}

#[test]
fn what_another_answer_unlocks_is_planned_again() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    let locked = Field { editable: false, ..field("town", "Favourite town", "") };
    world.observed(page(vec![field("name", "Full name", ""), locked.clone()]));
    world.plan(FillPlan { fields: vec![planned("name", Some("Ada"), 0.95), planned("town", None, 0.0)] });
    world.filled(Vec::new(), form("Ada", ""));
    assert_eq!(world.task().pending, Some(Pending::Plan { round: 1 }));
    let effects =
        world.plan(FillPlan { fields: vec![planned("name", None, 0.0), planned("town", Some("Oslo"), 0.95)] });
    assert!(!effects.is_empty());
    let plan = &world.live.review.as_ref().unwrap().plan;
    let value = |id: &str| plan.get(&id.into()).and_then(|planned| planned.value.clone());
    assert_eq!(value("town"), Some(Value::Text("Oslo".into())));
    assert_eq!(value("name"), Some(Value::Text("Ada".into())), "what was planned before stays");
}

#[test]
fn a_form_that_grows_is_planned_again_a_few_times() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    let mut fields = vec![field("name", "Full name", "")];
    world.observed(page(fields.clone()));
    for round in 0..=ROUNDS_MAX {
        assert_eq!(world.task().pending, Some(Pending::Plan { round }));
        let entered = fields.iter().map(|field| planned(&field.id.0, Some("x"), 0.95)).collect();
        world.plan(FillPlan { fields: entered });
        fields.iter_mut().for_each(|field| field.value = Value::Text("x".into()));
        fields.push(field(&format!("more{round}"), "More", ""));
        world.filled(Vec::new(), page(fields.clone()));
    }
    assert_eq!(world.task().status, Status::WaitingHuman);
}

#[test]
fn a_plan_of_another_round_is_refused() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    world.observed(form("", ""));
    let input = Input::Planned { round: 3, plan: plan(None, None) };
    assert!(matches!(world.take(input), Err(Refused::Unfitting { .. })));
}

#[test]
fn a_held_review_is_parked_and_approved_all_the_same() {
    let mut world = World::reviewing();
    let held = world.task().held_until.unwrap();
    world.person(Action::ExtendHold { task: world.task().id, minutes: 30 }).unwrap();
    assert!(world.task().held_until.unwrap() > held);
    world.person(Action::ExtendHold { task: world.task().id, minutes: 1 }).unwrap();
    assert!(world.task().held_until.unwrap() > held, "extending never shortens");

    world.wake();
    assert!(world.task().lease_id.is_some(), "the page is being closed");
    assert_eq!(code(world.person(Action::ExtendHold { task: world.task().id, minutes: 5 })), RejectCode::NotReviewable);
    let seen = world.task().review_revision;
    let effects = edit(&mut world, seen, "town", "Oslo").unwrap();
    assert!(sends(&effects).is_empty(), "nothing is entered into a page that is being closed");
    assert!(matches!(world.task().pending, Some(Pending::End { .. })));

    world.report(Report::Ended);
    assert_eq!((world.task().lease_id, world.task().wake_at), (None, None));
    world.now += Duration::hours(30);
    world.approve().unwrap();
    assert_eq!(world.task().status, Status::Queued);
    assert_eq!(world.task().queued_at, Some(world.task().created_at), "an answered task goes first of its user");
    world.refill("Oslo");
    assert_eq!(world.task().phase, Some(Phase::Submitting), "it is as approved: no second question");
}

#[test]
fn an_approval_while_the_page_is_closed_queues_the_task() {
    let mut world = World::reviewing();
    world.wake();
    let effects = world.approve().unwrap();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Release { .. })));
    assert_eq!((world.task().status, world.task().lease_id), (Status::Queued, None));
}

#[test]
fn approved_then_lost_is_sent_only_as_approved() {
    let mut world = World::reviewing();
    world.approve().unwrap();
    world.lose(None);
    let mut same = world.clone();
    same.refill("Rome");
    assert!(matches!(same.task().pending, Some(Pending::Prepare { .. })));
    let mut other = world;
    other.refill("Oslo");
    assert_eq!(other.task().status, Status::WaitingHuman);
    assert_eq!(other.live.review.as_ref().unwrap().approved, None);
}

impl World {
    /// Another attempt, whose planner finds this town.
    fn refill(&mut self, town: &str) {
        self.claim().unwrap();
        self.observed(form("", ""));
        self.plan(plan(Some("Ada"), Some(town)));
        self.filled(vec![verified("name", "Ada"), verified("town", town)], form("Ada", town));
    }
}

#[test]
fn blockers_go_to_the_person_and_back() {
    let artifact = ArtifactId::new();
    let screenshot = Some(protocol::wire::message::Screenshot { artifact, width: 8, height: 8 });
    let blocked = || Report::Blocked { blocker: captcha(), page_url: "https://x".into(), screenshot };
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    world.report(blocked());
    assert_eq!(
        (world.task().status, world.task().interaction_type.as_deref()),
        (Status::WaitingHuman, Some("captcha"))
    );
    assert_eq!(code(world.approve()), RejectCode::NotReviewable);

    let data = world.live.task.interaction_data.clone().unwrap();
    assert_eq!(data["message"], InteractionKind::Captcha.sentence());
    assert_eq!(data["screenshot_id"], artifact.to_string());

    let mut held = world.clone();
    let effects = held.resolve().unwrap();
    assert_eq!(held.noted("blocker_resolved")["note"], "It is a puzzle about boats");
    assert!(matches!(sends(&effects)[..], [JobDown::Recheck { .. }]));
    held.observed(form("", ""));
    assert_eq!(held.task().pending, Some(Pending::Plan { round: 0 }));
    assert_eq!(code(held.resolve()), RejectCode::NotResolvable);

    world.wake();
    world.report(Report::Ended);
    world.resolve().unwrap();
    assert_eq!(world.task().status, Status::Queued);
}

#[test]
fn pages_that_are_no_form_end_the_task() {
    let mut closed = form("", "");
    closed.page.closed = true;
    let mut applied = form("", "");
    applied.page.already_applied = true;
    let mut done = page(Vec::new());
    done.page.confirmation = Some(confirmation());
    for (form, code) in [
        (closed, ErrorCode::JobClosed),
        (applied, ErrorCode::AlreadyApplied),
        (done, ErrorCode::AlreadyApplied),
        (page(Vec::new()), ErrorCode::NotAForm),
    ] {
        let mut world = World::queued(Mode::Copilot);
        world.claim().unwrap();
        world.observed(form);
        assert_eq!((world.task().status, world.task().error_code), (Status::Failed, Some(code)));
    }
}

#[test]
fn autopilot_sends_what_is_sure_and_asks_about_the_rest() {
    let mut world = World::queued(Mode::Autopilot);
    world.fill();
    assert!(matches!(world.task().pending, Some(Pending::Prepare { .. })), "{:?}", world.task().current_step);
    world.ready(Vec::new(), form("Ada", "Rome"));
    assert_eq!(world.task().permit_state, Some(PermitState::Granted));

    let mut unsure = plan(Some("Ada"), Some("Rome"));
    // Not so unsure that the form as a whole would be.
    unsure.fields[1].confidence = 0.6;
    let mut attest = plan(Some("Ada"), Some("Rome"));
    attest.fields[1].ask = true;
    // What is entered is sent, whether it was required or not.
    for (plan, required) in [(unsure.clone(), true), (attest, true), (unsure, false)] {
        let with = |name: &str, town: &str| {
            let mut form = form(name, town);
            form.fields[1].required = required;
            form
        };
        let mut world = World::queued(Mode::Autopilot);
        world.claim().unwrap();
        world.observed(with("", ""));
        world.plan(plan);
        world.filled(vec![verified("name", "Ada"), verified("town", "Rome")], with("Ada", "Rome"));
        assert_eq!((world.task().status, world.task().grants), (Status::WaitingHuman, 0), "required: {required}");
        let why = world.task().interaction_data.as_ref().unwrap()["message"].as_str().unwrap().to_owned();
        assert!(why.starts_with("Autopilot stopped for you: "), "{why}");
        let step = world.task().current_step.clone().unwrap();
        assert!(why.starts_with(&*step) && step.len() <= 100, "{step}");
    }
}

#[test]
fn a_check_that_comes_with_the_filled_form_is_the_persons_and_the_answers_stay() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    world.observed(form("", ""));
    world.plan(plan(Some("Ada"), Some("Rome")));
    let checked = |held: FormModel| FormModel { page: PageState { blocker: Some(captcha()), ..held.page }, ..held };
    world.filled(vec![verified("name", "Ada"), verified("town", "Rome")], checked(form("Ada", "Rome")));
    assert_eq!(
        (world.task().status, world.task().interaction_type.as_deref()),
        (Status::WaitingHuman, Some("captcha"))
    );
    assert_eq!(code(world.approve()), RejectCode::NotReviewable);
    let kept = &world.live.review.as_ref().unwrap().plan;
    assert!(kept.fields.iter().all(|planned| planned.value.is_some()), "{kept:?}");

    let effects = world.resolve().unwrap();
    assert!(matches!(sends(&effects)[..], [JobDown::Recheck { .. }]), "the page is looked at again");
    world.observed(form("Ada", "Rome"));
    world.plan(plan(Some("Ada"), Some("Rome")));
    world.filled(Vec::new(), form("Ada", "Rome"));
    assert_eq!((world.task().status, &world.task().interaction_type), (Status::WaitingHuman, &None));
    assert_eq!(world.task().permit_id, None);

    // It ran out while the person read: no click is made, and their approval stands once it is passed again.
    world.approve().unwrap();
    world.ready(Vec::new(), checked(form("Ada", "Rome")));
    assert_eq!(world.task().interaction_type.as_deref(), Some("captcha"));
    assert_eq!(world.task().permit_id, None);
    world.resolve().unwrap();
    world.observed(form("Ada", "Rome"));
    world.plan(plan(Some("Ada"), Some("Rome")));
    let effects = world.filled(Vec::new(), form("Ada", "Rome"));
    assert!(matches!(sends(&effects)[..], [JobDown::Prepare { .. }]), "{effects:?}");
}

#[test]
fn a_file_the_page_did_not_take_is_given_again() {
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    let asked = || {
        let resume = Field { kind: FieldKind::File, ..field("resume", "Resume", "") };
        page(vec![field("name", "Full name", "Ada"), resume])
    };
    let file = FileRef { name: "ada.pdf".into(), size: 3, sha256: "00".repeat(32) };
    world.observed(asked());
    let resume = PlannedField { value: Some(Value::File(file.clone())), ..planned("resume", Some("x"), 0.95) };
    world.plan(FillPlan { fields: vec![planned("name", Some("Ada"), 0.95), resume] });
    let failed = |status| FillResult { status, value: Value::Empty, ..verified("resume", "") };
    world.filled(vec![failed(FillStatus::Failed)], asked());
    assert_eq!(world.task().status, Status::WaitingHuman);
    let review = world.live.review.clone().unwrap();
    let kept = review.plan.get(&id("resume")).unwrap();
    assert_eq!((kept.value.as_ref(), kept.note.is_empty()), (Some(&Value::File(file)), false));
    assert!(review.form.field(&id("resume")).unwrap().editable);
    let effects = world.approve().unwrap();
    assert!(matches!(sends(&effects)[..], [JobDown::Prepare { items, .. }] if items.len() == 1), "{effects:?}");
    // Refused once more, nothing is sent.
    world.ready(vec![failed(FillStatus::Failed)], asked());
    assert_eq!((world.task().status, world.task().permit_id), (Status::WaitingHuman, None));
}

#[test]
fn each_edit_replaces_the_reviews_picture() {
    let mut world = World::reviewing();
    let shot = || Some(protocol::wire::message::Screenshot { artifact: ArtifactId::new(), width: 8, height: 8 });
    let mut before = None;
    for town in ["Oslo", "Bern", "Rome"] {
        let (revision, value) = (world.task().review_revision, Some(town.to_owned()));
        let edits = vec![protocol::cluster::Edit { field: "town".into(), value, remember: false }];
        world.person(Action::Edit { task: world.task().id, revision, edits }).unwrap();
        let (command, screenshot) = (world.command(), shot());
        let results = vec![verified("town", town)];
        world.report(Report::Filled { command, results: results.clone(), form: form("Ada", town), screenshot: None });
        assert_eq!(world.live.review.as_ref().unwrap().screenshot, before, "until there is a newer one");
        let effects = world.report(Report::Pictured { screenshot: screenshot.unwrap() });
        let pictures: Vec<_> = world.task().screenshots.items.iter().map(|picture| picture.id).collect();
        let newest = screenshot.unwrap().artifact;
        assert_eq!(pictures, [newest], "one picture of the filled form");
        assert_eq!(world.live.review.as_ref().unwrap().screenshot, Some(newest));
        let dropped = effects.iter().find_map(|effect| match effect {
            Effect::DropPictures(pictures) => Some(pictures.clone()),
            _ => None,
        });
        assert_eq!(dropped, before.map(|before| vec![before]), "the earlier one's file goes");
        let rows = world.last.as_ref().unwrap().writes.iter().any(|write| matches!(write, Write::PicturesDropped(_)));
        assert_eq!(rows, before.is_some());
        // The agent was asked twice and answers twice.
        let again = world.report(Report::Filled { command, results, form: form("Ada", town), screenshot });
        assert!(!again.iter().any(|effect| matches!(effect, Effect::DropPictures(_))), "{again:?}");
        assert_eq!(world.task().screenshots.items.iter().map(|picture| picture.id).collect::<Vec<_>>(), [newest]);
        before = Some(newest);
    }
}

#[test]
fn a_held_review_makes_room_and_loses_nothing() {
    let mut world = World::reviewing();
    let revision = world.task().review_revision;
    let edits = vec![protocol::cluster::Edit { field: "town".into(), value: Some("Oslo".into()), remember: false }];
    world.person(Action::Edit { task: world.task().id, revision, edits }).unwrap();
    assert!(world.take(Input::Park).is_err(), "an edit is being entered");
    world.filled(vec![verified("town", "Oslo")], form("Ada", "Oslo"));

    let effects = world.take(Input::Park).unwrap();
    assert!(matches!(sends(&effects)[..], [JobDown::End { .. }]));
    assert_eq!(world.noted("parked")["step"], "parked");
    assert_eq!((world.task().status, world.task().held_until), (Status::WaitingHuman, None));
    assert!(world.take(Input::Park).is_err(), "it is being parked");
    world.report(Report::Ended);
    assert_eq!(world.task().lease_id, None);
    assert!(world.take(Input::Park).is_err(), "nothing is held");

    // The person's word is taken all the same; the form is filled again and sent as it was approved.
    world.approve().unwrap();
    assert_eq!(world.task().status, Status::Queued);
    world.claim().unwrap();
    world.observed(form("", ""));
    world.plan(plan(Some("Ada"), Some("Rome")));
    world.filled(vec![verified("name", "Ada"), verified("town", "Oslo")], form("Ada", "Oslo"));
    assert!(matches!(world.task().pending, Some(Pending::Prepare { .. })));
}

#[test]
fn a_click_that_waits_for_its_person_is_not_parked() {
    let mut world = World::permitted();
    world.report(Report::Phase(Phase::Verifying));
    world.outcome(SubmitOutcome::Blocked { blocker: captcha() });
    assert_eq!(world.task().status, Status::WaitingHuman);
    assert!(world.take(Input::Park).is_err());
}

/// A review whose town is optional, as the page filled it.
fn with_optional_town() -> World {
    let with = |name: &str, town: &str| {
        let mut form = form(name, town);
        form.fields[1].required = false;
        form
    };
    let mut world = World::queued(Mode::Copilot);
    world.claim().unwrap();
    world.observed(with("", ""));
    world.plan(plan(Some("Ada"), Some("Rome")));
    world.filled(vec![verified("name", "Ada"), verified("town", "Rome")], with("Ada", "Rome"));
    world
}

#[test]
fn an_answer_that_the_person_cleared_is_taken_out_of_the_page() {
    let mut world = with_optional_town();
    let effects = world.approve_with(&[("town", "")]).unwrap();
    let [JobDown::Prepare { items, .. }] = sends(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(items[..], [protocol::wire::message::FillItem { field: id("town"), value: Value::Empty }]);
    let mut cleared = FormModel::clone(&world.live.review.as_ref().unwrap().form);
    cleared.fields[1].value = Value::Empty;
    let effects = world.ready(vec![FillResult { value: Value::Empty, ..verified("town", "") }], cleared.clone());
    let [JobDown::Submit { permit, .. }] = sends(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(permit.values, cleared.values_digest());

    // Cleared as an edit: entered at once, and it stays out when the form is filled again by another browser.
    let mut world = with_optional_town();
    let revision = world.task().review_revision;
    let effects = edit(&mut world, revision, "town", "").unwrap();
    assert!(matches!(sends(&effects)[..], [JobDown::Fill { items, .. }] if items[0].value == Value::Empty));
    world.lose(None);
    world.approve().unwrap();
    world.claim().unwrap();
    let mut prefilled = cleared;
    prefilled.fields[1].value = Value::Text("Oslo".into());
    world.observed(prefilled);
    let effects = world.plan(plan(Some("Ada"), Some("Rome")));
    assert!(
        matches!(sends(&effects)[..], [JobDown::Fill { items, .. }] if items[0].value == Value::Empty),
        "{effects:?}"
    );
}

#[test]
fn a_required_answer_that_the_person_cleared_is_asked_for() {
    let mut world = World::reviewing();
    let Err(Refused::Rejected(rejected)) = world.approve_with(&[("town", "")]) else { panic!("approved") };
    assert_eq!((rejected.code, rejected.fields), (RejectCode::NeedsYou, vec![id("town")]));
}
