//! `valet coordinator`: one of the nodes that decide.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ::coordinator::pki::{Authority, EndpointSecrets};
use anyhow::Context as _;
use links::{Links, Peer};
use protocol::ids::NodeId;
use serde::Serialize;
use store::bus::Bus;
use tokio::sync::watch;
use tracing::info;

use super::{frames, identity};
use crate::config::Config;
use crate::datadir::{self, DataDir};
use crate::keys::Keys;
use crate::{log, stop};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where this node keeps who it is. Each node has its own.
    #[arg(long, value_name = "DIR", env = "VALET_DATA", default_value = ".valet")]
    data_dir: PathBuf,
    /// The fleet's keys, made once with `valet admin keys`; the same for every coordinator.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// Where agents connect (UDP).
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8443")]
    quic: SocketAddr,
    /// Where other coordinators and gateways link (UDP).
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8444")]
    links: SocketAddr,
    /// How they reach it, when that is not the address above.
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Further names agents may know this coordinator by.
    #[arg(long, value_name = "NAME")]
    server_name: Vec<String>,
    /// Write one JSON object {node,quic,links} here once everything serves.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Ready {
    node: NodeId,
    quic: String,
    links: String,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    log::init();
    let stop = stop::signal()?;
    let data = DataDir::open(&args.data_dir)?;
    let config = Config::load(data.root())?;
    let ec2 = config.ec2()?;
    let keys = Keys::read(&args.keys, &config)?;
    let store = super::store(&config).await?;
    let files = super::files(&config, &data)?;
    let bus = Bus::connect(config.redis_url.get()).context("REDIS_URL is not valid")?;
    if config.redis_url.get().is_none() {
        tracing::warn!("REDIS_URL is not set: screens are updated from the database, with a delay of seconds");
    }
    let node = data.node()?;
    let authority = Arc::new(Authority::from_pem(&keys.authority).context("the agents' authority cannot be read")?);
    let secrets = EndpointSecrets::derive(&keys.quic).context("the QUIC secret is too short")?;
    let identity = identity::make(&authority, &secrets, &format!("coordinator/{node}"))?;

    // The links come first: their address is what this node is known by.
    let (peers, known) = watch::channel(Vec::new());
    let links = Links::start(links::Config {
        identity,
        listen: Some(args.links),
        endpoint: secrets.endpoint_config(),
        peers: known,
        beside: Some(frames::serve(bus.clone())),
    })
    .await
    .with_context(|| format!("no links can be made (--links {})", args.links))?;
    let address = args.advertise.clone().unwrap_or_else(|| links.address().to_string());
    let mut coordinator = ::coordinator::start(::coordinator::Config {
        node,
        address,
        store: store.direct(),
        files,
        bus,
        settings: ::coordinator::Settings {
            allowed_private_hosts: config.allowed_private_hosts(),
            resume_child: std::env::current_exe().context("this program's own path is not known")?,
            ec2,
        },
        quic: args.quic,
        authority,
        secrets,
        server_names: args.server_name.clone(),
    })
    .await
    .with_context(|| format!("the coordinator cannot start (--quic {})", args.quic))?;
    let following = tokio::spawn(follow(coordinator.nodes(), node, peers));
    let ready = Ready { node, quic: coordinator.quic().to_string(), links: links.address().to_string() };
    if let Some(file) = &args.ready_file {
        datadir::write_secret(file, &serde_json::to_vec(&ready)?)?;
    }
    info!(quic = ready.quic, links = ready.links, "coordinator {node} serves");

    let failure = tokio::select! {
        () = stop.cancelled() => None,
        () = coordinator.ended() => Some("the coordinator gave up; the log above says why"),
    };
    info!("stopping");
    coordinator.stop().await;
    following.abort();
    links.stop().await;
    store.close().await;
    if let Some(file) = &args.ready_file {
        let _ = std::fs::remove_file(file);
    }
    match failure {
        Some(why) => anyhow::bail!(why),
        None => Ok(()),
    }
}

/// Of two coordinators the one with the greater id dials.
async fn follow(mut nodes: watch::Receiver<Arc<::coordinator::View>>, me: NodeId, peers: watch::Sender<Vec<Peer>>) {
    loop {
        let view = Arc::clone(&nodes.borrow_and_update());
        let others = view.nodes.iter().filter(|node| node.id < me);
        let wanted = others.map(|node| Peer { name: node.id.to_string(), address: node.address.clone() }).collect();
        peers.send_if_modified(|known: &mut Vec<Peer>| {
            let changed = *known != wanted;
            *known = wanted;
            changed
        });
        if nodes.changed().await.is_err() {
            return;
        }
    }
}
