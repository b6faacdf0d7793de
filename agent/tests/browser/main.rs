//! The browser layer against a real Chromium and a real proxy, on loopback sites of two origins.
//! Without Chromium these tests fail and say so; nothing is skipped.

#![expect(clippy::unwrap_used, reason = "a failed expectation is what a test is for")]

mod egress;
mod frames;
mod pages;
mod pool;
mod site;
