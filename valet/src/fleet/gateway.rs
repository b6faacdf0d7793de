//! `valet gateway`: one of the processes that people talk to. Links with every coordinator that lives.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use links::{Links, Peer};
use serde::Serialize;
use store::Store;
use store::bus::Bus;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{info, warn};

use super::identity;
use crate::config::Config;
use crate::datadir::{self, DataDir};
use crate::{keys, log, stop};

/// Between looks at which coordinators live.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For one look; meanwhile the links that are there stay.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where this gateway keeps its own things.
    #[arg(long, value_name = "DIR", env = "VALET_DATA", default_value = ".valet")]
    data_dir: PathBuf,
    /// Its identity for the links, made with `valet admin gateway`.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Where people and programs reach it.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8000")]
    http: SocketAddr,
    /// Write one JSON object {http} here once everything serves.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Ready {
    http: String,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    log::init();
    let stop = stop::signal()?;
    let data = DataDir::open(&args.data_dir)?;
    let config = Config::load(data.root())?;
    let secrets = keys::gateway_secrets(&config)?;
    let http = TcpListener::bind(args.http)
        .await
        .with_context(|| format!("{} cannot be listened on; choose another address with --http", args.http))?;
    let address = http.local_addr()?;
    let store = super::store(&config).await?;
    let files = super::files(&config, &data)?;
    let bus = Bus::connect(config.redis_url.get()).context("REDIS_URL is not valid")?;

    let (peers, known) = watch::channel(Vec::new());
    let links = Links::start(links::Config {
        identity: identity::read(&args.identity)?,
        listen: None,
        endpoint: Default::default(),
        peers: known,
    })
    .await
    .context("no links can be made")?;
    let following = tokio::spawn(follow(store.clone(), peers));

    let options = crate::up::gateway_options(&config, secrets, config.allowed_private_hosts());
    let app = gateway::App::new(store.clone(), files, bus, options);
    if let Some(file) = &args.ready_file {
        datadir::write_secret(file, &serde_json::to_vec(&Ready { http: format!("http://{address}") })?)?;
    }
    let served = gateway::serve(http, app, stop.clone()).await;
    info!("stopping");
    following.abort();
    links.stop().await;
    store.close().await;
    if let Some(file) = &args.ready_file {
        let _ = std::fs::remove_file(file);
    }
    served.context("the gateway ended")
}

/// Every coordinator that lives is linked with.
async fn follow(store: Store, peers: watch::Sender<Vec<Peer>>) {
    let mut failing = false;
    loop {
        let look = async {
            let mut tx = store.begin().await?;
            store::nodes::live(&mut tx).await
        };
        match tokio::time::timeout(LOOK_TIMEOUT, look).await {
            Ok(Ok(nodes)) => {
                failing = false;
                let wanted: Vec<Peer> =
                    nodes.into_iter().map(|node| Peer { name: node.id.to_string(), address: node.address }).collect();
                peers.send_if_modified(|known: &mut Vec<Peer>| {
                    // None that lives: rather those known before than nobody.
                    let changed = !wanted.is_empty() && *known != wanted;
                    if changed {
                        *known = wanted;
                    }
                    changed
                });
            }
            Ok(Err(_)) | Err(_) if !std::mem::replace(&mut failing, true) => {
                warn!("which coordinators live cannot be read; the links that are there stay");
            }
            Ok(Err(_)) | Err(_) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
