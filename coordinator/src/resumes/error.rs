//! Why a resume could not be read. Codes are stable: clients and metrics match on them.

use serde::{Deserialize, Serialize};

/// A stable code for each way reading can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// No bytes, or nothing but white space.
    Empty,
    /// The content is of another type than the one declared, or of none we read.
    NotWhatItSays,
    /// A password is needed to open it.
    Encrypted,
    /// More than [`super::BYTES_MAX`] bytes.
    TooLarge,
    /// An archive that unpacks to more than a resume can be.
    ZipBomb,
    /// A picture of a page: there is no text in it.
    NoText,
    /// Damaged, or not made as its format demands.
    Unreadable,
    /// Reading took longer than allowed.
    Timeout,
    /// The reading process ended without an answer.
    Crashed,
    /// There is text, but it does not look like a resume.
    LowConfidence,
}

impl Code {
    /// The code as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::NotWhatItSays => "NOT_WHAT_IT_SAYS",
            Self::Encrypted => "ENCRYPTED",
            Self::TooLarge => "TOO_LARGE",
            Self::ZipBomb => "ZIP_BOMB",
            Self::NoText => "NO_TEXT",
            Self::Unreadable => "UNREADABLE",
            Self::Timeout => "TIMEOUT",
            Self::Crashed => "CRASHED",
            Self::LowConfidence => "LOW_CONFIDENCE",
        }
    }

    /// One sentence for the person who uploaded the file.
    pub fn message(self) -> &'static str {
        match self {
            Self::Empty => "The file is empty. Choose the file with your resume in it.",
            Self::NotWhatItSays => {
                "The file is not the PDF, DOCX or text file it says it is. Save your resume as one of them and upload that."
            }
            Self::Encrypted => "The file is protected by a password. Upload a copy without one.",
            Self::TooLarge => "The file is larger than 10 MiB. Upload a copy with smaller pictures or without.",
            Self::ZipBomb => "The file unpacks to more than a resume can hold. Save your resume anew and upload that.",
            Self::NoText => "The file holds pictures only. Upload a copy whose text can be selected.",
            Self::Unreadable => {
                "The file is damaged and could not be read. Save your resume anew, as PDF or DOCX, and upload that."
            }
            Self::Timeout => "Reading the file took too long. Upload a simpler copy, for example one printed to PDF.",
            Self::Crashed => "The file could not be read. Read it again, or upload a copy printed to PDF.",
            Self::LowConfidence => {
                "The file does not look like a resume. Upload one with your name, contact and experience in it."
            }
        }
    }
}

/// A refusal to read; never carries any of the file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", .code.message())]
pub struct Error {
    pub code: Code,
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self { code }
    }
}
