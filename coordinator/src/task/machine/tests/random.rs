//! Everybody says anything at any time; [`World`] checks what must hold of every step.

use proptest::prelude::*;
use protocol::wire::message::{Evidence, Screenshot};

use super::*;

/// One thing that somebody says. Numbers choose among the possible values, so that shrinking works.
#[derive(Debug, Clone)]
enum Say {
    /// What the state waits for: else permits would be too rare to find anything.
    Fitting,
    Claim,
    Report {
        what: u8,
        value: u8,
        fresh: bool,
        stale: bool,
    },
    Plan {
        value: u8,
        right: bool,
    },
    Lose {
        used: Option<bool>,
        stale: bool,
    },
    Person {
        what: u8,
        value: u8,
        again: bool,
    },
    Confirmed {
        fresh: bool,
    },
    Found {
        confirmed: bool,
    },
    Wait {
        seconds: u16,
    },
    Wake,
    Park,
    Unwritable,
    Crashing,
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        20 => Just(Say::Fitting),
        3 => Just(Say::Claim),
        2 => Just(Say::Park),
        12 => (0..17_u8, 0..3_u8, prop::bool::weighted(0.9), prop::bool::weighted(0.1))
            .prop_map(|(what, value, fresh, stale)| Say::Report { what, value, fresh, stale }),
        5 => (0..3_u8, prop::bool::weighted(0.9)).prop_map(|(value, right)| Say::Plan { value, right }),
        1 => (prop::option::of(any::<bool>()), prop::bool::weighted(0.2)).prop_map(|(used, stale)| Say::Lose { used, stale }),
        6 => (0..9_u8, 0..3_u8, prop::bool::weighted(0.1)).prop_map(|(what, value, again)| Say::Person { what, value, again }),
        1 => prop::bool::weighted(0.8).prop_map(|fresh| Say::Confirmed { fresh }),
        1 => any::<bool>().prop_map(|confirmed| Say::Found { confirmed }),
        1 => (0..900_u16).prop_map(|seconds| Say::Wait { seconds }),
        1 => Just(Say::Wake),
        1 => (0..20_u8).prop_map(|what| match what { 0 => Say::Unwritable, 1 => Say::Crashing, _ => Say::Wake }),
    ]
}

const TOWNS: [&str; 3] = ["Rome", "Oslo", ""];

fn report(world: &World, what: u8, value: u8, fresh: bool) -> Report {
    let task = world.task();
    let town = TOWNS[usize::from(value)];
    let command = match &task.pending {
        Some(Pending::Fill { command, .. } | Pending::Prepare { command, .. }) if fresh => *command,
        _ => CommandId::new(),
    };
    let permit = task.permit_id.filter(|_| fresh).unwrap_or_else(PermitId::new);
    let results = || vec![verified("name", "Ada"), verified("town", town)];
    let form = form("Ada", town);
    let outcome = |outcome| Report::Outcome { permit, outcome, screenshot: None };
    match what {
        0 => Report::Phase(Phase::ALL[usize::from(value) * 3 % Phase::ALL.len()]),
        1 | 2 => Report::Observed { form, screenshot: None },
        3..=5 => Report::Filled { command, results: results(), form, screenshot: None },
        6..=8 => Report::Ready { command, results: results(), form },
        9 => Report::PermitReturned { permit, reason: ReturnReason::ALL[usize::from(value)] },
        10 => outcome(SubmitOutcome::Confirmed(confirmation())),
        11 => outcome(SubmitOutcome::Rejected { form }),
        12 => match value {
            0 => outcome(SubmitOutcome::Blocked { blocker: captcha() }),
            1 => Report::Blocked { blocker: captcha(), page_url: String::new(), screenshot: None },
            _ => {
                let mut done = page(Vec::new());
                done.page.confirmation = Some(confirmation());
                Report::Observed { form: done, screenshot: None }
            }
        },
        13 => outcome(SubmitOutcome::Unknown { evidence: Evidence::default() }),
        14 => Report::Failed { failure: failure(FailureClass::ALL[usize::from(value) * 7 / 2]), screenshot: None },
        15 => Report::Pictured { screenshot: Screenshot { artifact: ArtifactId::new(), width: 8, height: 8 } },
        _ => Report::Ended,
    }
}

fn action(world: &World, what: u8, value: u8) -> Action {
    let task = world.task().id;
    let town = TOWNS[usize::from(value)];
    match what {
        0 => Action::TaskCreated { task },
        1 if value == 0 => Action::Cancel { task },
        2 => Action::Retry { task },
        3 => Action::Edit {
            task,
            revision: world.task().review_revision,
            edits: vec![protocol::cluster::Edit { field: "town".into(), value: Some(town.into()), remember: true }],
        },
        1 | 4 | 5 => Action::Approve { task, revision: None, overrides: BTreeMap::new(), remember: vec![id("name")] },
        6 => Action::ResolveBlocker { task, by: "human".into(), note: None },
        7 => match world.task().permit_id {
            Some(permit) => Action::AnswerOutcomeOf { task, permit, sent: value == 0, note: None },
            None => Action::AnswerOutcome { task, sent: value == 0, note: None },
        },
        _ if value == 0 => Action::Watch { task, on: true },
        _ => Action::ExtendHold { task, minutes: u32::from(value) * 15 },
    }
}

fn fitting(world: &World) -> Input {
    let task = world.task();
    let results = || vec![verified("name", "Ada"), verified("town", "Rome")];
    let report = match task.pending {
        _ if task.status == Status::Queued => {
            return Input::Claimed { sandbox: world.sandbox, epoch: 1, lease: LeaseId::new() };
        }
        Some(Pending::Plan { round }) => return Input::Planned { round, plan: plan(Some("Ada"), Some("Rome")) },
        Some(Pending::Start | Pending::Recheck { .. }) => Report::Observed { form: form("", ""), screenshot: None },
        Some(Pending::Fill { command, .. }) => {
            Report::Filled { command, results: results(), form: form("Ada", "Rome"), screenshot: None }
        }
        Some(Pending::Prepare { command, .. }) => {
            Report::Ready { command, results: results(), form: form("Ada", "Rome") }
        }
        Some(Pending::Submit { .. }) => Report::Phase(Phase::Verifying),
        Some(Pending::End { .. }) => Report::Ended,
        None => return Input::Person { id: CommandId::new(), action: action(world, 4, 1) },
    };
    let (lease, number) = (task.lease_id.unwrap_or_else(LeaseId::new), task.last_report.unsigned_abs() + 1);
    Input::Report { lease, number, report: Box::new(report) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_said_breaks_the_rules(autopilot: bool, says in prop::collection::vec(say(), 1..120)) {
        let mut world = World::new(if autopilot { Mode::Autopilot } else { Mode::Copilot });
        let mut last_command = CommandId::new();
        for say in says {
            let input = match say {
                Say::Wait { seconds } => {
                    world.now += Duration::seconds(i64::from(seconds));
                    continue;
                }
                Say::Fitting => fitting(&world),
                Say::Claim => Input::Claimed { sandbox: world.sandbox, epoch: 1, lease: LeaseId::new() },
                Say::Report { what, value, fresh, stale } => {
                    let lease = world.task().lease_id.filter(|_| !stale).unwrap_or_else(LeaseId::new);
                    let number = world.task().last_report.unsigned_abs() + 1;
                    Input::Report { lease, number, report: Box::new(report(&world, what, value, fresh)) }
                }
                Say::Plan { value, right } => {
                    let round = match world.task().pending {
                        Some(Pending::Plan { round }) if right => round,
                        _ => 7,
                    };
                    Input::Planned { round, plan: plan(Some("Ada"), Some(TOWNS[usize::from(value)]).filter(|town| !town.is_empty())) }
                }
                Say::Lose { used, stale } => {
                    let lease = world.task().lease_id.filter(|_| !stale).unwrap_or_else(LeaseId::new);
                    Input::LeaseLost { lease, permit_used: used }
                }
                Say::Person { what, value, again } => {
                    if !again {
                        last_command = CommandId::new();
                    }
                    Input::Person { id: last_command, action: action(&world, what, value) }
                }
                Say::Confirmed { fresh } => {
                    let permit = world.task().permit_id.filter(|_| fresh).unwrap_or_else(PermitId::new);
                    Input::Confirmed { permit, confirmation: confirmation() }
                }
                Say::Found { confirmed } => {
                    Input::PermitFound { permit: PermitId::new(), confirmation: confirmed.then(confirmation) }
                }
                Say::Wake => Input::Wake,
                Say::Unwritable => Input::Unwritable,
                Say::Crashing => Input::Crashing,
                Say::Park => Input::Park,
            };
            let _ = world.take(input);
        }
        // Left alone by everybody but the clock, it comes to rest: ended, queued, or waiting for its person alone.
        for _ in 0..4 {
            if world.task().wake_at.is_some() {
                world.wake();
            }
        }
        prop_assert_eq!(world.task().wake_at, None);
        prop_assert_eq!(world.task().lease_id, None);
    }
}
