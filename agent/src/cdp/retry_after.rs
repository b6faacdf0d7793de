//! When a site that answers no more for now may be asked again, by its own word: the header `Retry-After` in seconds or
//! as a date.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

/// A day, in seconds. What a site asks for is kept by the coordinator, which asks the person long before that; the bound
/// is for what no site can mean.
const MAX: i64 = 86_400;

/// What the headers of this answer ask for, in seconds from now. Only of answers that mean "later": elsewhere the header
/// says something else.
pub(super) fn asked(status: u16, headers: &Json) -> Option<u32> {
    if !matches!(status, 429 | 503) {
        return None;
    }
    let header = |wanted: &str| {
        let (_, value) = headers.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.as_str().map(str::trim)
    };
    let asked = header("retry-after")?;
    let seconds = match asked.parse::<u64>() {
        Ok(seconds) => i64::try_from(seconds).unwrap_or(MAX),
        Err(_) => {
            // By the site's own clock, when it shows it: ours may be another.
            let now = header("date").and_then(date).unwrap_or_else(Utc::now);
            (date(asked)? - now).num_seconds()
        }
    };
    u32::try_from(seconds.clamp(0, MAX)).ok()
}

/// A date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`. Its two older forms have not been sent for decades.
fn date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        let by_name = |name: &str, value: &str| asked(429, &json!({ "Content-Type": "text/html", name: value }));
        assert_eq!(by_name("Retry-After", "120"), Some(120));
        assert_eq!(by_name("retry-after", " 7 "), Some(7), "names have no case");
        assert_eq!(by_name("Retry-After", "0"), Some(0));
        for far in ["86401", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(by_name("Retry-After", far), Some(86_400), "{far}");
        }
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let clocked = json!({ "retry-after": date, "date": "Sun, 06 Nov 1994 08:47:07 GMT" });
        assert_eq!(asked(503, &clocked), Some(150), "by the site's clock");
        assert_eq!(by_name("Retry-After", date), Some(0), "that was long ago");
        let soon = (Utc::now() + TimeDelta::seconds(600)).to_rfc2822();
        assert!(by_name("Retry-After", &soon).is_some_and(|seconds| (500..=600).contains(&seconds)), "by our clock");
    }

    #[test]
    fn what_says_nothing_is_no_wish() {
        let headers = |value: &str| json!({ "Retry-After": value });
        for nonsense in ["", "soon", "-5", "1.5", "Sun, 99 Nov 1994", "2026-01-01T00:00:00Z"] {
            assert_eq!(asked(429, &headers(nonsense)), None, "{nonsense:?}");
        }
        assert_eq!(asked(301, &headers("120")), None, "a redirect means something else by it");
        for other in [json!({}), json!(null), json!({ "retry-after": 120 })] {
            assert_eq!(asked(503, &other), None);
        }
    }
}
