//! Searching a list by typing, and knowing when it has answered: the page's requests tell that sooner and surer than
//! any fixed wait.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::combo::{Flag, Opening, Shown, options};
use super::model::cut;
use super::script::{Place, call};
use crate::cdp::{Error, PageSession};

/// How long a search may take in all: typeaheads ask a server after a pause of their own.
pub(super) const SEARCH: Duration = Duration::from_millis(2_500);
/// A list that has asked no server by now searches in the page, or not at all: their pauses are 150 to 500 ms.
const PAUSE: Duration = Duration::from_millis(600);
/// A server's answer is not believed to be the search's before this: a page may send other things for a key press.
const ANSWERED: Duration = Duration::from_millis(220);
/// From the answer's arrival to the drawn list.
const DRAWN: Duration = Duration::from_millis(90);
/// How often the list is looked at while nothing has come.
const LOOK: Duration = Duration::from_millis(40);
/// Looks that fit into [`PAUSE`] and [`DRAWN`], less some: where the page or the host is slow, time alone says nothing,
/// but between two looks the page has had its turn.
const PAUSE_LOOKS: u32 = 10;
const DRAWN_LOOKS: u32 = 2;
const SETTLE: Duration = Duration::from_millis(40);
/// Characters typed to narrow a list; more does not narrow it further, and some lists cap their input.
const FILTER_MAX: usize = 60;

/// What a search has brought.
pub(super) struct Found {
    pub shown: Shown,
    /// Some text brought options, wanted or not.
    pub listed: bool,
}

/// Types ever another part of the label until the list shows it.
pub(super) async fn search(page: &PageSession, place: &Place, opening: &Opening, label: &str) -> Result<Found, Error> {
    let mut found = Found { shown: Shown::default(), listed: false };
    let mut tried: Vec<String> = Vec::new();
    for filter in filters(label) {
        // What begins with a text that brought nothing brings nothing either.
        if !found.listed && tried.iter().any(|shorter| filter.starts_with(shorter.as_str())) {
            continue;
        }
        let mark = page.request_mark();
        retype(page, place, opening, &filter).await?;
        found.shown = answer(page, place, label, mark).await?;
        found.listed |= !found.shown.labels.is_empty();
        if found.shown.at >= 0 {
            break;
        }
        tried.push(filter);
    }
    Ok(found)
}

/// Waits until the list shows the option, or has answered without it.
async fn answer(page: &PageSession, place: &Place, label: &str, mark: u64) -> Result<Shown, Error> {
    let typed = Instant::now();
    let mut quiet_since: Option<Instant> = None;
    let (mut looks, mut quiet_looks) = (0, 0);
    loop {
        let shown = options(page, place, Some(label), LOOK.max(SETTLE * 2), LOOK, SETTLE).await?;
        if shown.at >= 0 || typed.elapsed() >= SEARCH {
            return Ok(shown);
        }
        let requests = page.requests_since(mark);
        if requests.open || shown.state == "loading" {
            (quiet_since, quiet_looks) = (None, 0);
            continue;
        }
        looks += 1;
        quiet_looks += 1;
        let quiet = *quiet_since.get_or_insert_with(Instant::now);
        let done = if requests.begun {
            typed.elapsed() >= ANSWERED && quiet.elapsed() >= DRAWN && quiet_looks > DRAWN_LOOKS
        } else if shown.state == "none" || shown.state.is_empty() {
            typed.elapsed() >= PAUSE && looks >= PAUSE_LOOKS
        } else {
            // Options, or words that there are none: perhaps still those of the text before.
            typed.elapsed() >= PAUSE / 2 && looks >= PAUSE_LOOKS / 2
        };
        if done {
            return Ok(shown);
        }
    }
}

/// Leaves the box with the whole text in it.
pub(super) async fn keep(page: &PageSession, place: &Place, opening: &Opening, label: &str) -> Result<(), Error> {
    retype(page, place, opening, label).await?;
    call::<Flag>(page, &place.frame, "leave", json!({}), Duration::ZERO).await.map(|_| ())
}

/// What to type to bring an option into the list. Of a place its name first, which every list of places finds; of
/// anything else all of it, then its first word.
fn filters(label: &str) -> Vec<String> {
    let whole = cut(label.trim(), FILTER_MAX);
    let trim = |text: &str| cut(text.trim_matches(|c: char| !c.is_alphanumeric()), FILTER_MAX);
    let candidates = match label.split_once(',') {
        Some((first, _)) => [trim(first), whole],
        None => [whole, trim(label.split_whitespace().next().unwrap_or_default())],
    };
    let mut out: Vec<String> = Vec::new();
    for (i, filter) in candidates.into_iter().enumerate() {
        let short = filter.chars().count() < 2 && i + out.len() > 0;
        if !short && !filter.is_empty() && !out.contains(&filter) {
            out.push(filter);
        }
    }
    out
}

async fn retype(page: &PageSession, place: &Place, opening: &Opening, text: &str) -> Result<(), Error> {
    let (name, argument) =
        if opening.types { ("prepare", json!({"key": place.key})) } else { ("selectActive", json!({})) };
    call::<serde_json::Value>(page, &place.frame, name, argument, Duration::from_secs(1)).await?;
    page.insert_text(text).await
}

#[cfg(test)]
mod tests {
    use super::filters;

    #[test]
    fn a_place_is_searched_by_its_name_and_anything_else_by_all_of_it() {
        assert_eq!(filters("Oakland, CA, United States"), ["Oakland", "Oakland, CA, United States"]);
        assert_eq!(filters("Bachelor (B.Sc.)"), ["Bachelor (B.Sc.)", "Bachelor"]);
        assert_eq!(filters("No"), ["No"]);
        assert_eq!(filters("C, some"), ["C", "C, some"]);
    }
}
