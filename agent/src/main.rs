//! `valet-agent`: the program on a browser host.

mod browsers;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use valet_agent::browser;
use valet_agent::config::{Command, Config, LogFormat};
use valet_agent::session::{self, Agent};

/// The agent waits more than it works; a second thread keeps heartbeats on time while a photograph is hashed.
const WORKERS: usize = 2;

fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    log_to_stderr(config.log_format)?;
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider was installed first"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let done = runtime.block_on(run(config));
    // Whatever blocks the disk now has had its chance.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

async fn run(config: Config) -> anyhow::Result<()> {
    if let Some(address) = config.metrics {
        metrics_exporter_prometheus::PrometheusBuilder::new()
            .with_http_listener(address)
            .install()
            .with_context(|| format!("metrics cannot be served on {address}"))?;
    }
    let sweep = matches!(config.command, Some(Command::Sweep));
    let data_dir = config.data_dir.clone();
    let agent = match Agent::open(config) {
        // Without its ledger no agent goes on with what the last one left.
        Err(error @ session::Error::Ledger(_)) => {
            browser::sweep(&data_dir, &[]).await?;
            return Err(error.into());
        }
        opened => opened?,
    };
    if sweep {
        return browsers::clear(agent.ledger(), &agent.config().data_dir, None).await;
    }
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let browsers = browsers::start(&agent).await?;
    let done = agent.run(browsers.engine(), stop).await;
    browsers.stop().await;
    done?;
    tracing::info!("stopped");
    Ok(())
}

fn log_to_stderr(format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_env_var("VALET_LOG")
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env()
        .context("VALET_LOG is not a log filter")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// The first SIGTERM or SIGINT drains; a second one ends the process as it would without us.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(())
}
