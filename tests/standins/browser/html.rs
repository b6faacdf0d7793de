//! Markup into a tree, and reading the tree. As much of HTML as pages that are written with care need.

/// Elements of one document; a page with more is cut there.
const ELEMENTS_MAX: usize = 20_000;
const VOID: [&str; 9] = ["meta", "link", "input", "br", "hr", "img", "source", "wbr", "area"];
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

pub struct Element {
    pub tag: String,
    attributes: Vec<(String, String)>,
    parent: usize,
    children: Vec<Child>,
}

enum Child {
    Element(usize),
    Text(String),
}

/// A parsed document. Element 0 is the document itself.
pub struct Tree {
    elements: Vec<Element>,
}

impl Tree {
    pub fn parse(text: &str) -> Self {
        let root = Element { tag: String::new(), attributes: Vec::new(), parent: 0, children: Vec::new() };
        let mut tree = Self { elements: vec![root] };
        let (mut at, mut rest) = (0, text);
        while let Some(open) = rest.find('<') {
            tree.text(at, &rest[..open]);
            rest = &rest[open..];
            if let Some(after) = rest.strip_prefix("<!--") {
                rest = after.find("-->").map_or("", |end| &after[end + 3..]);
                continue;
            }
            let Some(end) = tag_end(rest) else { break };
            let (inner, after) = (&rest[1..end], &rest[end + 1..]);
            rest = after;
            if let Some(name) = inner.strip_prefix('/') {
                at = tree.close(at, &name.trim().to_ascii_lowercase());
            } else if !inner.starts_with('!') && tree.elements.len() < ELEMENTS_MAX {
                let (tag, attributes) = open_tag(inner);
                let raw = RAW.contains(&tag.as_str());
                let inside = tree.add(at, tag.clone(), attributes);
                if raw {
                    let end = find_close(rest, &tag);
                    let content = &rest[..end];
                    if matches!(tag.as_str(), "script" | "style") {
                        tree.elements[inside].children.push(Child::Text(content.to_owned()));
                    } else {
                        tree.text(inside, content);
                    }
                    rest = rest[end..].find('>').map_or("", |close| &rest[end + close + 1..]);
                } else if !VOID.contains(&tag.as_str()) && !inner.ends_with('/') {
                    at = inside;
                }
            }
        }
        tree.text(at, rest);
        tree
    }

    fn add(&mut self, parent: usize, tag: String, attributes: Vec<(String, String)>) -> usize {
        let id = self.elements.len();
        self.elements.push(Element { tag, attributes, parent, children: Vec::new() });
        self.elements[parent].children.push(Child::Element(id));
        id
    }

    fn text(&mut self, at: usize, text: &str) {
        if !text.is_empty() {
            self.elements[at].children.push(Child::Text(decode(text)));
        }
    }

    /// The element that goes on after an end tag; one that closes nothing is left out.
    fn close(&self, at: usize, tag: &str) -> usize {
        let mut open = at;
        while open != 0 {
            if self.elements[open].tag == tag {
                return self.elements[open].parent;
            }
            open = self.elements[open].parent;
        }
        at
    }

    /// Every element, in the order of the document.
    pub fn all(&self) -> impl Iterator<Item = usize> + '_ {
        1..self.elements.len()
    }

    pub fn tag(&self, id: usize) -> &str {
        &self.elements[id].tag
    }

    pub fn attribute(&self, id: usize, name: &str) -> Option<&str> {
        self.elements[id].attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// An attribute's text, empty when it is not there.
    pub fn said(&self, id: usize, name: &str) -> &str {
        self.attribute(id, name).unwrap_or_default()
    }

    pub fn by_id(&self, wanted: &str) -> Option<usize> {
        self.all().find(|id| !wanted.is_empty() && self.said(*id, "id") == wanted)
    }

    pub fn first(&self, tag: &str) -> Option<usize> {
        self.all().find(|id| self.tag(*id) == tag)
    }

    /// The nearest element around `id` for which `is` holds.
    pub fn around(&self, id: usize, is: impl Fn(usize) -> bool) -> Option<usize> {
        let mut at = self.elements[id].parent;
        while at != 0 {
            if is(at) {
                return Some(at);
            }
            at = self.elements[at].parent;
        }
        None
    }

    pub fn is_inside(&self, id: usize, outer: usize) -> bool {
        self.around(id, |at| at == outer).is_some()
    }

    /// What a person reads in an element, spaces folded. Parts hidden from people and scripts do not count.
    pub fn reads(&self, id: usize) -> String {
        let mut out = String::new();
        self.collect(id, &mut out);
        squash(&out)
    }

    fn collect(&self, id: usize, out: &mut String) {
        for child in &self.elements[id].children {
            match child {
                Child::Text(text) => out.push_str(text),
                Child::Element(inner) => {
                    let hidden =
                        self.attribute(*inner, "hidden").is_some() || self.said(*inner, "aria-hidden") == "true";
                    if hidden || matches!(self.tag(*inner), "script" | "style" | "head" | "option" | "textarea") {
                        continue;
                    }
                    let block = !matches!(self.tag(*inner), "span" | "strong" | "em" | "b" | "i" | "a" | "label");
                    if block {
                        out.push(' ');
                    }
                    self.collect(*inner, out);
                    if block {
                        out.push(' ');
                    }
                }
            }
        }
    }

    /// The text right inside an element as it was written.
    pub fn content(&self, id: usize) -> String {
        let texts = self.elements[id].children.iter().filter_map(|child| match child {
            Child::Text(text) => Some(text.as_str()),
            Child::Element(_) => None,
        });
        texts.collect()
    }
}

pub fn squash(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a tag ends: the first `>` outside of quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    None
}

fn find_close(text: &str, tag: &str) -> usize {
    let lower = text.to_ascii_lowercase();
    lower.find(&format!("</{tag}")).unwrap_or(text.len())
}

fn open_tag(inner: &str) -> (String, Vec<(String, String)>) {
    let inner = inner.trim_end_matches('/');
    let (name, mut rest) = inner.split_once(|c: char| c.is_whitespace()).unwrap_or((inner, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let value = match rest.strip_prefix('=').map(str::trim_start) {
            None => "",
            Some(after) => {
                let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
                let (value, next) = match quote {
                    Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                    None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
                };
                rest = next;
                value
            }
        };
        if !key.is_empty() {
            attributes.push((key, decode(value)));
        }
    }
    (name.to_ascii_lowercase(), attributes)
}

/// Text with its character references replaced.
fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let named = rest.find(';').filter(|end| *end <= 10).and_then(|end| {
            let name = &rest[1..end];
            let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            });
            let found = match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                "nbsp" => Some(' '),
                _ => number.and_then(char::from_u32),
            };
            found.map(|c| (c, end))
        });
        match named {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_as_a_person_reads_it() {
        let tree = Tree::parse(
            "<!doctype html><html><head><title>A &amp; B</title><script>if (a < b) x('</p>');</script></head><body>\
             <p class=\"x\">One <strong>two</strong><span aria-hidden=true>*</span></p><input name='n' value=\"a>b\">\
             <textarea>\n<b>raw</b></textarea><div hidden>no</div></body></html>",
        );
        assert_eq!(tree.reads(0), "One two");
        assert_eq!(tree.content(tree.first("title").unwrap()), "A & B");
        let input = tree.first("input").unwrap();
        assert_eq!((tree.said(input, "name"), tree.said(input, "value")), ("n", "a>b"));
        assert_eq!(tree.content(tree.first("textarea").unwrap()), "\n<b>raw</b>");
        assert!(tree.is_inside(input, tree.first("body").unwrap()));
        assert!(!tree.is_inside(input, tree.first("p").unwrap()));
    }

    #[test]
    fn references_are_replaced_and_others_left() {
        assert_eq!(decode("&#171;a&#xbb; &lt;&nosuch; & b&"), "«a» <&nosuch; & b&");
    }
}
