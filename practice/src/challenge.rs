//! An imitation of a human verification widget: a box to tick and a picture puzzle, in a frame.
//!
//! It protects nothing. The puzzle's shapes are drawn on a canvas, so that the page's text and
//! structure do not give the answer away: whoever passes it has looked.

use axum::Json;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::names::Load;
use crate::page::{self, Document};

const CSS: &str = include_str!("assets/challenge.css");
const JS: &str = include_str!("assets/challenge.js");
/// Tiles of the puzzle.
const TILES: u8 = 9;

/// The tiles a person picked, by their position.
#[derive(Debug, Deserialize)]
pub struct Picked {
    tiles: Vec<u8>,
}

/// `GET /challenge/<nonce>`: the widget of one load of a form.
pub async fn show(Path(nonce): Path<String>) -> Response {
    let Some(load) = Load::parse(&nonce) else {
        return page::not_found();
    };
    let shapes: Vec<u8> = (0..TILES).map(|tile| shape(&load, tile)).collect();
    let body = "<div class=\"«c-frame»\"><div class=\"«c-row»\"><span role=\"checkbox\" aria-checked=\"false\" tabindex=\"0\" \
        id=\"«i-box»\" aria-labelledby=\"«i-text»\" class=\"«c-tickbox»\"></span><span id=\"«i-text»\">I am human</span></div>\
        <div id=\"«i-puzzle»\" hidden><p>Select every picture with a triangle</p><div class=\"«c-grid»\" id=\"«i-grid»\"></div>\
        <button type=\"button\" id=\"«i-verify»\">Verify</button> <span id=\"«i-said»\" role=\"status\"></span></div></div>";
    let script = JS.replace("NONCE", &nonce).replace("SHAPES", &json!(shapes).to_string());
    Html(Document { title: "Human verification challenge", css: CSS, body, script: &script }.render(&load))
        .into_response()
}

/// `POST /challenge/<nonce>`: an attempt. Answers `{passed: token | null}`.
pub async fn attempt(Path(nonce): Path<String>, Json(picked): Json<Picked>) -> Response {
    let Some(load) = Load::parse(&nonce) else {
        return page::not_found();
    };
    let right = (0..TILES).all(|tile| picked.tiles.contains(&tile) == shape(&load, tile).is_multiple_of(3));
    Json(json!({ "passed": right.then(|| load.name("passed")) })).into_response()
}

/// Whether `token` is what the solved challenge of this load left in the form.
pub fn passed(load: &Load, token: Option<&str>) -> bool {
    token.is_some_and(|token| token == load.name("passed"))
}

/// What a tile shows: a multiple of three is a triangle. Every puzzle has at least one.
fn shape(load: &Load, tile: u8) -> u8 {
    let bytes = load.name(&format!("tile-{tile}")).into_bytes();
    let always = load.name("always").bytes().fold(0u8, u8::wrapping_add) % TILES;
    let shape = bytes.into_iter().fold(0u8, u8::wrapping_add) % 60;
    if tile == always { shape - shape % 3 } else { shape }
}
