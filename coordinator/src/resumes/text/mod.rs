//! Text out of a file. Runs in the child process only (tests aside): everything here may be fed
//! hostile bytes, may panic in a library, and may run out of the memory it is allowed.

mod docx;
mod layout;
mod pdf;
mod plain;

use serde::{Deserialize, Serialize};

use super::{BYTES_MAX, Code};

/// Most bytes of text kept. A long academic resume is 60 KiB; the parser and the row are bounded by this.
pub const TEXT_MAX: usize = 256 * 1024;

/// What a file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Pdf,
    Docx,
    Text,
}

/// Text of a file. Lines end in `\n`; a tab is a wide gap within a line; blank lines are gaps between
/// blocks; leading spaces are indentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extracted {
    pub kind: Kind,
    pub text: String,
}

/// Reads a file of any kind. `declared` is a content type, or empty when none was given.
///
/// # Errors
/// A [`Code`]; never `Timeout` or `Crashed`, which only a parent can see, nor `LowConfidence`.
pub fn extract(bytes: &[u8], declared: &str) -> Result<Extracted, Code> {
    if bytes.is_empty() {
        return Err(Code::Empty);
    }
    if bytes.len() > BYTES_MAX {
        return Err(Code::TooLarge);
    }
    let kind = sniff(bytes)?;
    if !agrees(declared, kind) {
        return Err(Code::NotWhatItSays);
    }
    let mut text = match kind {
        Kind::Pdf => pdf::text(bytes)?,
        Kind::Docx => docx::text(bytes)?,
        Kind::Text => plain::text(bytes)?,
    };
    text.truncate(text.floor_char_boundary(TEXT_MAX));
    Ok(Extracted { kind, text })
}

/// The kind by magic bytes; a name or a declared type proves nothing.
fn sniff(bytes: &[u8]) -> Result<Kind, Code> {
    const OLE: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    // Readers accept junk before the header, and files with it exist.
    if find(&bytes[..bytes.len().min(1024)], b"%PDF-").is_some() {
        return Ok(Kind::Pdf);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Ok(Kind::Docx);
    }
    if bytes.starts_with(OLE) {
        // A DOCX with a password is an OLE file around an encrypted stream; a plain one is an old DOC.
        let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        return Err(match find(bytes, &name) {
            Some(_) => Code::Encrypted,
            None => Code::NotWhatItSays,
        });
    }
    if bytes.starts_with(b"{\\rtf") || !plain::looks_like_text(bytes) {
        return Err(Code::NotWhatItSays);
    }
    Ok(Kind::Text)
}

fn agrees(declared: &str, kind: Kind) -> bool {
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "" | "application/octet-stream" => true,
        "application/pdf" | "application/x-pdf" => kind == Kind::Pdf,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => kind == Kind::Docx,
        "text/plain" | "text/markdown" => kind == Kind::Text,
        _ => false,
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
