//! `valet admin`: what an operator does once, beside the database: keys, identities, hosts, accounts.

use std::path::PathBuf;

use anyhow::Context as _;
use coordinator::pki::{Authority, EndpointSecrets};
use protocol::ids::SandboxId;

use super::identity;
use crate::config::Config;
use crate::datadir::DataDir;
use crate::keys::Keys;
use crate::{enrol, log};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make the fleet's keys: the agents' authority and what coordinators share. Once; keep them safe.
    Keys {
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make the identity of a gateway for its links with coordinators.
    Gateway {
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// What it is called in logs.
        #[arg(long)]
        name: String,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Register a browser host and print the token its agent enrols with, once, within minutes.
    Host {
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        #[arg(long)]
        name: String,
        /// Applications it may work on at a time.
        #[arg(long, default_value_t = 5)]
        capacity: u16,
        /// The only machine that may use the token, by its own name.
        #[arg(long, value_name = "NAME")]
        only_on: Option<String>,
    },
    /// Revoke a browser host for good: its agent is cut off within a second and never let in again.
    Revoke {
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        #[arg(long, value_name = "ID")]
        sandbox: SandboxId,
        #[arg(long)]
        reason: String,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Keys { out } => {
            let data = DataDir::open(&out)?;
            Keys::load(&data, &Config::load(data.root())?)?;
            log::say(&format!("keys are in {}", data.root().display()));
        }
        Command::Gateway { keys, name, out } => {
            let (authority, secrets) = authority(&keys)?;
            let identity = identity::make(&authority, &secrets, &format!("gateway/{name}"))?;
            identity::write(&identity, &out)?;
            log::say(&format!("gateway {name} links with {}", out.display()));
        }
        Command::Host { keys, name, capacity, only_on } => {
            let (authority, _) = authority(&keys)?;
            let store = super::store(&Config::load(&keys)?).await?;
            let token = enrol::host(&store, &authority, &name, &name, capacity, only_on.as_deref()).await?;
            store.close().await;
            log::print(&token);
        }
        Command::Revoke { keys, sandbox, reason } => {
            let store = super::store(&Config::load(&keys)?).await?;
            let revoked = enrol::revoke(&store, sandbox, &reason).await;
            store.close().await;
            revoked?;
            log::say(&format!("host {sandbox} is revoked"));
        }
    }
    Ok(())
}

fn authority(keys: &std::path::Path) -> anyhow::Result<(Authority, EndpointSecrets)> {
    let keys = Keys::read(keys, &Config::load(keys)?)?;
    let authority = Authority::from_pem(&keys.authority).context("the agents' authority cannot be read")?;
    Ok((authority, EndpointSecrets::derive(&keys.quic).context("the QUIC secret is too short")?))
}
