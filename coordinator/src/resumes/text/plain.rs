//! Plain text: UTF-8, UTF-16 with a byte order mark, else the Western encoding every byte is valid in.

use super::Code;

/// Windows-1252 where it differs from Latin-1: bytes 0x80 to 0x9F.
const CP1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// How many bytes are looked at to tell text from data.
const SAMPLE: usize = 64 * 1024;

/// Whether the bytes can be text: marked UTF-16, or free of NULs and nearly of control characters.
pub(super) fn looks_like_text(bytes: &[u8]) -> bool {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return true;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let control = |byte: &&u8| **byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0B | 0x0C);
    !sample.contains(&0) && sample.iter().filter(control).count() * 100 <= sample.len()
}

/// The text, with `\n` line ends.
pub(super) fn text(bytes: &[u8]) -> Result<String, Code> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(western).collect(),
        },
    };
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{b}', '\u{c}'], "\n");
    if text.trim().is_empty() {
        return Err(Code::Empty);
    }
    Ok(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Code> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let broken = text.chars().filter(|char| *char == char::REPLACEMENT_CHARACTER || *char == '\0');
    if broken.count() * 100 > text.chars().count() {
        return Err(Code::NotWhatItSays);
    }
    Ok(text)
}

fn western(byte: u8) -> char {
    match byte {
        0x80..=0x9F => CP1252[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}
