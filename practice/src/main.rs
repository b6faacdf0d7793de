//! Runs the practice employer alone.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A site of realistic application forms to practise on.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8100")]
    addr: SocketAddr,
    /// Where to keep submissions; without it they are lost when the process ends.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.addr).await?;
    tracing::info!("practice employer at http://{}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    practice::serve(listener, practice::Options { data_dir: arguments.data_dir }, shutdown).await
}
