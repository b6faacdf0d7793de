//! Reads a sent form and checks it against the job's questions.
//!
//! Everything a client sends is bounded here: parts, bytes of a field, bytes of a file. File contents
//! are hashed as they arrive and not kept.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::Multipart;
use axum::extract::multipart::{Field as Part, MultipartError};
use axum::http::StatusCode;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::job::{Field, Job, Kind};
use crate::names::Load;
use crate::record::{Answer, Draft, Upload};

/// Bytes of a whole request; a résumé and a cover letter of the allowed size fit when one is small.
pub const BODY_BYTES_MAX: usize = 12 << 20;
/// Bytes of one uploaded file.
const FILE_BYTES_MAX: u64 = 10 << 20;
/// Characters of a one-line answer, and of an essay.
const LINE_CHARS_MAX: usize = 500;
const ESSAY_CHARS_MAX: usize = 20_000;
/// Bytes of one part that is not a file: an essay of four-byte characters.
const PART_BYTES_MAX: usize = ESSAY_CHARS_MAX * 4;
/// Parts of one request: the largest form has some forty.
const PARTS_MAX: usize = 200;
/// Time for a whole request to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// File name extensions of a document.
pub const DOCUMENTS: &[&str] = &["pdf", "doc", "docx", "txt", "rtf"];
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

/// What is wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub key: &'static str,
    pub message: String,
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
            StatusCode::PAYLOAD_TOO_LARGE => Self(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The application is larger than 12 MB.",
            ),
            _ => Self(
                StatusCode::BAD_REQUEST,
                "The application could not be read. Please send it again.",
            ),
        }
    }
}

/// Reads a request for `job`.
pub async fn read(parts: Multipart, job: &Job) -> Result<Received, Unreadable> {
    match tokio::time::timeout(READ_TIMEOUT, collect(parts)).await {
        Ok(parts) => sort(parts?, job),
        Err(_) => Err(Unreadable(
            StatusCode::REQUEST_TIMEOUT,
            "The application took too long to arrive.",
        )),
    }
}

async fn collect(mut parts: Multipart) -> Result<Vec<(String, Content)>, Unreadable> {
    let mut collected = Vec::new();
    while let Some(part) = parts.next_field().await? {
        if collected.len() == PARTS_MAX {
            return Err(Unreadable(
                StatusCode::BAD_REQUEST,
                "The application has too many parts.",
            ));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let content = if part.file_name().is_some() {
            file(part).await?
        } else {
            Some(text(part).await?)
        };
        collected.extend(content.map(|content| (name, content)));
    }
    Ok(collected)
}

async fn text(mut part: Part<'_>) -> Result<Content, Unreadable> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        if bytes.len() + chunk.len() > PART_BYTES_MAX {
            return Err(Unreadable(
                StatusCode::PAYLOAD_TOO_LARGE,
                "One of the answers is far too long.",
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    match String::from_utf8(bytes) {
        // Browsers send every line break as two characters.
        Ok(text) => Ok(Content::Text(text.replace("\r\n", "\n").trim().to_owned())),
        Err(_) => Err(Unreadable(
            StatusCode::BAD_REQUEST,
            "One of the answers is not text.",
        )),
    }
}

/// `None` if no file was chosen, which browsers send as a nameless empty one.
async fn file(mut part: Part<'_>) -> Result<Option<Content>, Unreadable> {
    let name: String = part
        .file_name()
        .unwrap_or_default()
        .chars()
        .take(LINE_CHARS_MAX)
        .collect();
    let content_type: String = part
        .content_type()
        .unwrap_or("application/octet-stream")
        .chars()
        .take(200)
        .collect();
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(chunk) = part.chunk().await? {
        hash.update(&chunk);
        size += chunk.len() as u64;
    }
    if name.is_empty() && size == 0 {
        return Ok(None);
    }
    let sha256 = hex::encode(hash.finalize());
    Ok(Some(Content::File(Upload {
        label: String::new(),
        name,
        size,
        sha256,
        content_type,
    })))
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
    let fields: BTreeMap<String, &'static Field> = job
        .fields()
        .map(|field| (load.name(&format!("n-{}", field.key)), field))
        .collect();
    let (trap, challenge) = (load.name("n-trap"), load.name("n-challenge"));

    let mut received = Received {
        load,
        values: BTreeMap::new(),
        files: BTreeMap::new(),
        honeypot: false,
        challenge: None,
    };
    for (name, content) in parts {
        match (fields.get(&name), content) {
            (Some(field), Content::File(upload)) if field.kind == Kind::File => {
                received.files.insert(
                    field.key,
                    Upload {
                        label: field.label.to_owned(),
                        ..upload
                    },
                );
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
    let chosen = options
        .into_iter()
        .find(|(index, _)| load.name(&format!("o-{}-{index}", field.key)) == sent);
    chosen.map_or(sent, |(_, text)| (*text).to_owned())
}

/// Checks every question of `job`; an empty list means the application is complete.
pub fn check(received: &Received, job: &Job) -> Vec<Fault> {
    let faults = job.fields().filter_map(|field| {
        let fault = match field.kind {
            Kind::File => check_file(received.files.get(field.key), field),
            _ => check_values(
                received.values.get(field.key).map_or(&[], Vec::as_slice),
                field,
            ),
        };
        fault.err().map(|message| Fault {
            key: field.key,
            message,
        })
    });
    faults.collect()
}

fn check_file(upload: Option<&Upload>, field: &Field) -> Result<(), String> {
    let Some(upload) = upload else {
        return if field.required {
            Err("Please attach a file.".to_owned())
        } else {
            Ok(())
        };
    };
    let extension = upload
        .name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase());
    if !extension.is_some_and(|extension| DOCUMENTS.contains(&extension.as_str())) {
        return Err(format!(
            "This type of file is not accepted. Use one of: {}.",
            DOCUMENTS.join(", ")
        ));
    }
    if upload.size == 0 {
        return Err("The file is empty.".to_owned());
    }
    if upload.size > FILE_BYTES_MAX {
        return Err("The file is larger than 10 MB.".to_owned());
    }
    Ok(())
}

fn check_values(values: &[String], field: &Field) -> Result<(), String> {
    let Some(first) = values.first() else {
        return if field.required {
            Err("This field is required.".to_owned())
        } else {
            Ok(())
        };
    };
    let limit = if field.kind == Kind::Essay {
        ESSAY_CHARS_MAX
    } else {
        LINE_CHARS_MAX
    };
    if values.iter().any(|value| value.chars().count() > limit) {
        return Err(format!("Please use at most {limit} characters."));
    }
    let options = field.kind.options();
    if !options.is_empty()
        && values
            .iter()
            .any(|value| !options.contains(&value.as_str()))
    {
        return Err("Please choose one of the options.".to_owned());
    }
    if values.len() > 1 && !matches!(field.kind, Kind::Many(_)) {
        return Err("Please give one answer.".to_owned());
    }
    match field.kind {
        Kind::Email if !is_email(first) => Err("Please enter a valid e-mail address.".to_owned()),
        Kind::Tel if !is_phone(first) => Err("Please enter a valid phone number.".to_owned()),
        Kind::Url if !is_url(first) => Err("Please enter a valid URL.".to_owned()),
        Kind::Date if parse_date(first).is_none() => Err("Please enter a valid date.".to_owned()),
        _ => Ok(()),
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let clean = text
        .chars()
        .all(|c| !c.is_whitespace() && !c.is_control() && !"<>(),;:\"".contains(c));
    let labels = domain.split('.').count() >= 2 && domain.split('.').all(|label| !label.is_empty());
    clean && labels && !local.is_empty() && !domain.contains('@') && text.len() <= 254
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-().".contains(c))
}

fn is_url(text: &str) -> bool {
    let address = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    url::Url::parse(&address).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| host.contains('.'))
    })
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .or_else(|_| NaiveDate::parse_from_str(text, "%m/%d/%Y"));
    date.ok()
        .filter(|date| (1900..2200).contains(&chrono::Datelike::year(date)))
}

/// A complete application, ready to be recorded.
pub fn draft(received: Received, job: &'static Job) -> Draft {
    let Received {
        mut values,
        mut files,
        honeypot,
        ..
    } = received;
    let mut draft = Draft {
        job,
        email: String::new(),
        fields: Vec::new(),
        files: Vec::new(),
        honeypot,
    };
    for field in job.fields() {
        draft.files.extend(files.remove(field.key));
        let Some(mut given) = values.remove(field.key) else {
            continue;
        };
        let answer = match field.kind {
            Kind::Many(_) => Answer::Many(given),
            Kind::Consent => Answer::One("Yes".to_owned()),
            Kind::Date => Answer::One(
                parse_date(&given[0]).map_or_else(|| given[0].clone(), |date| date.to_string()),
            ),
            _ => Answer::One(given.swap_remove(0)),
        };
        if let (Kind::Email, Answer::One(email)) = (field.kind, &answer) {
            draft.email.clone_from(email);
        }
        draft.fields.push((field.label.to_owned(), answer));
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (good, bad) in [
            ("maya@example.org", "maya@example"),
            ("a.b+c@d.co", "a@b@c.de"),
            ("ü@d.se", "a b@c.de"),
        ] {
            assert!(is_email(good), "{good}");
            assert!(!is_email(bad), "{bad}");
        }
        for (good, bad) in [
            ("+1 (415) 555-0132", "12345"),
            ("0731234567", "call me maybe 5550132"),
        ] {
            assert!(is_phone(good), "{good}");
            assert!(!is_phone(bad), "{bad}");
        }
        for (good, bad) in [
            ("linkedin.com/in/maya", "maya"),
            ("https://maya.dev", "ftp://maya.dev"),
        ] {
            assert!(is_url(good), "{good}");
            assert!(!is_url(bad), "{bad}");
        }
        for (good, bad) in [("2026-02-28", "2026-02-30"), ("12/31/2026", "31/12/2026")] {
            assert!(parse_date(good).is_some(), "{good}");
            assert!(parse_date(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_choice_is_one_of_the_options() {
        let field = Field::new("k", "Label", Kind::Select(&["Yes", "No"]));
        assert_eq!(check_values(&["Yes".to_owned()], &field), Ok(()));
        assert!(check_values(&["Maybe".to_owned()], &field).is_err());
        assert!(check_values(&["Yes".to_owned(), "No".to_owned()], &field).is_err());
        assert!(check_values(&[], &field.required()).is_err());
    }
}
