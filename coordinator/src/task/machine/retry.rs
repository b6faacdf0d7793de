//! Whether a failed attempt is repeated, and when. What helps against each class of failure is
//! [`FailureClass::retries`]; here it becomes an instant. Jitter comes from the task's id: many tasks that failed together
//! come back apart, and one decision is the same whenever it is made.

use chrono::Duration;
use protocol::ids::TaskId;
use protocol::task::{ErrorCode, Failure, FailureClass, InteractionKind, Status};
use serde_json::json;
use store::journal::Write;
use store::object;

use super::draft::Draft;
use super::review;

/// The longest a site's own wish puts an attempt off, and keeps others away, in seconds; for longer, the person is asked.
const RETRY_AFTER_MAX: i64 = 3_600;
/// What the task waits for meanwhile.
const ENOUGH: &str = "The site answers no more requests for now; it is tried again later";
/// The share by which a pause is shortened or lengthened, in per cent.
const JITTER: i64 = 20;

/// How long to wait before the next attempt after `attempt` (1 for the first) failed; `None` when none is made.
fn pause(task: TaskId, failure: &Failure, attempt: i32) -> Option<Duration> {
    let retries = failure.class.retries();
    if attempt >= retries.attempts {
        return None;
    }
    let doublings = attempt.saturating_sub(2).clamp(0, 16);
    let seconds = if attempt <= 1 { retries.first } else { retries.next.saturating_mul(1 << doublings) };
    let usual = i64::from(seconds.min(retries.most)) * 1_000;
    // A percentage from -20 to 20, from bytes of the id that are random.
    let bytes = task.0.as_bytes();
    let dice = i64::from(u16::from_be_bytes([bytes[13], bytes[14]])) + i64::from(attempt) * 9_973;
    let jittered = usual + usual * (dice % (2 * JITTER + 1) - JITTER) / 100;
    let Some(asked) = failure.retry_after else { return Some(Duration::milliseconds(jittered)) };
    if i64::from(asked) > RETRY_AFTER_MAX {
        return None;
    }
    // Never earlier than asked for; apart all the same.
    Some(Duration::milliseconds(jittered.max(i64::from(asked) * 1_000 + dice % 5_000)))
}

/// Another attempt when one may help and is left, else the end. When to come back to a site that answers no more is the
/// person's to decide then.
pub(super) fn retry_or_fail(draft: &mut Draft<'_>, failure: &Failure) {
    if again(draft, failure) {
        return;
    }
    if failure.class != FailureClass::RateLimited {
        return draft.fail(failure);
    }
    // Its page was given up.
    draft.drop_lease();
    let data = json!({ "page_url": draft.task.job_url });
    review::ask_person(draft, InteractionKind::RateLimited, Some(&failure.message), None, data);
}

/// Puts the task back into the queue for another attempt, if one may help and is left.
fn again(draft: &mut Draft<'_>, failure: &Failure) -> bool {
    let pause = pause(draft.task.id, failure, draft.task.attempt);
    let wish = failure.retry_after.map(|asked| Duration::seconds(i64::from(asked).min(RETRY_AFTER_MAX)));
    if failure.class == FailureClass::RateLimited || wish.is_some() {
        // The others leave the site alone, too.
        if let Some(rest) = pause.or(wish) {
            draft.write(Write::SitePaused { until: draft.at.now + rest });
        }
    }
    let Some(pause) = pause else { return false };
    draft.event(
        "error",
        object!({
            "code": failure.code, "class": failure.class, "message": failure.message, "attempt": draft.task.attempt,
            "retryInSeconds": pause.num_seconds(),
        }),
    );
    draft.requeue(pause);
    if pause > Duration::seconds(1) {
        draft.step_words(match failure.class {
            _ if wish.is_some() => ENOUGH,
            FailureClass::RateLimited => ENOUGH,
            FailureClass::Network => "The site did not answer; it is tried again in a moment",
            _ => "Waiting for a browser to try again",
        });
    }
    true
}

/// The page says that there were too many requests. Before anything was sent, and while attempts are left, it is waited
/// for; true when that was done, else the person is to be asked.
pub(super) fn rate_limited(draft: &mut Draft<'_>, kind: InteractionKind) -> bool {
    if kind != InteractionKind::RateLimited || draft.task.permit_open() || draft.task.status != Status::InProgress {
        return false;
    }
    let seen = "the page says that there were too many requests";
    again(draft, &Failure::new(FailureClass::RateLimited, ErrorCode::RateLimited, seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: FailureClass) -> Failure {
        Failure::new(class, ErrorCode::Internal, "it did not work")
    }

    fn seconds(class: FailureClass, attempt: i32) -> Option<i64> {
        // Without jitter, but for rounding.
        let mean: i64 = (0..400)
            .map(|_| {
                pause(TaskId(uuid::Uuid::new_v4()), &failure(class), attempt).map(|pause| pause.num_milliseconds())
            })
            .collect::<Option<Vec<i64>>>()?
            .iter()
            .sum::<i64>()
            / 400;
        Some((mean + 500) / 1_000)
    }

    #[test]
    fn each_class_has_its_attempts_and_its_pauses() {
        let pauses = |class| (1..8).map_while(|attempt| pause(TaskId::new(), &failure(class), attempt)).count();
        let retries = FailureClass::ALL.iter().map(|class| (class.as_str(), pauses(*class))).collect::<Vec<_>>();
        let expected = [
            ("browser_lost", 2),
            ("host_lost", 5),
            ("network", 3),
            ("page", 0),
            ("refused", 0),
            ("form", 0),
            ("internal", 0),
            ("rate_limited", 3),
        ];
        assert_eq!(retries, expected);
        assert_eq!(seconds(FailureClass::BrowserLost, 1), Some(0));
        assert_eq!(seconds(FailureClass::BrowserLost, 2), Some(4));
        let (fourth, fifth) =
            (seconds(FailureClass::HostLost, 4).unwrap(), seconds(FailureClass::HostLost, 5).unwrap());
        assert!((15..=17).contains(&fourth) && (29..=31).contains(&fifth), "{fourth}, {fifth}: doubled, then bounded");
    }

    #[test]
    fn pauses_are_spread_and_the_same_task_gets_the_same_one() {
        let limited = failure(FailureClass::RateLimited);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let task = TaskId(uuid::Uuid::new_v4());
            let first = pause(task, &limited, 1);
            assert_eq!(pause(task, &limited, 1), first);
            assert!((48_000..=72_000).contains(&first.unwrap().num_milliseconds()));
            seen.insert(first);
        }
        assert!(seen.len() > 20, "{}", seen.len());
    }

    #[test]
    fn what_the_site_asks_for_is_kept() {
        let mut limited = failure(FailureClass::RateLimited);
        limited.retry_after = Some(600);
        let waited = pause(TaskId::new(), &limited, 1).unwrap();
        assert!(waited >= Duration::seconds(600) && waited < Duration::seconds(606), "{waited}");
        limited.retry_after = Some(1);
        assert!(pause(TaskId::new(), &limited, 1).unwrap() >= Duration::seconds(48), "never sooner than usual");
        limited.retry_after = Some(7_200);
        assert_eq!(pause(TaskId::new(), &limited, 1), None, "two hours are the person's to decide");
    }
}
