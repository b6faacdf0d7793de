//! The practice employer from outside: pages, applications, records, misbehaviour.

mod applications;
mod pages;
mod serving;
mod support;
