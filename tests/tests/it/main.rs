//! The whole system, as its users meet it. Each test has a system of its own.

mod adoption;
mod bad_input;
mod chaos;
mod cli;
mod clocks;
mod drain;
mod faults;
mod identity;
mod instances;
mod kills;
mod main_job;
mod outages;
mod own_words;
mod rolling;
mod silence;
mod standin;
