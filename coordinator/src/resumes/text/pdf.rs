//! PDF: glyphs with their places, page by page, for [`super::layout`] to read in order.
//!
//! `pdf-extract` panics on many odd files; a page that makes it panic is read by `lopdf`'s simpler
//! extraction instead, without places.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lopdf::{Dictionary, Document, Object};
use pdf_extract::{ColorSpace, MediaBox, OutputDev, OutputError, Path, PathOp, Transform, output_doc_page};

use super::layout::{self, Glyph, Link};
use super::{Code, TEXT_MAX};

/// Pages read; the rest is left out. A long academic resume has thirty.
const PAGES_MAX: usize = 50;

/// Glyphs kept: text is cut at [`TEXT_MAX`] anyway.
const GLYPHS_MAX: usize = TEXT_MAX;

/// Diameters of drawn bullets, points.
const DOT_SIZES: std::ops::Range<f64> = 1.2..7.0;
/// A circle is four to sixteen curves, a square five lines; an icon is many more.
const DOT_OPS_MAX: usize = 20;
/// Dots looked at on a page.
const DOTS_MAX: usize = 500;
/// How far a bullet's text may begin from it, points.
const BULLET_REACH: f64 = 30.0;
/// Character codes a font's width table may cover: two bytes' worth.
const CODES_MAX: i64 = 65_536;

/// The text in reading order.
pub(super) fn text(bytes: &[u8]) -> Result<String, Code> {
    let mut document = match Document::load_mem(bytes) {
        Ok(document) => document,
        Err(lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_)) => {
            return Err(Code::Encrypted);
        }
        Err(_) => return Err(Code::Unreadable),
    };
    // Many files are encrypted with no password to open them, only to restrict printing.
    // The library only counts a dictionary that stands on its own; in the trailer itself it is as good.
    if document.trailer.get(b"Encrypt").is_ok() && document.decrypt("").is_err() {
        return Err(Code::Encrypted);
    }
    spell_out_widths(&mut document);
    let pages = document.get_pages();
    if pages.is_empty() {
        return Err(Code::Unreadable);
    }
    let mut glyphs = Glyphs::default();
    let mut links = Vec::new();
    let mut unplaced = String::new();
    let mut failures = 0;
    for (&number, &id) in pages.iter().take(PAGES_MAX) {
        let kept = glyphs.kept.len();
        let read = catch_unwind(AssertUnwindSafe(|| output_doc_page(&document, &mut glyphs, number)));
        if !matches!(read, Ok(Ok(()))) {
            glyphs.kept.truncate(kept);
            glyphs.end_page_at();
            match catch_unwind(AssertUnwindSafe(|| document.extract_text(&[number]))) {
                Ok(Ok(text)) => unplaced.push_str(&text),
                _ => failures += 1,
            }
        }
        if number == 1 {
            links = links_of(&document, id, glyphs.top);
        }
    }
    let mut text = layout::read(glyphs.kept, &links);
    text.push_str(&unplaced);
    if !text.chars().any(char::is_alphanumeric) {
        return Err(if failures == pages.len().min(PAGES_MAX) { Code::Unreadable } else { Code::NoText });
    }
    Ok(text)
}

/// Rewrites width tables' ranges (`first last width`) as lists (`first [width …]`): `pdf-extract` 0.12
/// reads ranges as zero width, which tears words apart.
fn spell_out_widths(document: &mut Document) {
    let spelt: Vec<(lopdf::ObjectId, Vec<Object>)> = document
        .objects
        .iter()
        .filter_map(|(&id, object)| {
            let font: &Dictionary = object.as_dict().ok()?;
            let (_, table) = document.dereference(font.get(b"W").ok()?).ok()?;
            Some((id, spelt_out(document, table.as_array().ok()?)?))
        })
        .collect();
    for (id, table) in spelt {
        if let Ok(font) = document.get_object_mut(id).and_then(Object::as_dict_mut) {
            font.set("W", Object::Array(table));
        }
    }
}

/// `None` when the table is no width table.
fn spelt_out(document: &Document, table: &[Object]) -> Option<Vec<Object>> {
    let mut out = Vec::new();
    let mut codes = 0;
    let mut rest = table;
    while let [first, second, after @ ..] = rest {
        let from = first.as_i64().ok()?;
        let (_, second) = document.dereference(second).ok()?;
        if let Ok(widths) = second.as_array() {
            out.extend([Object::Integer(from), Object::Array(widths.clone())]);
            rest = after;
            continue;
        }
        let (to, [width, after @ ..]) = (second.as_i64().ok()?, after) else {
            return None;
        };
        let count = (to - from + 1).max(0);
        codes += count;
        if codes > CODES_MAX {
            return None;
        }
        out.extend([Object::Integer(from), Object::Array(vec![width.clone(); usize::try_from(count).ok()?])]);
        rest = after;
    }
    Some(out)
}

/// Collects glyphs on one tall page: each page's `y` continues where the last one ended, so that a
/// column that runs over several pages is one column.
#[derive(Default)]
struct Glyphs {
    kept: Vec<Glyph>,
    /// Glyphs of this page by place: bold is often faked by drawing twice.
    drawn: HashSet<(String, i64, i64)>,
    page: u32,
    /// Upper edge of the page in its own coordinates, which grow upwards.
    top: f64,
    height: f64,
    above: f64,
    /// Centres and diameters of the dots drawn on this page.
    dots: Vec<(f64, f64, f64)>,
    /// Where this page's glyphs begin.
    first: usize,
}

impl Glyphs {
    fn end_page_at(&mut self) {
        self.place_dots();
        self.first = self.kept.len();
        self.above += self.height;
        self.height = 0.0;
        self.drawn.clear();
    }
}

impl Glyphs {
    /// Browsers draw list bullets as shapes; each becomes a glyph of the line it stands before.
    fn place_dots(&mut self) {
        for (x, y, diameter) in std::mem::take(&mut self.dots) {
            let beside = |glyph: &&Glyph| {
                let away = glyph.x - x;
                away > 0.0
                    && away < BULLET_REACH
                    && glyph.y > y
                    && glyph.y - y < 0.6 * glyph.size
                    && diameter < 0.7 * glyph.size
            };
            let line = self.kept[self.first..].iter().filter(beside).min_by(|a, b| a.x.total_cmp(&b.x));
            if let Some(line) = line {
                let bullet = Glyph { text: "•".to_owned(), x: x - diameter / 2.0, width: diameter, ..line.clone() };
                self.kept.push(bullet);
            }
        }
    }
}

impl OutputDev for Glyphs {
    fn begin_page(
        &mut self,
        number: u32,
        media: &MediaBox,
        _art: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        self.page = number;
        self.top = media.ury;
        self.height = (media.ury - media.lly).abs();
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        self.end_page_at();
        Ok(())
    }

    fn output_character(
        &mut self,
        matrix: &Transform,
        width: f64,
        _spacing: f64,
        font_size: f64,
        char: &str,
    ) -> Result<(), OutputError> {
        let scale = (matrix.m11.hypot(matrix.m12), matrix.m21.hypot(matrix.m22));
        let (x, y) = (matrix.m31, self.top - matrix.m32);
        let size = (font_size * scale.1).abs();
        let upright = matrix.m11.abs() >= matrix.m12.abs();
        let finite = x.is_finite() && y.is_finite() && size.is_finite() && width.is_finite();
        if !upright || !finite || self.kept.len() >= GLYPHS_MAX || char.is_empty() {
            return Ok(());
        }
        #[expect(clippy::cast_possible_truncation, reason = "a place on a page, rounded to a point")]
        let place = (char.to_owned(), x.round() as i64, y.round() as i64);
        if !char.trim().is_empty() && !self.drawn.insert(place) {
            return Ok(());
        }
        self.kept.push(Glyph {
            text: char.to_owned(),
            x,
            y: self.above + y,
            width: (width * font_size * scale.0).abs(),
            size,
            page: self.page,
        });
        Ok(())
    }

    fn fill(&mut self, ctm: &Transform, _space: &ColorSpace, _color: &[f64], path: &Path) -> Result<(), OutputError> {
        let mut points = Vec::new();
        for op in path.ops.iter().take(DOT_OPS_MAX + 1) {
            match *op {
                PathOp::MoveTo(x, y) | PathOp::LineTo(x, y) | PathOp::CurveTo(.., x, y) => points.push((x, y)),
                PathOp::Rect(x, y, width, height) => points.extend([(x, y), (x + width, y + height)]),
                PathOp::Close => {}
            }
        }
        if points.is_empty() || path.ops.len() > DOT_OPS_MAX || self.dots.len() >= DOTS_MAX {
            return Ok(());
        }
        let placed =
            points.into_iter().map(|(x, y)| (x * ctm.m11 + y * ctm.m21 + ctm.m31, x * ctm.m12 + y * ctm.m22 + ctm.m32));
        let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
        for (x, y) in placed {
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x), high.1.max(y));
        }
        let (width, height) = (high.0 - low.0, high.1 - low.1);
        if DOT_SIZES.contains(&width) && (width - height).abs() < 0.2 * width {
            let centre = (f64::midpoint(low.0, high.0), self.above + self.top - f64::midpoint(low.1, high.1));
            self.dots.push((centre.0, centre.1, width));
        }
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

/// The first page's links: contact lines often show only "LinkedIn".
fn links_of(document: &Document, page: lopdf::ObjectId, top: f64) -> Vec<Link> {
    let number = |object: &Object| object.as_float().ok().map(f64::from);
    let Ok(annotations) = document.get_page_annotations(page) else {
        return Vec::new();
    };
    annotations
        .into_iter()
        .filter_map(|annotation| {
            let (_, action) = document.dereference(annotation.get(b"A").ok()?).ok()?;
            let (_, uri) = document.dereference(action.as_dict().ok()?.get(b"URI").ok()?).ok()?;
            let target = String::from_utf8_lossy(uri.as_str().ok()?).into_owned();
            let (_, rect) = document.dereference(annotation.get(b"Rect").ok()?).ok()?;
            let rect: Vec<f64> = rect.as_array().ok()?.iter().filter_map(number).collect();
            let [x0, y0, x1, y1] = rect[..] else {
                return None;
            };
            let web = target.starts_with("http://") || target.starts_with("https://");
            (web || target.starts_with("mailto:")).then(|| Link {
                target,
                x: (x0.min(x1), x0.max(x1)),
                y: (top - y0.max(y1), top - y0.min(y1)),
            })
        })
        .collect()
}
