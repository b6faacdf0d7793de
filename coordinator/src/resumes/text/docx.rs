//! DOCX: a zip of XML parts. Paragraphs become lines; a table row whose cells are single lines becomes
//! one line with tabs, any other row is read cell by cell, which is how two-column tables are meant.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::Code;

/// Entries of an archive. A resume has some dozens.
const ENTRIES_MAX: usize = 2000;
/// Unpacked bytes of the whole archive.
const UNPACKED_MAX: u64 = 50 * 1024 * 1024;
/// Unpacked to packed bytes of the whole archive. Word's own files stay below 30.
const RATIO_MAX: u64 = 100;
/// Elements open at once. Word nests some thirty.
const DEPTH_MAX: usize = 256;

const BODY: &str = "word/document.xml";

/// The text of headers, body and footers.
pub(super) fn text(bytes: &[u8]) -> Result<String, Code> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Code::Unreadable)?;
    refuse_bombs(&mut archive, bytes.len() as u64)?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    if !names.iter().any(|name| name == BODY) {
        return Err(Code::NotWhatItSays);
    }
    let part_of = |kind: &str| {
        let mut parts: Vec<&String> =
            names.iter().filter(|name| name.starts_with(&format!("word/{kind}")) && name.ends_with(".xml")).collect();
        parts.sort();
        parts
    };
    let mut budget = UNPACKED_MAX;
    let mut lines: Vec<String> = Vec::new();
    let body = BODY.to_owned();
    let headers = part_of("header");
    let footers = part_of("footer");
    for (part, furniture) in headers
        .into_iter()
        .map(|part| (part, true))
        .chain([(&body, false)])
        .chain(footers.into_iter().map(|part| (part, true)))
    {
        let links = links_of(&mut archive, part, &mut budget)?;
        let Some(xml) = unpack(&mut archive, part, &mut budget)? else {
            continue;
        };
        let mut read = Part::default();
        match read.run(&xml, &links) {
            // A damaged header is no reason to refuse the body.
            Err(code) if !furniture => return Err(code),
            _ => {}
        }
        if furniture {
            // First-page, odd and even headers repeat each other.
            let known: HashSet<&str> = lines.iter().map(|line| line.trim()).collect();
            read.lines.retain(|line| !line.trim().is_empty() && !known.contains(line.trim()));
        }
        lines.append(&mut read.lines);
    }
    let text = lines.join("\n");
    if text.trim().is_empty() {
        let pictures = names.iter().any(|name| name.starts_with("word/media/"));
        return Err(if pictures { Code::NoText } else { Code::Empty });
    }
    Ok(text)
}

fn refuse_bombs(archive: &mut ZipArchive<Cursor<&[u8]>>, packed: u64) -> Result<(), Code> {
    if archive.len() > ENTRIES_MAX {
        return Err(Code::ZipBomb);
    }
    let mut unpacked = 0_u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|_| Code::Unreadable)?;
        if entry.encrypted() {
            return Err(Code::Encrypted);
        }
        unpacked = unpacked.saturating_add(entry.size());
    }
    if unpacked > UNPACKED_MAX || unpacked / packed.max(1) > RATIO_MAX {
        return Err(Code::ZipBomb);
    }
    Ok(())
}

/// One part, counted by the bytes that really come out: sizes in the directory may lie.
fn unpack(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, budget: &mut u64) -> Result<Option<Vec<u8>>, Code> {
    let Ok(entry) = archive.by_name(name) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    entry.take(*budget + 1).read_to_end(&mut bytes).map_err(|_| Code::Unreadable)?;
    *budget = budget.checked_sub(bytes.len() as u64).ok_or(Code::ZipBomb)?;
    Ok(Some(bytes))
}

/// Relationship id → address, for the part's web and mail links.
fn links_of(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    part: &str,
    budget: &mut u64,
) -> Result<HashMap<String, String>, Code> {
    let mut links = HashMap::new();
    let name = part.replacen("word/", "word/_rels/", 1) + ".rels";
    let Some(xml) = unpack(archive, &name, budget)? else {
        return Ok(links);
    };
    let mut reader = Reader::from_reader(xml.as_slice());
    let mut buffer = Vec::new();
    while let Ok(event) = reader.read_event_into(&mut buffer) {
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                if let (Some(id), Some(target)) = (attribute(&tag, b"Id"), attribute(&tag, b"Target"))
                    && (target.starts_with("http") || target.starts_with("mailto:"))
                {
                    links.insert(id, target);
                }
            }
            Event::Eof => break,
            _ => {}
        }
        buffer.clear();
    }
    Ok(links)
}

fn attribute(tag: &BytesStart<'_>, local: &[u8]) -> Option<String> {
    tag.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == local).and_then(|attribute| {
        let raw = std::str::from_utf8(&attribute.value).ok()?;
        Some(quick_xml::escape::unescape(raw).ok()?.into_owned())
    })
}

/// A paragraph being read.
#[derive(Default)]
struct Paragraph {
    text: String,
    bullet: bool,
    heading: bool,
    /// Where the open link's text begins, and where it leads.
    link: Option<(usize, String)>,
}

/// A row being read: its finished cells' lines, the open one last.
type Row = Vec<Vec<String>>;

/// One XML part being turned into lines.
#[derive(Default)]
struct Part {
    lines: Vec<String>,
    paragraphs: Vec<Paragraph>,
    rows: Vec<Row>,
    /// Inside paragraph properties, where `tab` is a tab stop and not a tab.
    properties: usize,
    /// Inside the copy of a drawing kept for old programs.
    fallback: usize,
    in_text: bool,
}

impl Part {
    fn run(&mut self, xml: &[u8], links: &HashMap<String, String>) -> Result<(), Code> {
        let mut reader = Reader::from_reader(xml);
        reader.config_mut().check_end_names = true;
        let mut buffer = Vec::new();
        let mut depth = 0_usize;
        loop {
            match reader.read_event_into(&mut buffer).map_err(|_| Code::Unreadable)? {
                Event::Start(tag) => {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Err(Code::Unreadable);
                    }
                    self.open(&tag, links);
                }
                Event::Empty(tag) => {
                    self.open(&tag, links);
                    self.close(tag.local_name().as_ref());
                }
                Event::End(tag) => {
                    depth = depth.saturating_sub(1);
                    self.close(tag.local_name().as_ref());
                }
                Event::Text(text) if self.in_text => {
                    self.push(&text.decode().map_err(|_| Code::Unreadable)?);
                }
                Event::CData(text) if self.in_text => {
                    self.push(&String::from_utf8_lossy(&text));
                }
                Event::GeneralRef(reference) if self.in_text => {
                    let name = reference.decode().map_err(|_| Code::Unreadable)?;
                    match reference.resolve_char_ref() {
                        Ok(Some(char)) => self.push(char.encode_utf8(&mut [0; 4])),
                        _ => self.push(quick_xml::escape::resolve_xml_entity(&name).unwrap_or("")),
                    }
                }
                Event::Eof => break,
                _ => {}
            }
            buffer.clear();
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if self.fallback == 0
            && let Some(paragraph) = self.paragraphs.last_mut()
        {
            paragraph.text.push_str(text);
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>, links: &HashMap<String, String>) {
        match tag.local_name().as_ref() {
            b"Fallback" => self.fallback += 1,
            b"p" => self.paragraphs.push(Paragraph::default()),
            b"pPr" => self.properties += 1,
            b"t" => self.in_text = true,
            b"tab" if self.properties == 0 => self.push("\t"),
            b"br" | b"cr" => self.push("\n"),
            b"noBreakHyphen" => self.push("-"),
            b"tr" => self.rows.push(Row::new()),
            b"tc" => {
                if let Some(row) = self.rows.last_mut() {
                    row.push(Vec::new());
                }
            }
            b"numPr" => {
                if let Some(paragraph) = self.paragraphs.last_mut() {
                    paragraph.bullet = true;
                }
            }
            b"pStyle" => {
                let style = attribute(tag, b"val").unwrap_or_default();
                if let Some(paragraph) = self.paragraphs.last_mut() {
                    paragraph.bullet |= style.starts_with("ListBullet") || style.starts_with("ListNumber");
                    paragraph.heading |= style.starts_with("Heading") || style == "Title";
                }
            }
            b"hyperlink" => {
                let target = attribute(tag, b"id").and_then(|id| links.get(&id));
                if let (Some(paragraph), Some(target)) = (self.paragraphs.last_mut(), target) {
                    paragraph.link = Some((paragraph.text.len(), target.clone()));
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, local: &[u8]) {
        match local {
            b"Fallback" => self.fallback = self.fallback.saturating_sub(1),
            b"pPr" => self.properties = self.properties.saturating_sub(1),
            b"t" => self.in_text = false,
            b"p" => self.end_paragraph(),
            b"hyperlink" => {
                if let Some(paragraph) = self.paragraphs.last_mut()
                    && let Some((from, target)) = paragraph.link.take()
                {
                    spell_out(&mut paragraph.text, from, &target);
                }
            }
            b"tr" => self.end_row(),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else {
            return;
        };
        if self.fallback > 0 {
            return;
        }
        let bullet = if paragraph.bullet && !paragraph.text.trim().is_empty() { "• " } else { "" };
        let mut lines: Vec<String> =
            paragraph.text.split('\n').map(|line| format!("{bullet}{}", line.trim_end())).collect();
        if paragraph.heading {
            lines.insert(0, String::new());
        }
        self.emit(lines);
    }

    fn end_row(&mut self) {
        let Some(row) = self.rows.pop() else { return };
        let mut cells: Vec<Vec<String>> = row
            .into_iter()
            .map(|cell| {
                let from = cell.iter().position(|line| !line.trim().is_empty());
                let to = cell.iter().rposition(|line| !line.trim().is_empty());
                match (from, to) {
                    (Some(from), Some(to)) => cell[from..=to].to_vec(),
                    _ => Vec::new(),
                }
            })
            .filter(|cell| !cell.is_empty())
            .collect();
        if cells.iter().all(|cell| cell.len() == 1) {
            let line: Vec<String> = cells.into_iter().flatten().collect();
            self.emit(vec![line.join("\t")]);
            return;
        }
        // Left cells that hold one line are a margin (a date, a heading) beside the cell they belong to.
        let margin = cells.len() == 2 && cells[0].len() == 1;
        for cell in &mut cells {
            if !margin {
                cell.insert(0, String::new());
            }
        }
        self.emit(cells.into_iter().flatten().collect());
    }

    /// Gives lines to the cell being read, or to the part. A paragraph inside a paragraph is a text
    /// box: its lines stand before those of the paragraph it is anchored to.
    fn emit(&mut self, lines: Vec<String>) {
        match self.rows.last_mut().and_then(|row| row.last_mut()) {
            Some(cell) => cell.extend(lines),
            None => self.lines.extend(lines),
        }
    }
}

/// Adds a link's address to its text, unless the text already is the address.
fn spell_out(text: &mut String, from: usize, target: &str) {
    let shown = text[from..].to_lowercase();
    let target = target.trim_start_matches("mailto:");
    let bare = target
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_start_matches("www.")
        .trim_end_matches('/');
    if !bare.is_empty() && !shown.contains(&bare.to_lowercase()) {
        text.push_str(&format!(" ({target})"));
    }
}
