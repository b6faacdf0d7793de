//! `valet up`: everything on one machine, in one process tree.
//!
//! This process runs the coordinator, the gateway and the practice employer; the database and the browser agent are
//! children of it, each started again when it dies. Ctrl-C and SIGTERM stop all of it in the reverse order of the
//! start. What it keeps lies in the data directory: see [`crate::datadir`].

mod account;
mod agent;
pub mod migrate;
mod postgres;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use coordinator::pki::{Authority, EndpointSecrets};
use serde::Serialize;
use store::Store;
use store::bus::Bus;
use store::files::Files;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Config;
use crate::datadir::{self, DataDir};
use crate::keys::Keys;
use crate::{log, stop};

/// Connections to the database: the journal needs one, readers a few each; the private server allows 60.
const CONNECTIONS_MAX: u32 = 24;
/// How long the gateway may take to finish what it is answering.
const GATEWAY_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", env = "VALET_DATA", default_value = ".valet")]
    data_dir: PathBuf,
    /// Where people and programs reach the gateway.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8000")]
    http: SocketAddr,
    /// Where agents connect (UDP).
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8443")]
    quic: SocketAddr,
    /// Where the practice employer is.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8100")]
    practice: SocketAddr,
    /// Do not start a browser agent.
    #[arg(long)]
    no_agent: bool,
    /// Write one JSON object {http,quic,practice,email,password} here once everything serves.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Ready<'a> {
    http: String,
    quic: String,
    practice: String,
    email: &'a str,
    password: &'a str,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    log::init();
    let stop = stop::signal()?;
    let data = DataDir::open(&args.data_dir)?;
    let config = Config::load(data.root())?;
    let ec2 = config.ec2()?;

    // Addresses first: a taken port should be said before anything is started.
    let http = bind(args.http, "--http").await?;
    let practice = bind(args.practice, "--practice").await?;
    let (http_addr, practice_addr) = (http.local_addr()?, practice.local_addr()?);

    let (database, database_url) = match config.database_url.get() {
        Some(url) => (None, url.to_owned()),
        None => {
            let database = postgres::Postgres::start(&data).await?;
            let url = database.url();
            (Some(database), url)
        }
    };
    let store = Store::connect(&database_url, config.direct_database_url.get(), CONNECTIONS_MAX)?;
    let result = serve(
        &args,
        &data,
        &config,
        Parts { store: store.clone(), ec2, http, practice, database: &database, stop },
        http_addr,
        practice_addr,
    )
    .await;
    store.close().await;
    if let Some(database) = database {
        database.stop().await;
    }
    if let Some(file) = &args.ready_file {
        let _ = std::fs::remove_file(file);
    }
    result
}

struct Parts<'a> {
    store: Store,
    ec2: Option<coordinator::ec2::Trust>,
    http: TcpListener,
    practice: TcpListener,
    database: &'a Option<postgres::Postgres>,
    stop: CancellationToken,
}

async fn serve(
    args: &Args,
    data: &DataDir,
    config: &Config,
    parts: Parts<'_>,
    http_addr: SocketAddr,
    practice_addr: SocketAddr,
) -> anyhow::Result<()> {
    let Parts { store, ec2, http, practice, database, stop } = parts;
    migrate::apply(&store, database.is_some()).await?;
    let keys = Keys::load(data, config)?;
    let account = account::first(&store, data).await?;
    let files = Files::local(&data.root().join("files")).context("the file store cannot be opened")?;
    let bus = Bus::connect(config.redis_url.get()).context("REDIS_URL is not valid")?;
    let allowed = allowed_private_hosts(config, practice_addr);

    let authority = Arc::new(Authority::from_pem(&keys.authority).context("the agents' authority cannot be read")?);
    let mut coordinator = coordinator::start(coordinator::Config {
        node: data.node()?,
        // Nobody links with it: the gateway is in this process.
        address: String::new(),
        store: store.direct(),
        files: files.clone(),
        bus: bus.clone(),
        settings: coordinator::Settings {
            allowed_private_hosts: allowed.clone(),
            resume_child: std::env::current_exe().context("this program's own path is not known")?,
            ec2,
        },
        quic: args.quic,
        authority: Arc::clone(&authority),
        secrets: EndpointSecrets::derive(&keys.quic).context("the QUIC secret is too short")?,
        server_names: Vec::new(),
    })
    .await
    .with_context(|| format!("the coordinator cannot start (--quic {})", args.quic))?;
    let quic_addr = coordinator.quic();

    let (practice_stop, gateway_stop) = (CancellationToken::new(), CancellationToken::new());
    let practice_options = practice::Options { data_dir: Some(data.root().join("practice")) };
    let practice_task =
        tokio::spawn(practice::serve(practice, practice_options, practice_stop.clone().cancelled_owned()));
    let gateway =
        gateway::App::new(store.clone(), files.clone(), bus.clone(), gateway_options(config, keys.gateway, allowed));
    let gateway_task = tokio::spawn(gateway::serve(http, gateway, gateway_stop.clone()));

    let agent = if args.no_agent {
        None
    } else {
        let token = agent::enrolment_token(&store, data, &authority, config.agent_capacity).await?;
        Some(agent::LocalAgent::start(data, config, quic_addr, token)?)
    };

    let ready = Ready {
        http: format!("http://{http_addr}"),
        quic: quic_addr.to_string(),
        practice: format!("http://{practice_addr}"),
        email: &account.email,
        password: &account.password,
    };
    data.write_secret("up.json", &serde_json::to_vec(&ready)?)?;
    if let Some(file) = &args.ready_file {
        datadir::write_secret(file, &serde_json::to_vec(&ready)?)?;
    }
    banner(&ready, &account);

    let failure = tokio::select! {
        () = stop.cancelled() => None,
        () = coordinator.ended() => Some("the coordinator gave up; the log above says why"),
    };
    info!("stopping");
    if let Some(agent) = agent {
        agent.stop().await;
    }
    gateway_stop.cancel();
    practice_stop.cancel();
    let _ = tokio::time::timeout(GATEWAY_PATIENCE, gateway_task).await;
    let _ = tokio::time::timeout(GATEWAY_PATIENCE, practice_task).await;
    coordinator.stop().await;
    match failure {
        Some(why) => anyhow::bail!(why),
        None => Ok(()),
    }
}

/// What the settings say to a gateway.
pub fn gateway_options(config: &Config, secrets: gateway::Secrets, allowed: Vec<String>) -> gateway::Options {
    let mut options = gateway::Options::new(secrets);
    options.cors_origins = config.cors_origins();
    options.secure_cookies = config.secure_cookies;
    options.allowed_private_hosts = allowed;
    options.trusted_proxies = config.trusted_proxies().unwrap_or_default();
    options.limits.general.max = config.rate_limit_per_minute;
    options.limits.task_create.max = config.tasks_per_hour;
    options.limits.resume_upload.max = config.resumes_per_hour;
    options
}

/// The practice employer is a private address that people may apply to.
fn allowed_private_hosts(config: &Config, practice: SocketAddr) -> Vec<String> {
    let mut allowed = config.allowed_private_hosts();
    allowed.push(practice.to_string());
    if practice.ip().is_loopback() {
        allowed.push(format!("localhost:{}", practice.port()));
    }
    allowed
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be listened on; choose another address with {flag}"))
}

fn banner(ready: &Ready<'_>, account: &account::First) {
    let password = if account.new { ready.password } else { "the one shown at the first start (kept in up.json)" };
    log::print(&format!(
        "\n  Valet is ready.\n\n    Open      {}\n    E-mail    {}\n    Password  {password}\n\n  \
         Try it on the practice employer: {}/greenhouse/platform-engineer\n  \
         In the terminal: valet apply --resume FILE --url URL\n  Ctrl-C stops everything.\n",
        ready.http, ready.email, ready.practice,
    ));
}
