//! A coordinator killed under many agents, in figures: AGENTS=1000 storm.

#![expect(clippy::print_stdout, reason = "figures are this program's result")]

use clap::Parser;
use system_tests::storm::{Storm, run_hosts};

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, env = "AGENTS", default_value_t = 1_000)]
    agents: usize,
    /// Only runs the agents of this list: what the program starts beside itself.
    #[arg(long, value_name = "FILE")]
    hosts: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Arguments { agents, hosts } = Arguments::parse();
    if let Some(hosts) = hosts {
        return run_hosts(&hosts).await;
    }
    // Told to stop, it takes what it started with it.
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        measured = measure(agents) => measured,
        _ = terminate.recv() => anyhow::bail!("told to stop"),
    }
}

async fn measure(agents: usize) -> anyhow::Result<()> {
    let mut storm = Storm::start(agents).await?;
    let figures = storm.kill().await?;
    let ms = |part| figures.request(part).as_secs_f64() * 1e3;
    println!("kill -9 of the coordinator to its serving people again: {:.1} s", figures.serving.as_secs_f64());
    let back = |part| figures.back(part).as_secs_f64();
    println!(
        "{} agents back after that: p50 {:.1} s, p99 {:.1} s (limit 5 of 1,000), all {:.1} s (limit 30 of 10,000)",
        figures.agents,
        back(0.5),
        back(0.99),
        back(1.0)
    );
    println!("its CPU time from start to then: {:.1} s", figures.cpu_seconds);
    println!(
        "requests meanwhile: {} of p50 {:.1} ms, p99 {:.1} ms (limit 50)",
        figures.requests.len(),
        ms(0.5),
        ms(0.99)
    );
    let answer = figures.answers.last().copied().unwrap_or_default();
    println!(
        "approvals meanwhile: {}, the slowest taken after {:.0} ms",
        figures.answers.len(),
        answer.as_secs_f64() * 1e3
    );
    println!("held browsers lost: {} (limit 0)", figures.lost);
    println!("cores with all of them at rest: {:.2} (limit 0.6 of 10,000)", figures.cores);
    println!("memory for each agent, actors included: {:.0} KB (limit 85)", figures.kb_per_agent);
    Ok(())
}
