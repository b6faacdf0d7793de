//! The `valet` program: `up` runs everything on one machine; `apply` is the main job from a terminal.

mod client;
mod config;
mod datadir;
mod enrol;
mod fleet;
mod keys;
mod log;
mod stop;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Valet fills and sends job applications: you review, it submits, once.
#[derive(Debug, Parser)]
#[command(name = "valet", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine: database, coordinator, gateway, one browser agent and the practice employer.
    Up(up::Args),
    /// Run one of the coordinators of a fleet, over DATABASE_URL and REDIS_URL.
    Coordinator(fleet::coordinator::Args),
    /// Run one of the gateways of a fleet.
    Gateway(fleet::gateway::Args),
    /// Make keys, identities and enrolment tokens.
    Admin(fleet::admin::Args),
    /// Apply the database migrations to DATABASE_URL.
    Migrate(up::migrate::Args),
    /// Print every setting with its meaning and default.
    Config,
    /// Sign in to a server and keep the session for `valet apply`.
    Login(client::login::Args),
    /// Apply to a job.
    Apply(client::apply::Args),
}

/// Where things are kept when nothing else is said.
pub fn default_data_dir() -> PathBuf {
    PathBuf::from(".valet")
}

fn main() -> ExitCode {
    // The coordinator starts this very program to read one resume, with its rights taken away: that must come before
    // any thread, and its arguments are none of a person's.
    if std::env::args().nth(1).is_some_and(|word| word == "resume-child") {
        coordinator::resumes::child_main();
    }
    let cli = Cli::parse();
    // Every TLS and QUIC end in this program uses the one provider that is linked in.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            log::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match command {
            Command::Up(args) => up::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Coordinator(args) => fleet::coordinator::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Gateway(args) => fleet::gateway::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Admin(args) => fleet::admin::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Migrate(args) => up::migrate::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Config => {
                log::print(config::DEFAULT);
                Ok(ExitCode::SUCCESS)
            }
            Command::Login(args) => client::login::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Apply(args) => client::apply::run(args).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}
