//! Putting the frames' observations together into one form, and remembering where each field is.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use protocol::form::{Blocker, Field, FieldKind, FileRef, FormModel, PageState, Value};
use protocol::ids::FieldId;
use protocol::task::{Ats, Confirmation, InteractionKind};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::{Point, RawBlocker, RawObservation, RawPage, bound, cut, some};
use super::script::{Place, call};
use crate::cdp::{Error, FrameId, FrameInfo, PageSession};

/// Frames that are never part of a form: captcha widgets, payment, ads, analytics.
const FOREIGN: [&str; 9] = [
    "google.com/recaptcha",
    "recaptcha.net/",
    "hcaptcha.com/",
    "challenges.cloudflare.com/",
    "arkoselabs.com/",
    "doubleclick.net/",
    "googletagmanager.com/",
    "youtube.com/embed",
    "js.stripe.com/",
];
/// Errors of the page that are kept.
const ERRORS_MAX: usize = 10;

/// A file that was given to a field, which often does not show it in the input any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    pub file: FileRef,
    pub place: Place,
}

/// A choice made in a list that shows something else for it (a flag and "+1" for "United States").
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Picked {
    pub label: String,
    pub shown: Vec<String>,
}

/// What is known about the page's fields between looks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The fields of the last look, in order.
    pub fields: Vec<Field>,
    pub places: HashMap<FieldId, Place>,
    /// Lists that had to be opened to be read.
    pub options: HashMap<FieldId, (Vec<protocol::form::Choice>, bool)>,
    pub uploads: HashMap<FieldId, Upload>,
    pub picked: HashMap<FieldId, Picked>,
    /// Values that a list was searched for in vain.
    pub unlisted: HashMap<FieldId, Value>,
    /// The frame with the submit control.
    pub form_frame: Option<FrameId>,
}

/// One look at the page.
#[derive(Debug)]
pub(super) struct Look {
    pub model: FormModel,
    pub can_apply: bool,
    pub apply_frame: FrameId,
}

fn foreign(frame: &FrameInfo) -> bool {
    FOREIGN.iter().any(|part| frame.url.contains(part))
}

/// Frames worth asking, the main one first.
pub(super) fn frames_of(page: &PageSession) -> Vec<FrameInfo> {
    page.frames().into_iter().filter(|frame| !foreign(frame)).collect()
}

/// Reads every frame. Changes nothing in the page.
pub(super) async fn look(page: &PageSession, memory: &mut Memory) -> Result<Look, Error> {
    let frames = frames_of(page);
    let main = page.main_frame();
    let asked = frames.iter().map(|frame| async {
        let uploads: Vec<_> = memory
            .uploads
            .values()
            .filter(|upload| upload.place.frame == frame.id)
            .map(|upload| json!({"key": upload.place.key, "name": upload.file.name}))
            .collect();
        let seen =
            call::<RawObservation>(page, &frame.id, "observe", json!({"uploads": uploads}), Duration::ZERO).await;
        let origin = match (&seen, frame.id == main) {
            (Ok(seen), false) if !seen.fields.is_empty() => page.frame_origin(&frame.id).await.ok(),
            (_, true) => Some((0.0, 0.0)),
            _ => None,
        };
        (frame.id.clone(), seen, origin)
    });
    let mut seen = Vec::new();
    for (frame, observation, origin) in join_all(asked).await {
        match observation {
            Ok(observation) => seen.push((frame, observation, origin)),
            // A frame that is on its way out is no part of the form; without the main one there is no page.
            Err(error) if frame == main || error.is_fatal() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(assemble(page, &main, seen, memory))
}

type Seen = (FrameId, RawObservation, Option<(f64, f64)>);

fn assemble(page: &PageSession, main: &FrameId, mut seen: Vec<Seen>, memory: &mut Memory) -> Look {
    let scroll = seen.iter().find(|(id, ..)| id == main).map(|(_, o, _)| o.scroll).unwrap_or_default();
    let most = seen.iter().map(|(_, o, _)| o.fields.len()).max().unwrap_or_default();
    for (_, observation, origin) in &mut seen {
        let aside = most >= 3 && observation.fields.len() <= 2 && !observation.fields.iter().any(|f| f.kind == "file");
        // A frame that is not drawn, and small forms beside the application.
        if origin.is_none() || aside {
            observation.fields.clear();
        }
    }
    let form_frame = seen
        .iter()
        .filter(|(_, o, _)| o.page.can_submit || o.page.can_advance)
        .max_by_key(|(_, o, _)| o.fields.len())
        .map(|(id, ..)| id.clone());
    let mut pages = Vec::new();
    let mut apply_frame = main.clone();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let (mut fields, mut places, mut shown) = (Vec::new(), HashMap::new(), Vec::new());
    for (frame, observation, origin) in seen {
        let (x, y) = origin.unwrap_or_default();
        let origin = Point { x: x + scroll.x, y: y + scroll.y };
        for raw in observation.fields {
            let nth = counts.entry(raw.base.clone()).or_default();
            let id = FieldId(format!("{}-{nth}", raw.base));
            *nth += 1;
            places.insert(id.clone(), Place { id: id.clone(), frame: frame.clone(), key: raw.key.clone() });
            fields.push(raw.field(id, origin));
        }
        shown.extend(observation.shown.into_iter().map(|key| (frame.clone(), key)));
        if observation.page.can_apply && frame != *main {
            apply_frame = frame.clone();
        }
        pages.push((frame, observation.page));
    }
    if pages.iter().any(|(id, page)| id == main && page.can_apply) {
        apply_frame = main.clone();
    }
    restore(&mut fields, &mut places, &shown, memory);
    let state = page_state(page.url(), main, &pages, fields.len(), form_frame.as_ref());
    let can_apply = pages.iter().any(|(_, page)| page.can_apply);
    let mut model = FormModel { page: state, fields };
    bound(&mut model);
    memory.fields.clone_from(&model.fields);
    memory.places.extend(places);
    memory.form_frame = form_frame;
    Look { model, can_apply, apply_frame }
}

/// Adds what the page does not show (any more) but what is known: lists read earlier, files taken, choices shown in
/// other words.
fn restore(
    fields: &mut Vec<Field>,
    places: &mut HashMap<FieldId, Place>,
    shown: &[(FrameId, String)],
    memory: &Memory,
) {
    for field in fields.iter_mut() {
        if field.kind == FieldKind::Combobox
            && let Some((options, complete)) = memory.options.get(&field.id)
        {
            field.options.clone_from(options);
            field.options_complete = *complete;
        }
        if let Some(picked) = memory.picked.get(&field.id)
            && field.value == Value::Choices(picked.shown.clone())
        {
            field.value = Value::Choices(vec![picked.label.clone()]);
        }
    }
    for (id, upload) in &memory.uploads {
        let still = shown.iter().any(|(frame, key)| *frame == upload.place.frame && *key == upload.place.key);
        let held = |value: &Value| matches!(value, Value::File(file) if file.name == upload.file.name);
        if let Some(field) = fields.iter_mut().find(|field| field.id == *id) {
            if held(&field.value) || (still && field.value.is_empty()) {
                field.value = Value::File(upload.file.clone());
            }
        } else if still && !fields.iter().any(|field| held(&field.value)) {
            // The box left the page once it had the file; the field is still there for the person.
            let Some(at) = memory.fields.iter().position(|field| field.id == *id) else { continue };
            let mut field = memory.fields[at].clone();
            field.value = Value::File(upload.file.clone());
            let before = memory.fields[..at].iter().rev().find_map(|f| fields.iter().position(|x| x.id == f.id));
            fields.insert(before.map_or(0, |i| i + 1), field);
            places.insert(id.clone(), upload.place.clone());
        }
    }
}

fn page_state(
    url: String,
    main: &FrameId,
    pages: &[(FrameId, RawPage)],
    fields: usize,
    form_frame: Option<&FrameId>,
) -> PageState {
    let of = |id: &FrameId| pages.iter().find(|(frame, _)| frame == id).map(|(_, page)| page);
    let top = of(main).cloned().unwrap_or_default();
    let form = form_frame.and_then(of);
    let either = |pick: fn(&RawPage) -> &str| some(pick(&top)).or_else(|| form.and_then(|page| some(pick(page))));
    let ats = pages.iter().find_map(|(_, page)| page.ats.as_deref()?.parse().ok()).unwrap_or(Ats::Unknown);
    let said = |raw: &super::model::RawConfirmation| Confirmation {
        text: cut(&raw.text, protocol::form::TEXT_MAX),
        number: raw.number.as_deref().map(|n| cut(n, 100)),
        url: bare_url(&url),
    };
    let confirmation = pages
        .iter()
        .find_map(|(_, page)| page.confirmation.as_ref())
        // A form that is still there to be sent has not been received.
        .filter(|_| fields <= 1)
        .map(said);
    PageState {
        ats,
        title: cut(&top.title, protocol::form::TEXT_MAX),
        job_title: either(|page| &page.job_title),
        company: either(|page| &page.company),
        job_location: either(|page| &page.job_location),
        blocker: pages.iter().find_map(|(_, page)| page.blocker.as_ref()).and_then(blocker),
        closed: pages.iter().any(|(_, page)| page.closed) && fields < 3,
        already_applied: pages.iter().any(|(_, page)| page.already_applied) && fields < 3,
        errors: pages.iter().flat_map(|(_, page)| page.errors.clone()).take(ERRORS_MAX).collect(),
        confirmation,
        can_submit: form.is_some_and(|page| page.can_submit),
        can_advance: form.is_some_and(|page| page.can_advance),
        url: bare_url(&url),
    }
}

pub(super) fn blocker(raw: &RawBlocker) -> Option<Blocker> {
    let kind: InteractionKind = raw.kind.parse().ok()?;
    Some(Blocker { kind, message: cut(&raw.message, 300) })
}

/// An address without its fragment.
pub(super) fn bare_url(url: &str) -> String {
    cut(url.split('#').next().unwrap_or_default(), protocol::form::TEXT_MAX)
}
