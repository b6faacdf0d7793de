//! The form engine against real Chromium, on pages of its own served from loopback.
//! Without Chromium these tests fail and say so; nothing is skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; the lint spares only functions marked as tests")]

mod adopt;
mod fill;
mod guard;
mod https;
mod observe;
mod states;
mod styles;
mod submit;
mod world;
