//! Entering values and reading them back.
//!
//! Files go first (a page that reads a resume fills fields from it, and ours must come after), then the fields in the
//! order given. At the end the whole form is read again; what a widget has dropped or a script has overwritten is
//! entered once more.

use std::path::PathBuf;
use std::time::Duration;

use protocol::form::{Field, FieldKind, FileRef, Value};
use protocol::ids::FieldId;
use protocol::plan::{FillResult, FillStatus};
use protocol::wire::message::{FillItem, Progress};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::combo;
use super::model::RawValue;
use super::observe::{Memory, Upload, look};
use super::script::{Place, call, file_box, took};
use super::verify::{date_text, holds, suited};
use crate::cdp::{Error, FrameId, Key, PageSession};
use crate::page::Files;

/// How long a page may take to take a file: some show it only when their server has it.
const UPLOAD: Duration = Duration::from_secs(8);
/// How long a tick or a button may take to show that it was pressed.
const PRESS: Duration = Duration::from_millis(400);
/// Longest text whose key events are sent one by one, for masks that refuse text put in whole.
const TYPED_MAX: usize = 40;

/// What came of an attempt, before the field is read back.
#[derive(Debug)]
pub(super) enum Outcome {
    Entered,
    Missing,
    Failed(&'static str),
}

pub(super) const fn failed(why: &'static str) -> Outcome {
    Outcome::Failed(why)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    missing: bool,
    locked: bool,
    absent: bool,
    focused: bool,
    empty: bool,
    hit: bool,
    x: f64,
    y: f64,
    change: Vec<usize>,
}

/// Clicks at a point of a frame's viewport.
pub(super) async fn click(page: &PageSession, frame: &FrameId, x: f64, y: f64) -> Result<(), Error> {
    let (left, top) = if *frame == page.main_frame() { (0.0, 0.0) } else { page.frame_origin(frame).await? };
    let (x, y) = (x + left, y + top);
    // Handed over in this order and carried out in it; waiting for each in between costs a frame each.
    tokio::try_join!(page.move_mouse(x, y), page.press_mouse(x, y), page.release_mouse(x, y))?;
    Ok(())
}

/// Enters the items and says what became of each, in their order.
pub(super) async fn fill(
    page: &PageSession,
    memory: &mut Memory,
    items: &[FillItem],
    files: &dyn Files,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Vec<FillResult>, Error> {
    let begun = Instant::now();
    look(page, memory).await?;
    took("look before filling", begun);
    let mut run = Run { page, memory, files, total: items.len() as u32, done: 0, progress, why: vec![""; items.len()] };
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&i| !matches!(items[i].value, Value::File(_)));
    for &i in &order {
        run.enter(i, &items[i]).await?;
    }
    let entered = Instant::now();
    run.leave().await?;
    look(page, run.memory).await?;
    took("look after filling", entered);
    // Fields that came with another one's answer, picks that were dropped, texts that were overwritten: once more.
    let again: Vec<usize> = order.into_iter().filter(|&i| !run.stands(&items[i])).collect();
    if !again.is_empty() {
        tracing::debug!(fields = again.len(), "entering again what does not stand");
        for i in again {
            run.enter(i, &items[i]).await?;
        }
        run.leave().await?;
        look(page, run.memory).await?;
    }
    Ok(items.iter().enumerate().map(|(i, item)| run.result(item, run.why[i])).collect())
}

struct Run<'a> {
    page: &'a PageSession,
    memory: &'a mut Memory,
    files: &'a dyn Files,
    total: u32,
    done: u32,
    progress: &'a mut (dyn FnMut(Progress) + Send),
    /// Why the last attempt at each item failed; empty when it did not.
    why: Vec<&'static str>,
}

impl Run<'_> {
    fn field(&self, id: &FieldId) -> Option<&Field> {
        self.memory.fields.iter().find(|field| field.id == *id)
    }

    fn stands(&self, item: &FillItem) -> bool {
        self.field(&item.field).is_some_and(|field| holds(field, &suited(field.kind, &item.value), &field.value))
    }

    fn result(&self, item: &FillItem, why: &'static str) -> FillResult {
        let (status, value, message) = match self.field(&item.field) {
            None => (FillStatus::Missing, Value::Empty, "the field is not in the page"),
            Some(field) if holds(field, &suited(field.kind, &item.value), &field.value) => {
                (FillStatus::Verified, field.value.clone(), "")
            }
            Some(field) if !why.is_empty() => (FillStatus::Failed, field.value.clone(), why),
            Some(field) => (FillStatus::Mismatch, field.value.clone(), "the page holds something else"),
        };
        FillResult { field: item.field.clone(), status, value, message: message.to_owned() }
    }

    async fn leave(&mut self) -> Result<(), Error> {
        for frame in super::observe::frames_of(self.page) {
            match call::<serde_json::Value>(self.page, &frame.id, "leave", json!({}), Duration::ZERO).await {
                Err(error) if error.is_fatal() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn enter(&mut self, i: usize, item: &FillItem) -> Result<(), Error> {
        let status = if self.stands(item) {
            FillStatus::Verified
        } else {
            let begun = Instant::now();
            let attempt = self.attempt(item).await;
            if let Some(field) = self.field(&item.field) {
                took(field.kind.as_str(), begun);
            }
            let outcome = match attempt {
                Ok(outcome) => outcome,
                // The frame changed under the attempt; the second round looks for the field anew.
                Err(Error::FrameGone | Error::Script { .. }) => failed("the page changed while the field was entered"),
                Err(error) => return Err(error),
            };
            self.why[i] = if let Outcome::Failed(why) = outcome { why } else { "" };
            match outcome {
                Outcome::Entered => FillStatus::Verified,
                Outcome::Missing => FillStatus::Missing,
                Outcome::Failed(_) => FillStatus::Failed,
            }
        };
        // A second round reports nothing new.
        if self.done < self.total {
            self.done += 1;
            (self.progress)(Progress { done: self.done, total: self.total, field: item.field.clone(), status });
        }
        Ok(())
    }

    async fn attempt(&mut self, item: &FillItem) -> Result<Outcome, Error> {
        let Some(place) = self.memory.places.get(&item.field).cloned() else { return Ok(Outcome::Missing) };
        let Some(field) = self.field(&item.field).cloned() else { return Ok(Outcome::Missing) };
        let value = suited(field.kind, &item.value);
        let native_date = field.kind == FieldKind::Date && field.placeholder.is_empty();
        match (field.kind, &value) {
            (FieldKind::Password, _) => Ok(failed("passwords are not entered")),
            (FieldKind::File, Value::File(file)) => self.upload(&place, file).await,
            (FieldKind::File, _) => Ok(failed("a file field takes a file")),
            (FieldKind::Select, Value::Choices(_) | Value::Empty) => {
                let labels = labels_of(&value);
                self.native(&place, json!({"key": place.key, "labels": labels})).await
            }
            (FieldKind::Combobox, Value::Choices(_) | Value::Empty) => self.combo(&place, &field, &value).await,
            (FieldKind::Checkbox, Value::Checked(_) | Value::Empty) => {
                self.press(&place, json!(value == Value::Checked(true)), &value).await
            }
            (FieldKind::Radio | FieldKind::CheckboxGroup, Value::Choices(_) | Value::Empty) => {
                self.press(&place, json!(labels_of(&value)), &value).await
            }
            (_, Value::Text(text)) if native_date => {
                match self.native(&place, json!({"key": place.key, "value": text, "native": true})).await? {
                    // A box for dates that is no native one takes text.
                    Outcome::Failed("not a native date") => self.text(&place, &field, text).await,
                    outcome => Ok(outcome),
                }
            }
            (FieldKind::Date, Value::Text(text)) => {
                self.text(&place, &field, &date_text(text, &field.placeholder)).await
            }
            (_, Value::Text(text)) => self.text(&place, &field, text).await,
            (_, Value::Empty) => self.text(&place, &field, "").await,
            _ => Ok(failed("the value does not suit the field")),
        }
    }

    async fn combo(&mut self, place: &Place, field: &Field, value: &Value) -> Result<Outcome, Error> {
        if self.memory.unlisted.get(&field.id) == Some(value) {
            return Ok(failed("no option of the list matches"));
        }
        let searched = self.memory.options.get(&field.id).is_some_and(|(options, _)| options.is_empty());
        let entry = combo::fill(self.page, place, &labels_of(value), field.multiple, searched).await?;
        match entry.picked {
            Some(picked) => self.memory.picked.insert(field.id.clone(), picked),
            None => self.memory.picked.remove(&field.id),
        };
        if entry.unlisted {
            self.memory.unlisted.insert(field.id.clone(), value.clone());
        }
        Ok(entry.outcome)
    }

    async fn read(&mut self, place: &Place) -> Result<RawValue, Error> {
        let values: Vec<RawValue> =
            call(self.page, &place.frame, "read", json!({"keys": [place.key]}), Duration::ZERO).await?;
        Ok(values.into_iter().next().unwrap_or(RawValue::Gone))
    }

    async fn text(&mut self, place: &Place, field: &Field, text: &str) -> Result<Outcome, Error> {
        let ready = match self.ready(place).await? {
            Ok(ready) => ready,
            Err(outcome) => return Ok(outcome),
        };
        if text.is_empty() {
            if !ready.empty {
                self.page.press(Key::Backspace).await?;
            }
        } else {
            self.page.insert_text(text).await?;
        }
        let wanted = Value::Text(text.to_owned());
        let got = self.read(place).await?.value();
        if holds(field, &wanted, &got) || text.is_empty() {
            return Ok(Outcome::Entered);
        }
        // A mask may want to see each key.
        if text.chars().count() <= TYPED_MAX && !text.contains('\n') {
            if let Err(outcome) = self.ready(place).await? {
                return Ok(outcome);
            }
            self.page.press(Key::Backspace).await?;
            self.page.type_text(text).await?;
        }
        Ok(Outcome::Entered)
    }

    /// Focuses a text field with its content selected.
    async fn ready(&mut self, place: &Place) -> Result<Result<Answer, Outcome>, Error> {
        let argument = json!({"key": place.key});
        let ready: Answer = call(self.page, &place.frame, "prepare", argument.clone(), Duration::from_secs(1)).await?;
        if ready.missing {
            return Ok(Err(Outcome::Missing));
        }
        if ready.locked {
            return Ok(Err(failed("the field cannot be edited")));
        }
        if ready.focused {
            return Ok(Ok(ready));
        }
        // Widgets that take the focus only from the mouse.
        let point: Answer = call(self.page, &place.frame, "pointAt", argument.clone(), Duration::ZERO).await?;
        click(self.page, &place.frame, point.x, point.y).await?;
        let ready: Answer = call(self.page, &place.frame, "prepare", argument, Duration::from_secs(1)).await?;
        Ok(if ready.focused { Ok(ready) } else { Err(failed("the field does not take the focus")) })
    }

    async fn native(&mut self, place: &Place, argument: serde_json::Value) -> Result<Outcome, Error> {
        let answer: Answer = call(self.page, &place.frame, "setNative", argument, Duration::from_secs(1)).await?;
        Ok(match answer {
            Answer { missing: true, .. } => Outcome::Missing,
            Answer { locked: true, .. } => failed("the field cannot be edited"),
            Answer { absent: true, .. } => failed("no option of the list matches"),
            Answer { change, .. } if !change.is_empty() => failed("not a native date"),
            _ => Outcome::Entered,
        })
    }

    /// Clicks the options of a group that must change.
    async fn press(&mut self, place: &Place, wanted: serde_json::Value, value: &Value) -> Result<Outcome, Error> {
        let argument = json!({"key": place.key, "wanted": wanted});
        let plan: Answer = call(self.page, &place.frame, "choices", argument, Duration::from_secs(1)).await?;
        if plan.missing {
            return Ok(Outcome::Missing);
        }
        if plan.locked {
            return Ok(failed("the field cannot be edited"));
        }
        if plan.absent {
            return Ok(failed("no option of the group matches"));
        }
        for at in plan.change {
            let argument = json!({"key": place.key, "at": at});
            let point: Answer = call(self.page, &place.frame, "choicePoint", argument.clone(), Duration::ZERO).await?;
            if point.missing {
                return Ok(Outcome::Missing);
            }
            if point.hit {
                click(self.page, &place.frame, point.x, point.y).await?;
            } else {
                call::<serde_json::Value>(self.page, &place.frame, "press", argument, Duration::ZERO).await?;
            }
        }
        let want = match value {
            Value::Checked(on) => json!({"t": "checked", "v": on}),
            Value::Choices(labels) if !labels.is_empty() => json!({"t": "choices", "v": labels}),
            _ => return Ok(Outcome::Entered),
        };
        let argument = json!({"key": place.key, "want": want, "ms": PRESS.as_millis()});
        let _: RawValue = call(self.page, &place.frame, "awaitValue", argument, PRESS).await?;
        Ok(Outcome::Entered)
    }

    async fn upload(&mut self, place: &Place, file: &FileRef) -> Result<Outcome, Error> {
        let Some(path) = self.files.path(&file.sha256) else { return Ok(failed("the file is not on this host")) };
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            return Ok(failed("the file has no name"));
        };
        let Some(node) = file_box(self.page, place).await? else {
            return Ok(if self.memory.uploads.contains_key(&place.id) {
                failed("the field already holds another file")
            } else {
                Outcome::Missing
            });
        };
        let paths: Vec<PathBuf> = vec![path];
        self.page.set_files(&node, &paths).await?;
        let argument = json!({"key": place.key, "name": name, "ms": UPLOAD.as_millis()});
        let taken: serde_json::Value = call(self.page, &place.frame, "awaitFile", argument, UPLOAD).await?;
        self.page.release(node).await;
        if taken.get("missing").is_some() {
            return Ok(failed("the page did not take the file"));
        }
        let size = taken.get("size").and_then(serde_json::Value::as_u64);
        if size.is_some_and(|size| size != file.size) {
            return Ok(failed("the page took a file of another size"));
        }
        let file = FileRef { name, ..file.clone() };
        self.memory.uploads.insert(place.id.clone(), Upload { file, place: place.clone() });
        Ok(Outcome::Entered)
    }
}

fn labels_of(value: &Value) -> Vec<String> {
    match value {
        Value::Choices(labels) => labels.clone(),
        _ => Vec::new(),
    }
}
