//! What every page shares: escaping, the document around a body, notices.
//!
//! Bodies, styles and scripts are templates in which `«word»` stands for a random name; see `names`.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::names::Load;

/// Colours, type and controls of every page.
const BASE_CSS: &str = include_str!("assets/base.css");

/// `text` for use in markup and attributes, also where `«` would begin a name.
pub fn esc(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '«' => safe.push_str("&#171;"),
            '»' => safe.push_str("&#187;"),
            c => safe.push(c),
        }
    }
    safe
}

/// The parts of a page that differ.
pub struct Document<'a> {
    /// Plain text.
    pub title: &'a str,
    pub css: &'a str,
    pub body: &'a str,
    pub script: &'a str,
}

impl Document<'_> {
    /// The whole page with the names of `load`.
    pub fn render(&self, load: &Load) -> String {
        let Self { css, body, script, .. } = self;
        let title = esc(self.title);
        let script = if script.is_empty() { String::new() } else { format!("<script>\n{script}</script>\n") };
        load.expand(&format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n\
             <style>\n{BASE_CSS}{css}</style>\n</head>\n<body>\n{body}\n{script}</body>\n</html>\n"
        ))
    }
}

/// A short page that says one thing. `text` is plain.
pub fn notice(status: StatusCode, title: &str, text: &str) -> Response {
    let (heading, text) = (esc(title), esc(text));
    let body = format!(
        "<main class=\"«c-narrow»\"><h1>{heading}</h1><p>{text}</p><p><a href=\"/\">See all open jobs</a></p></main>"
    );
    let page = Document { title, css: "", body: &body, script: "" }.render(&Load::fresh());
    (status, Html(page)).into_response()
}

pub fn not_found() -> Response {
    notice(StatusCode::NOT_FOUND, "Page not found", "The page you are looking for does not exist or has moved.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_typed_is_never_markup_and_never_a_name() {
        assert_eq!(esc(r#"<b a="1">'&'"#), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;&#39;");
        let load = Load::fresh();
        assert_eq!(load.expand(&esc("«email»")), "&#171;email&#187;");
    }
}
