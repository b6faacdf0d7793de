//! Lists that open: comboboxes, typeaheads, buttons with a list behind them. They are opened by the mouse, searched by
//! typing, and answered by clicking the option; Enter is never pressed.

use std::time::Duration;

use protocol::form::{Choice, OPTIONS_MAX, TEXT_MAX};
use serde::Deserialize;
use serde_json::json;

use super::fill::{Outcome, click, failed};
use super::model::cut;
use super::observe::Picked;
use super::script::{Place, call};
use super::search::{SEARCH, search};
use super::verify::fold;
use crate::cdp::{Error, Key, PageSession};

/// How long a list that was opened by a click may take to show anything. One that shows a sign of loading gets
/// [`SEARCH`].
const OPEN: Duration = Duration::from_millis(350);
/// A list opened only to be read; a box that searches and stays empty this long is a typeahead.
const PEEK: Duration = Duration::from_millis(160);
/// A button, or a box that does not say that it searches, has a list: it is given longer to draw it, and one that came
/// late would be taken for the next field's.
const PEEK_LIST: Duration = Duration::from_millis(450);
const PEEK_LOADING: Duration = Duration::from_millis(900);
/// How long a widget may take to show what was picked.
const SHOW: Duration = Duration::from_millis(600);
/// How long a list that is still being drawn may take to hold its option still for the mouse.
const STILL: Duration = Duration::from_millis(400);
/// How long a list must stay as it is to count as drawn.
const SETTLE: Duration = Duration::from_millis(40);

#[derive(Debug, Deserialize)]
pub(super) struct Opening {
    #[serde(default)]
    missing: bool,
    #[serde(default)]
    x: f64,
    #[serde(default)]
    y: f64,
    #[serde(default)]
    hit: bool,
    #[serde(default)]
    open: bool,
    /// Its own box takes text.
    #[serde(default)]
    pub types: bool,
    /// It says of itself that it lists what is typed.
    #[serde(default)]
    searches: bool,
    #[serde(default)]
    chosen: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    /// The wanted option among the labels; −1 for nowhere.
    pub at: i64,
    pub labels: Vec<String>,
    /// `options`, `loading`, `nothing` (it says so), or `none`.
    pub state: String,
    partial: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Self { at: -1, labels: Vec::new(), state: String::new(), partial: false }
    }
}

#[derive(Debug, Deserialize)]
struct Closed {
    #[serde(default)]
    open: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Flag {
    #[serde(default)]
    pub ok: bool,
}

async fn open(page: &PageSession, place: &Place) -> Result<Option<Opening>, Error> {
    let opening: Opening = call(page, &place.frame, "beforeOpen", json!({"key": place.key}), Duration::ZERO).await?;
    if opening.missing {
        return Ok(None);
    }
    if !opening.open {
        press(page, place, &opening).await?;
    }
    Ok(Some(opening))
}

async fn press(page: &PageSession, place: &Place, opening: &Opening) -> Result<(), Error> {
    if opening.hit {
        click(page, &place.frame, opening.x, opening.y).await
    } else {
        call::<serde_json::Value>(page, &place.frame, "press", json!({"key": place.key}), Duration::ZERO)
            .await
            .map(|_| ())
    }
}

pub(super) async fn options(
    page: &PageSession,
    place: &Place,
    wanted: Option<&str>,
    limit: Duration,
    idle: Duration,
    settle: Duration,
) -> Result<Shown, Error> {
    let argument = json!({
        "key": place.key, "wanted": wanted, "ms": limit.as_millis(), "idle": idle.as_millis(), "settle": settle.as_millis(),
    });
    call(page, &place.frame, "awaitOptions", argument, limit).await
}

/// Opens a list to read it, and shuts it again. `None` when it shows nothing before something is typed.
pub(super) async fn peek(page: &PageSession, place: &Place) -> Result<Option<(Vec<Choice>, bool)>, Error> {
    let Some(opening) = open(page, place).await? else { return Ok(None) };
    let idle = if opening.types && opening.searches { PEEK } else { PEEK_LIST };
    let shown = options(page, place, None, PEEK_LOADING, idle, Duration::from_millis(15)).await?;
    shut(page, place, &opening).await?;
    if shown.labels.is_empty() {
        return Ok(None);
    }
    let choices = shown.labels.iter().take(OPTIONS_MAX);
    let choices = choices.map(|label| Choice { value: String::new(), label: cut(label, TEXT_MAX) }).collect();
    Ok(Some((choices, !shown.partial && shown.labels.len() < OPTIONS_MAX)))
}

async fn shut(page: &PageSession, place: &Place, opening: &Opening) -> Result<(), Error> {
    let closed: Closed =
        call(page, &place.frame, "closeList", json!({"key": place.key}), Duration::from_secs(1)).await?;
    if !closed.open {
        return Ok(());
    }
    // A button shuts its list the way it opened it; a box with a list does so for Escape.
    if opening.types {
        page.press(Key::Escape).await?;
    } else {
        press(page, place, opening).await?;
    }
    let _: Closed = call(page, &place.frame, "closeList", json!({"key": place.key}), Duration::from_secs(1)).await?;
    Ok(())
}

/// What came of entering choices into a list.
pub(super) struct Entry {
    pub outcome: Outcome,
    pub picked: Option<Picked>,
    /// The list was read or searched, and a choice is not in it: trying again would find the same.
    pub unlisted: bool,
}

impl From<Outcome> for Entry {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, picked: None, unlisted: false }
    }
}

/// Makes the list hold exactly these choices. A list that is known to show nothing before something is typed is
/// `searched` at once.
pub(super) async fn fill(
    page: &PageSession,
    place: &Place,
    labels: &[String],
    multiple: bool,
    searched: bool,
) -> Result<Entry, Error> {
    if labels.is_empty() {
        return Ok(clear(page, place).await?.into());
    }
    if multiple {
        drop_others(page, place, labels).await?;
    }
    let mut last = Entry::from(Outcome::Entered);
    for label in labels {
        last = pick(page, place, label, multiple, searched).await?;
        if last.unlisted || !matches!(last.outcome, Outcome::Entered) {
            return Ok(Entry { picked: None, ..last });
        }
    }
    last.picked = last.picked.filter(|_| labels.len() == 1);
    Ok(last)
}

async fn chosen(page: &PageSession, place: &Place) -> Result<Vec<String>, Error> {
    let values: Vec<super::model::RawValue> =
        call(page, &place.frame, "read", json!({"keys": [place.key]}), Duration::ZERO).await?;
    Ok(match values.into_iter().next() {
        Some(super::model::RawValue::Choices(labels)) => labels,
        _ => Vec::new(),
    })
}

/// Takes away what is chosen and not wanted, one by one.
async fn drop_others(page: &PageSession, place: &Place, labels: &[String]) -> Result<(), Error> {
    for present in chosen(page, place).await?.into_iter().take(50) {
        if labels.iter().any(|label| fold(label) == fold(&present)) {
            continue;
        }
        let at: Opening =
            call(page, &place.frame, "removeChip", json!({"key": place.key, "label": present}), Duration::ZERO).await?;
        if !at.missing && at.hit {
            click(page, &place.frame, at.x, at.y).await?;
        }
    }
    Ok(())
}

async fn clear(page: &PageSession, place: &Place) -> Result<Outcome, Error> {
    drop_others(page, place, &[]).await?;
    let _: Flag = call(page, &place.frame, "clearText", json!({"key": place.key}), Duration::ZERO).await?;
    Ok(if chosen(page, place).await?.is_empty() {
        Outcome::Entered
    } else {
        failed("the choice could not be taken away")
    })
}

async fn pick(page: &PageSession, place: &Place, label: &str, multiple: bool, searched: bool) -> Result<Entry, Error> {
    let Some(opening) = open(page, place).await? else { return Ok(Outcome::Missing.into()) };
    if multiple && opening.chosen.iter().any(|present| fold(present) == fold(label)) {
        shut(page, place, &opening).await?;
        return Ok(Outcome::Entered.into());
    }
    let idle = if searched && opening.types { SETTLE } else { OPEN };
    let mut shown = options(page, place, Some(label), SEARCH, idle, SETTLE).await?;
    let mut listed = !shown.labels.is_empty();
    let mut typed = false;
    if shown.at < 0 && may_type(page, place, &opening).await? {
        typed = true;
        let found = search(page, place, &opening, label).await?;
        listed |= found.listed;
        shown = found.shown;
    }
    let Some(found) = usize::try_from(shown.at).ok().and_then(|at| shown.labels.get(at).map(|l| (at, l.clone())))
    else {
        // A box that suggests nothing takes any text, and gets the whole of it; one with a list must not keep half a
        // search.
        if !listed && opening.types && shown.state != "loading" {
            super::search::keep(page, place, &opening, label).await?;
            return Ok(Entry { outcome: Outcome::Entered, picked: None, unlisted: true });
        }
        shut(page, place, &opening).await?;
        let _: Flag = call(page, &place.frame, "clearText", json!({"key": place.key}), Duration::ZERO).await?;
        let outcome = failed("no option of the list matches");
        return Ok(Entry { outcome, picked: None, unlisted: listed || typed });
    };
    let (at, option) = found;
    let argument = json!({"key": place.key, "at": at, "label": option, "ms": STILL.as_millis()});
    let point: Opening = call(page, &place.frame, "optionPoint", argument, STILL).await?;
    if point.missing {
        return Ok(failed("the list closed before its option could be chosen").into());
    }
    click(page, &place.frame, point.x, point.y).await?;
    let others = shown.labels.into_iter().filter(|other| fold(other) != fold(&option)).collect();
    settle_choice(page, place, &opening, label, Offer { option, others }, multiple).await
}

/// The option that was clicked, and those beside it.
struct Offer {
    option: String,
    others: Vec<String>,
}

/// Waits until the widget shows the choice, and keeps what it shows for it.
async fn settle_choice(
    page: &PageSession,
    place: &Place,
    opening: &Opening,
    label: &str,
    offer: Offer,
    multiple: bool,
) -> Result<Entry, Error> {
    let Offer { option, others } = offer;
    let argument = json!({"key": place.key, "before": opening.chosen, "label": option, "ms": SHOW.as_millis()});
    let now: Vec<String> = call(page, &place.frame, "awaitChosen", argument, SHOW).await?;
    let same = |a: &str, b: &str| fold(a) == fold(b);
    if multiple || now.iter().any(|n| same(n, label) || same(n, &option)) {
        return Ok(Outcome::Entered.into());
    }
    if now.iter().any(|n| others.iter().any(|other| same(n, other))) {
        return Ok(failed("the list took another option").into());
    }
    // Shown in other words: "+1" for a country. Only believed when the click changed what is shown, or left a part of
    // the option's own words.
    let changed = now != opening.chosen && !now.is_empty();
    let part = matches!(now.as_slice(), [shown] if fold(&option).split(' ').any(|word| word == fold(shown)));
    let picked = (changed || part).then_some(Picked { label: option, shown: now });
    Ok(Entry { outcome: Outcome::Entered, picked, unlisted: false })
}

async fn may_type(page: &PageSession, place: &Place, opening: &Opening) -> Result<bool, Error> {
    if opening.types {
        return Ok(true);
    }
    let search: Flag = call(page, &place.frame, "listSearch", json!({"key": place.key}), Duration::ZERO).await?;
    Ok(search.ok)
}
