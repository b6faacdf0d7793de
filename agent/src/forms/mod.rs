//! The form engine: reads a page's form, fills it with real input events, and sends it once when told to.
//!
//! [`FormPage`] is one job's page; [`Engine`] hands pages out of a pool. The reading is done by a script of ours
//! ([`script`]) in an isolated world of every frame; what must look like a person to the page (clicks, text, files) goes
//! through the browser's input. The coordinator decides every value; nothing here knows a site, a form or a company.

mod combo;
mod engine;
mod fill;
mod model;
mod observe;
mod page;
mod place;
mod script;
mod search;
mod submit;
mod verify;

pub use engine::Engine;
pub use page::FormPage;
