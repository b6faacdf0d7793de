//! Reads a sent form into the server's own words; `check` judges it.
//!
//! Everything a client sends is bounded here: parts, bytes of a field, bytes of a file. File contents
//! are hashed as they arrive and not kept.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::Multipart;
use axum::extract::multipart::{Field as Part, MultipartError};
use axum::http::StatusCode;
use sha2::{Digest, Sha256};

use crate::check::{ESSAY_CHARS_MAX, LINE_CHARS_MAX, parse_date};
use crate::job::{Field, Job, Kind};
use crate::names::Load;
use crate::record::{Answer, Draft, Upload};

/// Bytes of a whole request; a résumé and a cover letter of the allowed size fit when one is small.
pub const BODY_BYTES_MAX: usize = 12 << 20;
/// Bytes of one part that is not a file: an essay of four-byte characters.
const PART_BYTES_MAX: usize = ESSAY_CHARS_MAX * 4;
/// Parts of one request: the largest form has some forty.
const PARTS_MAX: usize = 200;
/// Time for a whole request to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The part that carries the load's nonce.
pub const TOKEN: &str = "authenticity_token";

/// A sent form, by the server's own keys.
pub struct Received {
    pub load: Load,
    pub values: BTreeMap<&'static str, Vec<String>>,
    pub files: BTreeMap<&'static str, Upload>,
    pub honeypot: bool,
    /// What the challenge widget left in the form, if there was one.
    pub challenge: Option<String>,
}

/// Why a request could not be read at all.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable(pub StatusCode, pub &'static str);

enum Content {
    Text(String),
    File(Upload),
}

impl From<MultipartError> for Unreadable {
    fn from(error: MultipartError) -> Self {
        match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self(StatusCode::PAYLOAD_TOO_LARGE, "The application is larger than 12 MB.")
            }
            _ => Self(StatusCode::BAD_REQUEST, "The application could not be read. Please send it again."),
        }
    }
}

/// Reads a request for `job`.
pub async fn read(parts: Multipart, job: &Job) -> Result<Received, Unreadable> {
    match tokio::time::timeout(READ_TIMEOUT, collect(parts)).await {
        Ok(parts) => sort(parts?, job),
        Err(_) => Err(Unreadable(StatusCode::REQUEST_TIMEOUT, "The application took too long to arrive.")),
    }
}

async fn collect(mut parts: Multipart) -> Result<Vec<(String, Content)>, Unreadable> {
    let mut collected = Vec::new();
    while let Some(part) = parts.next_field().await? {
        if collected.len() == PARTS_MAX {
            return Err(Unreadable(StatusCode::BAD_REQUEST, "The application has too many parts."));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let content = if part.file_name().is_some() { file(part).await? } else { Some(text(part).await?) };
        collected.extend(content.map(|content| (name, content)));
    }
    Ok(collected)
}

async fn text(mut part: Part<'_>) -> Result<Content, Unreadable> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        if bytes.len() + chunk.len() > PART_BYTES_MAX {
            return Err(Unreadable(StatusCode::PAYLOAD_TOO_LARGE, "One of the answers is far too long."));
        }
        bytes.extend_from_slice(&chunk);
    }
    match String::from_utf8(bytes) {
        // Browsers send every line break as two characters.
        Ok(text) => Ok(Content::Text(text.replace("\r\n", "\n").trim().to_owned())),
        Err(_) => Err(Unreadable(StatusCode::BAD_REQUEST, "One of the answers is not text.")),
    }
}

/// `None` if no file was chosen, which browsers send as a nameless empty one.
async fn file(mut part: Part<'_>) -> Result<Option<Content>, Unreadable> {
    let name: String = part.file_name().unwrap_or_default().chars().take(LINE_CHARS_MAX).collect();
    let content_type: String = part.content_type().unwrap_or("application/octet-stream").chars().take(200).collect();
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(chunk) = part.chunk().await? {
        hash.update(&chunk);
        size += chunk.len() as u64;
    }
    if name.is_empty() && size == 0 {
        return Ok(None);
    }
    let sha256 = hex::encode(hash.finalize());
    Ok(Some(Content::File(Upload { label: String::new(), name, size, sha256, content_type })))
}

fn sort(parts: Vec<(String, Content)>, job: &Job) -> Result<Received, Unreadable> {
    let token = parts.iter().find_map(|(name, content)| match content {
        Content::Text(text) if name == TOKEN => Some(text.as_str()),
        _ => None,
    });
    let load = token.and_then(Load::parse).ok_or(Unreadable(
        StatusCode::BAD_REQUEST,
        "This page is incomplete. Please open the job again and send the application from there.",
    ))?;
    let fields: BTreeMap<String, &'static Field> =
        job.fields().map(|field| (load.name(&format!("n-{}", field.key)), field)).collect();
    let (trap, challenge) = (load.name("n-trap"), load.name("n-challenge"));

    let mut received =
        Received { load, values: BTreeMap::new(), files: BTreeMap::new(), honeypot: false, challenge: None };
    for (name, content) in parts {
        match (fields.get(&name), content) {
            (Some(field), Content::File(upload)) if field.kind == Kind::File => {
                received.files.insert(field.key, Upload { label: field.label.to_owned(), ..upload });
            }
            (Some(field), Content::Text(text)) if field.kind != Kind::File && !text.is_empty() => {
                let value = option(&received.load, field, text);
                received.values.entry(field.key).or_default().push(value);
            }
            (None, Content::Text(text)) if name == trap => received.honeypot |= !text.is_empty(),
            (None, Content::Text(text)) if name == challenge => received.challenge = Some(text),
            // A submit button's own name, say.
            _ => {}
        }
    }
    Ok(received)
}

/// The option's text, if the page sent the option's random value in its place.
fn option(load: &Load, field: &Field, sent: String) -> String {
    let options = field.kind.options().iter().enumerate();
    let chosen = options.into_iter().find(|(index, _)| load.name(&format!("o-{}-{index}", field.key)) == sent);
    chosen.map_or(sent, |(_, text)| (*text).to_owned())
}

/// A complete application, ready to be recorded.
pub fn draft(received: Received, job: &'static Job) -> Draft {
    let Received { mut values, mut files, honeypot, .. } = received;
    let mut draft = Draft { job, email: String::new(), fields: Vec::new(), files: Vec::new(), honeypot };
    for field in job.fields() {
        draft.files.extend(files.remove(field.key));
        let Some(mut given) = values.remove(field.key) else {
            continue;
        };
        let answer = match field.kind {
            Kind::Many(_) => Answer::Many(given),
            Kind::Consent => Answer::One("Yes".to_owned()),
            Kind::Date => Answer::One(parse_date(&given[0]).map_or_else(|| given[0].clone(), |date| date.to_string())),
            _ => Answer::One(given.swap_remove(0)),
        };
        if let (Kind::Email, Answer::One(email)) = (field.kind, &answer) {
            draft.email.clone_from(email);
        }
        draft.fields.push((field.label.to_owned(), answer));
    }
    draft
}
