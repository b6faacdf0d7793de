//! Resumes: from an uploaded file to [`ParsedResumeData`].
//!
//! ```text
//! bytes ── extract ──> child process (text::extract, no network, little memory) ──> text ── parse ──> data
//! ```
//!
//! Files come from strangers, so nothing in this process opens them: [`extract`] hands the bytes to a
//! child (`<exe> resume-child`, which runs [`child_main`]) and takes text or a [`Code`] back. [`parse`]
//! is pure and works on bounded text; [`read`] does both.

mod child;
mod error;
mod parent;
mod parse;
pub mod text;

use std::path::Path;

use chrono::NaiveDate;
use protocol::resume::ParsedResumeData;

pub use child::{child_main, child_main_with};
pub use error::{Code, Error};
pub use parent::{Limits, extract, extract_within};
pub use parse::parse;
pub use text::{Extracted, Kind};

/// Largest file taken. The contract's upload limit.
pub const BYTES_MAX: usize = 10 * 1024 * 1024;

/// Below this share of signals a text is not taken for a resume. The contract's gate.
pub const CONFIDENCE_MIN: f32 = 0.3;

/// A resume that was read.
#[derive(Debug, Clone)]
pub struct Read {
    pub text: String,
    pub data: ParsedResumeData,
    /// 0 to 1; at least [`CONFIDENCE_MIN`].
    pub confidence: f32,
}

/// Extracts and parses. `declared` is the upload's content type, empty when unknown; `today` closes
/// positions that last until now.
///
/// # Errors
/// Every [`Code`]; the contract's `parse_failed` in each case.
pub async fn read(exe: &Path, bytes: Vec<u8>, declared: &str, today: NaiveDate) -> Result<Read, Error> {
    let text = extract(exe, bytes, declared).await?.text;
    // A long text takes a fraction of a second, too long for a thread that serves actors.
    let (text, data, confidence) = tokio::task::spawn_blocking(move || {
        let (data, confidence) = parse(&text, today);
        (text, data, confidence)
    })
    .await
    .map_err(|_| Code::Crashed)?;
    if confidence < CONFIDENCE_MIN {
        return Err(Code::LowConfidence.into());
    }
    Ok(Read { text, data, confidence })
}
