//! The chaos test by hand: `make chaos KILLS=200 SEED=1`. Its last line says how it ended; the exit code is 1 when
//! anything was lost, sent twice, leaked or left behind, and 2 when only too few tasks were completed, or more people
//! were asked how it ended than the kills account for. `TALLY=FILE` adds up over several runs what was hit.

#![expect(clippy::print_stdout, reason = "the verdict is this program's result")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use system_tests::chaos::{Options, Trial, run, tally};

/// Runs a fleet under kills, stops and cuts, and checks that nothing was lost and nothing was sent twice.
#[derive(Debug, Parser)]
struct Arguments {
    /// Decides what is struck, how and when.
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// Processes to kill.
    #[arg(long, env = "KILLS", default_value_t = 200)]
    kills: u32,
    #[arg(long, env = "TASKS", default_value_t = 300)]
    tasks: usize,
    #[arg(long, env = "USERS", default_value_t = 20)]
    users: usize,
    /// Agents with stand-in browsers.
    #[arg(long, env = "STANDINS", default_value_t = 3)]
    standins: usize,
    /// Agents with Chromium.
    #[arg(long, env = "CHROMIUMS", default_value_t = 1)]
    chromium: usize,
    /// Coordinators of their own; 0 runs `valet up`.
    #[arg(long, env = "COORDINATORS", default_value_t = 2)]
    coordinators: usize,
    #[arg(long, env = "GATEWAYS", default_value_t = 2)]
    gateways: usize,
    /// Gateways reach Postgres through PgBouncer.
    #[arg(long)]
    pooler: bool,
    /// Seconds after the last strike until everything must rest.
    #[arg(long, env = "REST", default_value_t = 240)]
    rest: u64,
    /// Adds how often each kind of process was killed in each phase to this file.
    #[arg(long, env = "TALLY", value_name = "FILE")]
    tally: Option<PathBuf>,
    /// Keep the folder with the logs.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,sqlx=error".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    // Every TLS end in this program uses the one provider that is linked in.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let asked = Arguments::parse();
    let options = Options {
        seed: asked.seed,
        trial: Trial::Strikes,
        kills: asked.kills,
        tasks: asked.tasks,
        users: asked.users.clamp(1, asked.tasks.max(1)),
        standins: asked.standins,
        chromium: asked.chromium,
        coordinators: asked.coordinators,
        gateways: asked.gateways,
        pooler: asked.pooler,
        rest: Duration::from_secs(asked.rest),
        keep: asked.keep,
    };
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let verdict = tokio::select! {
        verdict = run(options) => verdict?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped by hand"),
        _ = terminate.recv() => anyhow::bail!("told to stop"),
    };
    for detail in &verdict.details {
        eprintln!("{detail}");
    }
    if let Some(file) = asked.tally.filter(|file| !file.as_os_str().is_empty()) {
        let sums = tally::add(&file, &verdict.hits).with_context(|| format!("{} cannot be used", file.display()))?;
        for line in tally::lines(&sums) {
            eprintln!("over all runs: {line}");
        }
        if let Some((kind, phase, count)) = tally::least(&sums) {
            eprintln!("over all runs: hit least was {kind} in {phase}: {count} times");
        }
    }
    println!("{verdict}");
    Ok(match (verdict.sound(), verdict.enough() && verdict.accounted()) {
        (false, _) => ExitCode::from(1),
        (true, false) => ExitCode::from(2),
        (true, true) => ExitCode::SUCCESS,
    })
}
