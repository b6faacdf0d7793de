//! The form engine against real Chromium, on pages of its own served from loopback.
//! Without Chromium these tests fail and say so; nothing is skipped.

mod fill;
mod guard;
mod observe;
mod submit;
mod world;
