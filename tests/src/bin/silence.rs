//! How silences are told from pauses: many agents that stall for 8 s on a way that loses a fifth, and as many that are
//! silent for 12 s. A line for each.

#![expect(clippy::print_stdout, reason = "figures are this program's result")]

use clap::Parser;
use system_tests::silence::{SILENCE, STALL, Silences, run_hosts};

#[derive(Debug, Parser)]
struct Arguments {
    /// Agents, each with a job.
    #[arg(long, env = "AGENTS", default_value_t = 200)]
    agents: usize,
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// Only runs the agents of this list: what the program starts beside itself.
    #[arg(long, value_name = "FILE")]
    hosts: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Arguments { agents, seed, hosts } = Arguments::parse();
    if let Some(hosts) = hosts {
        return run_hosts(&hosts).await;
    }
    // Told to stop, it takes what it started with it.
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        measured = measure(agents, seed) => measured,
        _ = terminate.recv() => anyhow::bail!("told to stop"),
    }
}

async fn measure(agents: usize, seed: u64) -> anyhow::Result<()> {
    let silences = Silences::start(agents, seed).await?;
    let suspected = silences.suspected().await?;
    let p99 = suspected.get((suspected.len() * 99 / 100).min(suspected.len() - 1)).copied().unwrap_or_default();
    println!(
        "dead agents holding leases, suspected after: p99 {:.2} s of {} (limit 1.8)",
        p99.as_secs_f64(),
        suspected.len()
    );
    let stalls = silences.silent_for(STALL).await?;
    println!("stalls of {} s with 20 % loss: {} of {} lost", STALL.as_secs(), stalls.lost, stalls.leases);
    let silent = silences.silent_for(SILENCE).await?;
    println!("silences of {} s: {} of {} lost", SILENCE.as_secs(), silent.lost, silent.leases);
    Ok(())
}
