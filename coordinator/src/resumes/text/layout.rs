//! Glyphs with places → text in reading order. Pure.
//!
//! Glyphs make segments (no wide gap inside), segments make lines. Where two sets of segments stand
//! side by side with a clear gutter between them and read as columns of their own, each is read to its
//! end before the next; otherwise a row is a line, its segments divided by tabs (a title and its
//! dates at the right margin, a table).

use std::collections::HashMap;

use crate::resumes::parse::is_heading;

/// A gap wider than this many ems within a row divides segments.
const SEGMENT_GAP: f64 = 1.4;
/// A gap wider than this many ems divides a heading from what follows it in the row.
const MARGIN_GAP: f64 = 0.6;
/// A gap wider than this many ems is a space, even if the file draws none.
const SPACE_GAP: f64 = 0.17;
/// Baselines closer than this many ems are one row.
const ROW_SLACK: f64 = 0.3;
/// A row further down than this many usual row distances starts a new block.
const BLOCK_GAP: f64 = 1.4;
/// Narrowest gutter between columns, points.
const GUTTER_MIN: f64 = 7.0;
/// How far a column's lines may be indented, points.
const INDENT_MAX: f64 = 45.0;
/// Fewest rows a column has.
const COLUMN_ROWS_MIN: usize = 3;
/// Candidate gutters tried per region; left edges of real columns are among the most frequent ones.
const GUTTERS_MAX: usize = 40;
/// Columns within columns within columns.
const DEPTH_MAX: usize = 6;

/// One drawn character (or ligature), `y` growing downwards. Points.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    pub text: String,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub size: f64,
    pub page: u32,
}

/// A clickable rectangle of the first page.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub target: String,
    pub x: (f64, f64),
    pub y: (f64, f64),
}

#[derive(Debug, Clone)]
struct Segment {
    text: String,
    x0: f64,
    x1: f64,
    y: f64,
    size: f64,
    page: u32,
}

/// The text of a document.
pub(super) fn read(glyphs: Vec<Glyph>, links: &[Link]) -> String {
    let mut segments = segments(glyphs);
    spell_out(&mut segments, links);
    let mut text = String::new();
    read_region(segments, 0, &mut text);
    text
}

// === Segments ===

fn segments(mut glyphs: Vec<Glyph>) -> Vec<Segment> {
    glyphs.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut segments = Vec::new();
    let mut row: Vec<Glyph> = Vec::new();
    for glyph in glyphs {
        let same = row.first().is_some_and(|first| {
            let slack = ROW_SLACK * first.size.max(glyph.size).max(1.0);
            first.page == glyph.page && glyph.y - first.y <= slack
        });
        if !same {
            row_segments(std::mem::take(&mut row), &mut segments);
        }
        row.push(glyph);
    }
    row_segments(row, &mut segments);
    segments
}

fn row_segments(mut row: Vec<Glyph>, out: &mut Vec<Segment>) {
    row.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut run: Vec<(Glyph, bool)> = Vec::new(); // with "a space stands before it"
    let mut space = false;
    for glyph in row {
        if glyph.text.trim().is_empty() {
            space = true;
            continue;
        }
        let gap = run.last().map_or(0.0, |(last, _)| glyph.x - (last.x + last.width));
        let em = run.last().map_or(glyph.size, |(last, _)| last.size.max(1.0));
        // A heading in the margin stands closer to its text.
        let margin = || gap > MARGIN_GAP * em && !tracked(&run) && is_heading(&spaced(&run));
        if gap > SEGMENT_GAP * em || margin() {
            finish(std::mem::take(&mut run), out);
            space = false;
        }
        let before = !run.is_empty() && (space || gap > SPACE_GAP * em);
        run.push((glyph, before));
        space = false;
    }
    finish(run, out);
}

fn finish(run: Vec<(Glyph, bool)>, out: &mut Vec<Segment>) {
    let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else {
        return;
    };
    let text = spaced(&run);
    out.push(Segment {
        x0: first.x,
        x1: last.x + last.width,
        y: first.y,
        size: run.iter().map(|(glyph, _)| glyph.size).fold(0.0, f64::max),
        page: first.page,
        text,
    });
}

/// The run's text. Letter-spaced words ("S K I L L S") are put together again: there, a word ends
/// where the gap is clearly wider than the usual one.
fn spaced(run: &[(Glyph, bool)]) -> String {
    let tracked = tracked(run);
    let mut gaps: Vec<f64> = run.windows(2).map(|pair| pair[1].0.x - (pair[0].0.x + pair[0].0.width)).collect();
    gaps.sort_by(f64::total_cmp);
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or_default();
    let mut text = String::new();
    for (index, (glyph, space)) in run.iter().enumerate() {
        let wide = || {
            let last = &run[index - 1].0;
            glyph.x - (last.x + last.width) > usual * 1.6
        };
        if *space && (!tracked || wide()) {
            text.push(' ');
        }
        text.push_str(&glyph.text);
    }
    text
}

/// Whether nearly every letter has a space before it.
fn tracked(run: &[(Glyph, bool)]) -> bool {
    let spaces = run.iter().filter(|(_, space)| *space).count();
    run.len() >= 4 && spaces * 10 >= (run.len() - 1) * 7
}

fn spell_out(segments: &mut [Segment], links: &[Link]) {
    for link in links {
        let bare = link
            .target
            .trim_start_matches("mailto:")
            .trim_start_matches("https://")
            .trim_start_matches("http://")
            .trim_start_matches("www.")
            .trim_end_matches('/')
            .to_lowercase();
        let middle = f64::midpoint(link.x.0, link.x.1);
        let under = |segment: &&mut Segment| {
            segment.page == 1
                && segment.x0 <= middle
                && middle <= segment.x1
                && link.y.0 <= segment.y
                && segment.y <= link.y.1 + 1.0
        };
        if let Some(segment) = segments.iter_mut().find(under)
            && !segment.text.to_lowercase().contains(&bare)
            && segment.y < CONTACT_DEPTH
        {
            let target = link.target.trim_start_matches("mailto:");
            segment.text.push_str(&format!(" ({target})"));
        }
    }
}

/// Links are spelt out in the upper part of the first page only, points: there they are contact
/// details, further down they decorate companies and projects.
const CONTACT_DEPTH: f64 = 300.0;

// === Reading order ===

fn read_region(segments: Vec<Segment>, depth: usize, text: &mut String) {
    let Some(split) = (depth < DEPTH_MAX).then(|| best_split(&segments)).flatten() else {
        write_rows(segments, text);
        return;
    };
    let (mut above, mut left, mut right, mut below) = (vec![], vec![], vec![], vec![]);
    for segment in segments {
        if segment.y < split.band.0 {
            above.push(segment);
        } else if segment.y > split.band.1 {
            below.push(segment);
        } else if segment.x0 < split.gutter - 1.0 {
            left.push(segment);
        } else {
            right.push(segment);
        }
    }
    // The column with the person's name, the largest text, comes first.
    let largest = |side: &[Segment]| side.iter().map(|segment| segment.size).fold(0.0, f64::max);
    let right_first = above.is_empty() && largest(&right) > largest(&left) * 1.2;
    let columns = if right_first { [right, left] } else { [left, right] };
    read_region(above, depth + 1, text);
    for column in columns {
        text.push('\n');
        read_region(column, depth + 1, text);
    }
    text.push('\n');
    read_region(below, depth + 1, text);
}

struct Split {
    /// Left edge of the right column.
    gutter: f64,
    /// First and last `y` of the rows that stand in columns.
    band: (f64, f64),
}

fn best_split(segments: &[Segment]) -> Option<Split> {
    let left = segments.iter().map(|s| s.x0).fold(f64::INFINITY, f64::min);
    let right = segments.iter().map(|s| s.x1).fold(0.0, f64::max);
    let mut edges: HashMap<i64, usize> = HashMap::new();
    for segment in segments {
        let inside = segment.x0 > left + 0.15 * (right - left) && segment.x0 < right - 0.08 * (right - left);
        if inside {
            #[expect(clippy::cast_possible_truncation, reason = "a place on a page, rounded to two points")]
            let edge = (segment.x0 / 2.0).floor() as i64;
            *edges.entry(edge).or_default() += 1;
        }
    }
    let mut edges: Vec<(i64, usize)> = edges.into_iter().collect();
    edges.sort_by_key(|&(edge, count)| (std::cmp::Reverse(count), edge));
    edges
        .into_iter()
        .take(GUTTERS_MAX)
        .flat_map(|(edge, _)| bands(segments, edge as f64 * 2.0))
        .max_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, split)| split)
}

/// The stretches in which nothing crosses the gutter and both sides read as columns, with their weight:
/// the characters on the lighter side.
fn bands(segments: &[Segment], gutter: f64) -> Vec<(usize, Split)> {
    let is_left = |s: &Segment| s.x0 < gutter - 1.0;
    let mut found = Vec::new();
    let mut stretch: Vec<&Segment> = Vec::new();
    let mut close = |stretch: &mut Vec<&Segment>| {
        let (left, right): (Vec<&Segment>, Vec<&Segment>) = stretch.drain(..).partition(|s| is_left(s));
        if columns(&left, &right) {
            let ys = || left.iter().chain(&right).map(|s| s.y);
            let band = (ys().fold(f64::INFINITY, f64::min), ys().fold(0.0, f64::max));
            let chars = |side: &[&Segment]| side.iter().map(|s| s.text.len()).sum::<usize>();
            found.push((chars(&left).min(chars(&right)), Split { gutter, band }));
        }
    };
    for row in segments.chunk_by(|a, b| a.page == b.page && (b.y - a.y).abs() <= ROW_SLACK * a.size.max(b.size)) {
        let crossed = row.iter().any(|s| is_left(s) && s.x1 > gutter - GUTTER_MIN);
        // Text at the right margin that goes with the row's left: a date, a place.
        let nearest = row.iter().filter(|s| !is_left(s)).map(|s| s.x0).fold(f64::INFINITY, f64::min);
        let tail = nearest.is_finite() && nearest > gutter + INDENT_MAX && row.iter().any(is_left);
        if crossed || tail {
            close(&mut stretch);
        } else {
            stretch.extend(row);
        }
    }
    close(&mut stretch);
    found
}

/// Whether two sides read as columns: each has headings of its own, or their rows do not pair up.
fn columns(left: &[&Segment], right: &[&Segment]) -> bool {
    let rows = |side: &[&Segment]| side.len();
    if rows(left) < COLUMN_ROWS_MIN || rows(right) < COLUMN_ROWS_MIN {
        return false;
    }
    let headed = |side: &[&Segment]| side.iter().any(|s| is_heading(&s.text));
    if headed(left) && headed(right) {
        return true;
    }
    let (few, many) = if left.len() < right.len() { (left, right) } else { (right, left) };
    let own: Vec<&&Segment> = few.iter().filter(|s| !is_heading(&s.text)).collect();
    let paired = own.iter().filter(|s| many.iter().any(|other| (other.y - s.y).abs() < 2.5)).count();
    let dates = own.iter().filter(|s| is_date(&s.text)).count();
    own.len() >= COLUMN_ROWS_MIN && paired * 2 < own.len() && dates * 2 < own.len()
}

/// Short and with a year: a margin note rather than a column's line.
fn is_date(text: &str) -> bool {
    text.len() < 30 && text.split(|c: char| !c.is_ascii_digit()).any(|number| number.len() == 4)
}

// === Rows ===

fn write_rows(mut segments: Vec<Segment>, text: &mut String) {
    segments.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut rows: Vec<Vec<Segment>> = Vec::new();
    for segment in segments {
        match rows.last_mut() {
            Some(row)
                if row[0].page == segment.page && segment.y - row[0].y <= ROW_SLACK * row[0].size.max(segment.size) =>
            {
                row.push(segment);
            }
            _ => rows.push(vec![segment]),
        }
    }
    let margin = rows.iter().flatten().map(|s| s.x0).fold(f64::INFINITY, f64::min);
    let mut distances: Vec<f64> = rows
        .windows(2)
        .filter(|pair| pair[0][0].page == pair[1][0].page)
        .map(|pair| pair[1][0].y - pair[0][0].y)
        .collect();
    distances.sort_by(f64::total_cmp);
    // The lower third, not the middle: short resumes have as many gaps as lines.
    let usual = distances.get(distances.len() / 3).copied().unwrap_or_default();
    let mut last: Option<(f64, u32)> = None;
    for mut row in rows {
        row.sort_by(|a, b| a.x0.total_cmp(&b.x0));
        let (y, page) = (row[0].y, row[0].page);
        if last.is_some_and(|(above, on)| on == page && y - above > usual * BLOCK_GAP) {
            text.push('\n');
        }
        last = Some((y, page));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count of characters, negative ones become 0"
        )]
        let indent = ((row[0].x0 - margin) / (0.5 * row[0].size.max(1.0))).round() as usize;
        text.extend(std::iter::repeat_n(' ', indent.min(8)));
        let mut row = row.into_iter();
        if let Some(first) = row.next() {
            text.push_str(&first.text);
            for (index, segment) in row.enumerate() {
                // A bullet and its text are one cell, however wide the gap.
                let bullet = index == 0 && first.text.chars().count() <= 2;
                text.push(if bullet { ' ' } else { '\t' });
                text.push_str(&segment.text);
            }
        }
        text.push('\n');
    }
}
