//! Calls of the agent's form engine, by name, answered from the form's model as its script answers them from a page.

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::form::{Document, Field, Kind, Target};
use super::html::squash;
use super::page::Page;

/// How often a call that waits looks again, as the script's does.
const LOOK: Duration = Duration::from_millis(15);

/// The document went away under a call.
pub const DESTROYED: &str = "Execution context was destroyed.";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Argument {
    key: String,
    keys: Vec<String>,
    labels: Vec<String>,
    label: String,
    value: String,
    wanted: Json,
    want: Json,
    before: Vec<String>,
    uploads: Json,
    which: String,
    at: Option<usize>,
    ms: f64,
    idle: Option<f64>,
    settle: Option<f64>,
    watch: f64,
}

fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64((ms / 1000.0).clamp(0.0, 600.0))
}

fn fold(text: &str) -> String {
    squash(text).to_lowercase()
}

/// The option that is wanted: the same text, else the only one that begins with it or that it begins with, else the
/// only one that names the same town in the same country.
fn pick(labels: &[String], wanted: &str) -> Option<usize> {
    let want = fold(wanted);
    if want.is_empty() {
        return None;
    }
    let texts: Vec<String> = labels.iter().map(|label| fold(label)).collect();
    let only = |fits: &dyn Fn(&str) -> bool| {
        let mut found = texts.iter().enumerate().filter(|(_, text)| fits(text));
        let first = found.next()?;
        found.next().is_none().then_some(first.0)
    };
    let bounded = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    let place = |text: &str| {
        let ends = |text: &str| {
            let parts: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
            (parts.len() > 1).then(|| (parts[0].clone(), parts[parts.len() - 1].clone()))
        };
        ends(text).is_some_and(|ours| ends(&want) == Some(ours))
    };
    let exact = texts.iter().position(|text| *text == want);
    exact
        .or_else(|| only(&|text| bounded(text, &want)))
        .or_else(|| only(&|text| text.chars().count() > 3 && bounded(&want, text)))
        .or_else(|| only(&place))
}

/// Calls one function of the engine.
pub async fn call(page: &Rc<Page>, name: &str, argument: &Json) -> Result<Json, String> {
    let argument: Argument = if argument.is_null() {
        Argument::default()
    } else {
        serde_json::from_value(argument.clone()).map_err(|e| e.to_string())?
    };
    match name {
        "awaitOptions" => await_options(page, &argument).await,
        "awaitChosen" => {
            let same = |field: &Field| {
                let shown = chosen(field);
                shown.iter().any(|label| fold(label) == fold(&argument.label)) && !shown.is_empty()
            };
            until(page, argument.ms, |document| {
                document.find(&argument.key).filter(|at| same(&document.fields()[*at]))
            })
            .await?;
            Ok(json!(field(&page.document(), &argument.key).map(chosen).unwrap_or_default()))
        }
        "awaitValue" => {
            let reached = |document: &Document| {
                field(document, &argument.key).map(Field::value).filter(|value| *value == argument.want)
            };
            let value = until(page, argument.ms, reached).await?;
            Ok(value.unwrap_or_else(|| value_of(&page.document(), &argument.key)))
        }
        "awaitFile" => {
            let held =
                |document: &Document| field(document, &argument.key).filter(|f| f.file.is_some()).map(Field::value);
            let held = until(page, argument.ms, held).await?;
            Ok(held.map_or_else(|| json!({"missing": true}), |value| value["v"].clone()))
        }
        "controlPoint" => {
            let point = until(page, argument.ms, |document| {
                (argument.which == "submit" && document.can_send()).then(|| document.point(Target::Submit)).flatten()
            });
            Ok(point.await?.map_or_else(|| json!({"missing": true}), spot))
        }
        "pressControl" => {
            let there = argument.which == "submit" && page.document().can_send();
            if there {
                page.click(Target::Submit);
            }
            Ok(json!({"ok": there}))
        }
        "press" => {
            let target = page.document().find(&argument.key).map(|at| match argument.at {
                Some(choice) => Target::Choice(at, choice),
                None => Target::Field(at),
            });
            let Some(target) = target else { return Ok(json!({"missing": true})) };
            page.click(target);
            Ok(json!({"ok": true}))
        }
        _ => at_once(&mut page.document_mut(), name, &argument),
    }
}

fn field<'a>(document: &'a Document, key: &str) -> Option<&'a Field> {
    document.find(key).map(|at| &document.fields()[at])
}

fn value_of(document: &Document, key: &str) -> Json {
    field(document, key).map_or_else(|| json!({"t": "gone"}), Field::value)
}

fn chosen(field: &Field) -> Vec<String> {
    Some(squash(&field.text)).filter(|text| !text.is_empty()).into_iter().collect()
}

fn spot((x, y): (f64, f64)) -> Json {
    json!({"x": x, "y": y, "hit": true})
}

/// Waits until `look` finds something, or the time is over. The document going away ends it, as it ends a promise.
async fn until<T>(page: &Page, ms: f64, look: impl Fn(&Document) -> Option<T>) -> Result<Option<T>, String> {
    let loader = page.document().loader.clone();
    let end = Instant::now() + millis(ms);
    loop {
        if page.document().loader != loader {
            return Err(DESTROYED.to_owned());
        }
        if let Some(found) = look(&page.document()) {
            return Ok(Some(found));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn await_options(page: &Page, argument: &Argument) -> Result<Json, String> {
    let idle = millis(argument.idle.unwrap_or(argument.ms));
    let settle = millis(argument.settle.unwrap_or(60.0));
    let wanted = argument.wanted.as_str();
    let begun = Instant::now();
    let seen = std::cell::RefCell::new((Vec::<String>::new(), begun));
    let done = until(page, argument.ms, |document| {
        let popup = document.popup.as_ref().filter(|popup| document.find(&argument.key) == Some(popup.field));
        let labels = popup.map(|popup| popup.labels.clone()).unwrap_or_default();
        let mut seen = seen.borrow_mut();
        if seen.0 != labels {
            *seen = (labels.clone(), Instant::now());
        }
        let still = seen.1.elapsed();
        if let Some(at) = wanted.and_then(|wanted| pick(&labels, wanted)) {
            let exact = wanted.is_some_and(|wanted| fold(&labels[at]) == fold(wanted));
            if exact || still > settle {
                return Some((at as i64, labels));
            }
        }
        let patience = if wanted.is_some() { settle * 4 } else { settle };
        let over = if labels.is_empty() { begun.elapsed() > idle } else { still > patience };
        over.then_some((-1, labels))
    });
    let (at, labels) = done.await?.unwrap_or_else(|| (-1, seen.into_inner().0));
    let state = if labels.is_empty() { "none" } else { "options" };
    Ok(json!({"at": at, "labels": labels, "state": state, "partial": false}))
}

/// Functions that wait for nothing.
fn at_once(document: &mut Document, name: &str, argument: &Argument) -> Result<Json, String> {
    let missing = || Ok(json!({"missing": true}));
    let at = document.find(&argument.key);
    let ok = || Ok(json!({"ok": true}));
    match name {
        "observe" => Ok(document.observe(&argument.uploads)),
        "glance" => Ok(document.glance()),
        "read" => Ok(argument.keys.iter().map(|key| value_of(document, key)).collect()),
        "leave" => {
            document.leave();
            ok()
        }
        "arm" => Ok(json!({"armed": true})),
        "cookieButton" | "removeChip" | "listSearch" => missing(),
        "selectActive" => {
            document.selected = document.focus.is_some();
            Ok(json!({"ok": document.selected}))
        }
        "clearText" => {
            if let Some(field) = at.and_then(|at| document.field_mut(at)) {
                field.text.clear();
            }
            document.leave();
            ok()
        }
        "openGate" => {
            let now = std::time::Instant::now();
            let open = argument.ms > 0.0;
            document.gate = super::form::Gate {
                until: Some(now + millis(argument.ms)),
                watch: Some(now + millis(argument.ms + argument.watch)),
                ..Default::default()
            };
            Ok(json!({"open": open}))
        }
        "closeGate" => {
            let report = document.gate.report();
            document.gate.until = None;
            document.gate.watch = None;
            Ok(report)
        }
        "gateReport" => Ok(document.gate.report()),
        "prepare" => {
            let Some(at) = at else { return missing() };
            document.focus_on(at, true);
            Ok(json!({"focused": true, "empty": document.fields()[at].text.is_empty()}))
        }
        "pointAt" => at.and_then(|at| document.point(Target::Field(at))).map_or_else(missing, |point| Ok(spot(point))),
        "choicePoint" => {
            let point = at.zip(argument.at).and_then(|(at, choice)| document.point(Target::Choice(at, choice)));
            point.map_or_else(missing, |point| Ok(spot(point)))
        }
        "setNative" => at.map_or_else(missing, |at| set_native(document, at, argument)),
        "choices" => at.map_or_else(missing, |at| Ok(choices(&document.fields()[at], &argument.wanted))),
        "beforeOpen" => {
            let Some(at) = at else { return missing() };
            let open = document.popup.as_ref().is_some_and(|popup| popup.field == at);
            let Some((x, y)) = document.point(Target::Field(at)) else { return missing() };
            let chosen = chosen(&document.fields()[at]);
            Ok(json!({"x": x, "y": y, "hit": true, "open": open, "types": true, "searches": true, "chosen": chosen}))
        }
        "optionPoint" => {
            let popup = document.popup.as_ref().filter(|popup| at == Some(popup.field));
            let line = popup.and_then(|popup| popup.labels.iter().position(|label| *label == argument.label));
            line.and_then(|line| document.point(Target::Suggestion(line))).map_or_else(missing, |point| Ok(spot(point)))
        }
        "closeList" => {
            document.leave();
            Ok(json!({"open": false}))
        }
        _ => Err(format!("TypeError: calls[name] is not a function: {name}")),
    }
}

fn set_native(document: &mut Document, at: usize, argument: &Argument) -> Result<Json, String> {
    document.focus_on(at, false);
    let Some(field) = document.field_mut(at) else { return Ok(json!({"missing": true})) };
    if field.kind == Kind::Select {
        let labels: Vec<String> = field.choices.iter().map(|choice| choice.label.clone()).collect();
        let wanted: Option<Vec<usize>> = argument.labels.iter().map(|label| pick(&labels, label)).collect();
        let Some(wanted) = wanted else { return Ok(json!({"absent": true})) };
        for (index, choice) in field.choices.iter_mut().enumerate() {
            choice.on = wanted.first() == Some(&index);
        }
        return Ok(json!({"ok": true}));
    }
    if field.kind != Kind::Date {
        return Ok(json!({"change": [0]}));
    }
    // A date box holds a date or nothing.
    let date = chrono::NaiveDate::parse_from_str(&argument.value, "%Y-%m-%d").is_ok();
    field.text = if date { argument.value.clone() } else { String::new() };
    Ok(json!({"ok": true}))
}

/// Which options of a group must be clicked for the wanted answer.
fn choices(field: &Field, wanted: &Json) -> Json {
    let labels: Vec<String> = field.choices.iter().map(|choice| choice.label.clone()).collect();
    let want: Vec<bool> = if field.kind == Kind::Checkbox {
        vec![wanted.as_bool() == Some(true)]
    } else {
        let asked: Vec<&str> = wanted.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let found: Option<Vec<usize>> = asked.iter().map(|label| pick(&labels, label)).collect();
        let Some(found) = found else { return json!({"absent": true}) };
        (0..labels.len()).map(|index| found.contains(&index)).collect()
    };
    let change: Vec<usize> = field
        .choices
        .iter()
        .enumerate()
        .filter(|(index, choice)| choice.on != want[*index] && (field.kind != Kind::Radio || want[*index]))
        .map(|(index, _)| index)
        .collect();
    json!({"change": change})
}

#[cfg(test)]
mod tests {
    use super::pick;

    #[test]
    fn the_wanted_option_is_the_only_one_that_fits() {
        let labels: Vec<String> = ["United States +1", "United Kingdom +44", "Oakland, California, United States"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(pick(&labels, "united states"), Some(0));
        assert_eq!(pick(&labels, "United"), None);
        assert_eq!(pick(&labels, "Oakland, CA, United States"), Some(2));
        assert_eq!(pick(&labels, ""), None);
    }
}
