//! The web UI, embedded at build time. Paths it does not have are its own routes and get its page.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use crate::error::ApiError;

/// One file of the UI.
#[derive(Debug)]
pub struct Embedded {
    /// Path below the root, without a leading slash.
    pub name: &'static str,
    pub etag: &'static str,
    pub bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/ui_files.rs"));

const INDEX: &str = "index.html";
/// Where the UI's build puts files whose names carry a hash of their content.
const HASHED: &str = "assets/";

fn find(name: &str) -> Option<&'static Embedded> {
    FILES.binary_search_by(|file| file.name.cmp(name)).ok().map(|index| &FILES[index])
}

/// Answers everything outside the API.
pub fn serve(method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return ApiError::not_found("There is nothing here").into_response();
    }
    let name = uri.path().trim_start_matches('/');
    let found = find(name).filter(|_| !name.is_empty());
    // A missing asset is an error; any other path is a route of the UI.
    let file = match found {
        Some(file) => file,
        None if name.starts_with(HASHED) => return ApiError::not_found("There is nothing here").into_response(),
        None => match find(INDEX) {
            Some(page) => page,
            None => return ApiError::not_found("There is nothing here").into_response(),
        },
    };
    let caching = if file.name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let caching = [(CACHE_CONTROL, caching), (ETAG, file.etag)];
    if headers.get(IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == file.etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, content_type(file.name))], file.bytes).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_and_unknown_paths_get_it() {
        for path in ["/", "/tasks/123", "/index.html"] {
            let response = serve(&Method::GET, &path.parse().unwrap(), &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        }
        let missing = serve(&Method::GET, &"/assets/none.js".parse().unwrap(), &HeaderMap::new());
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn an_unchanged_page_is_not_sent_again() {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, axum::http::HeaderValue::from_static(find(INDEX).unwrap().etag));
        assert_eq!(serve(&Method::GET, &"/".parse().unwrap(), &headers).status(), StatusCode::NOT_MODIFIED);
    }
}
