//! Checks a received application against the job's questions. Pure.

use chrono::{Datelike, NaiveDate};

use crate::intake::Received;
use crate::job::{Field, Job, Kind};
use crate::record::Upload;

/// Bytes of one uploaded file.
const FILE_BYTES_MAX: u64 = 10 << 20;
/// File name extensions of a document.
pub const DOCUMENTS: &[&str] = &["pdf", "doc", "docx", "txt", "rtf"];
/// Characters of a one-line answer, and of an essay.
pub const LINE_CHARS_MAX: usize = 500;
pub const ESSAY_CHARS_MAX: usize = 20_000;

/// What is wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub key: &'static str,
    pub message: String,
}

/// Checks every question of `job`; an empty list means the application is complete.
pub fn check(received: &Received, job: &Job) -> Vec<Fault> {
    let faults = job.fields().filter_map(|field| {
        let fault = match field.kind {
            Kind::File => check_file(received.files.get(field.key), field),
            _ => check_values(received.values.get(field.key).map_or(&[], Vec::as_slice), field),
        };
        fault.err().map(|message| Fault { key: field.key, message })
    });
    faults.collect()
}

fn check_file(upload: Option<&Upload>, field: &Field) -> Result<(), String> {
    let Some(upload) = upload else {
        return if field.required { Err("Please attach a file.".to_owned()) } else { Ok(()) };
    };
    let extension = upload.name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    if !extension.is_some_and(|extension| DOCUMENTS.contains(&extension.as_str())) {
        return Err(format!("This type of file is not accepted. Use one of: {}.", DOCUMENTS.join(", ")));
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
        return if field.required { Err("This field is required.".to_owned()) } else { Ok(()) };
    };
    let limit = if field.kind == Kind::Essay { ESSAY_CHARS_MAX } else { LINE_CHARS_MAX };
    if values.iter().any(|value| value.chars().count() > limit) {
        return Err(format!("Please use at most {limit} characters."));
    }
    let options = field.kind.options();
    if !options.is_empty() && values.iter().any(|value| !options.contains(&value.as_str())) {
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
    let clean = text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>(),;:\"".contains(c));
    let labels = domain.split('.').count() >= 2 && domain.split('.').all(|label| !label.is_empty());
    clean && labels && !local.is_empty() && !domain.contains('@') && text.len() <= 254
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || " +-().".contains(c))
}

fn is_url(text: &str) -> bool {
    let address = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    url::Url::parse(&address).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| host.contains('.'))
    })
}

/// A date as `YYYY-MM-DD` or `MM/DD/YYYY`.
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").or_else(|_| NaiveDate::parse_from_str(text, "%m/%d/%Y"));
    date.ok().filter(|date| (1900..2200).contains(&date.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (good, bad) in [("maya@example.org", "maya@example"), ("a.b+c@d.co", "a@b@c.de"), ("ü@d.se", "a b@c.de")] {
            assert!(is_email(good), "{good}");
            assert!(!is_email(bad), "{bad}");
        }
        for (good, bad) in [("+1 (415) 555-0132", "12345"), ("0731234567", "call me maybe 5550132")] {
            assert!(is_phone(good), "{good}");
            assert!(!is_phone(bad), "{bad}");
        }
        for (good, bad) in [("linkedin.com/in/maya", "maya"), ("https://maya.dev", "ftp://maya.dev")] {
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
