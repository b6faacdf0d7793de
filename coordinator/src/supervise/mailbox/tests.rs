use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn after(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[test]
fn messages_count_until_they_are_handled() {
    let mailbox = Arc::new(Mailbox::new(Past::default()));
    mailbox.enter(2).unwrap();
    mailbox.enter(2).unwrap();
    assert_eq!(mailbox.enter(2), Err(Full));
    let in_hand = mailbox.handling("input", true);
    assert_eq!(mailbox.figures(after(0)).depth, 2, "one in hand, one waiting");
    mailbox.enter(2).unwrap();
    drop(in_hand);
    let figures = mailbox.figures(after(0));
    assert_eq!((figures.depth, figures.handled, figures.last.unwrap().0), (2, 1, "input"));
    mailbox.leave();
    drop(mailbox.handling("timer", false));
    assert_eq!(mailbox.figures(after(0)).depth, 1, "what was not counted on its way takes nobody's place");
}

#[test]
fn what_goes_on_beside_the_mailbox_counts_until_it_ends() {
    let mailbox = Arc::new(Mailbox::new(Past::default()));
    let (first, second) = (mailbox.under_way("commit"), mailbox.under_way("commit"));
    mailbox.enter(1).unwrap();
    drop(mailbox.handling("probe", true));
    assert_eq!(mailbox.figures(after(0)).depth, 2, "a probe is handled beside them");
    drop(second);
    assert!(mailbox.overdue(after(11), PATIENCE, None), "the older one still goes on");
    drop(first);
    assert_eq!(mailbox.figures(after(0)).depth, 0);
}

#[test]
fn a_message_that_grows_old_is_overdue_in_the_mailbox_and_in_hand() {
    let mailbox = Arc::new(Mailbox::new(Past::default()));
    assert!(!mailbox.overdue(after(60), PATIENCE, None), "nothing waits");
    mailbox.enter(9).unwrap();
    assert!(!mailbox.overdue(after(5), PATIENCE, None));
    assert!(mailbox.overdue(after(11), PATIENCE, None));
    let in_hand = mailbox.handling("input", true);
    assert!(mailbox.overdue(after(11), PATIENCE, None));
    drop(in_hand);
    assert!(!mailbox.overdue(after(11), PATIENCE, None));
    let in_hand = mailbox.handling("timer", false);
    assert!(mailbox.overdue(after(11), PATIENCE, None), "its own work may hang, too");
    drop(in_hand);
}

#[test]
fn one_that_should_hear_something_and_does_not_is_overdue() {
    let mailbox = Arc::new(Mailbox::new(Past::default()));
    assert!(mailbox.overdue(after(4), PATIENCE, Some(Duration::from_secs(3))), "it never began");
    drop(mailbox.handling("pass", false));
    assert!(!mailbox.overdue(after(2), PATIENCE, Some(Duration::from_secs(3))));
    assert!(mailbox.overdue(after(4), PATIENCE, Some(Duration::from_secs(3))));
}

#[test]
fn there_is_one_probe_at_a_time_and_news_is_news_once() {
    let mailbox = Mailbox::new(Past::default());
    assert!(mailbox.may_probe());
    assert!(!mailbox.may_probe());
    mailbox.probed();
    assert!(mailbox.may_probe());
    assert!(mailbox.set_stuck(true) && !mailbox.set_stuck(true) && mailbox.set_stuck(false));
    assert!(mailbox.show(Shown::state("queued")) && !mailbox.show(Shown::state("queued")));
}

#[test]
fn the_past_counts_and_keeps_the_last_error_short() {
    let mut past = Past::default();
    past.again(Some(&"é".repeat(400)));
    past.again(None);
    assert_eq!((past.restarts, past.last_error.unwrap().len()), (2, ERROR_MAX));
}

#[test]
fn an_error_that_may_hold_anything_is_not_shown() {
    let personal: ractor::ActorProcessingErr = "cannot parse ada@example.com".into();
    assert!(!redacted(&personal).contains("ada"));
    let lost: ractor::ActorProcessingErr = crate::journal::Lost::InDoubt.into();
    assert_eq!(redacted(&lost), crate::journal::Lost::InDoubt.to_string());
}

#[test]
fn a_life_costs_little_memory() {
    assert!(size_of::<Mailbox>() <= 400, "{}", size_of::<Mailbox>());
}
