//! `valet login`: keeps a session for the other commands.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::api::Api;
use super::session;
use crate::log;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    server: String,
    /// Sign in as the first account of the `valet up` that runs in this data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// E-mail; asked for when not given.
    #[arg(long)]
    email: Option<String>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let api = match &args.data_dir {
        Some(dir) => session::open(None, Some(dir)).await?,
        None => {
            let email = match args.email {
                Some(email) => email,
                None => ask("E-mail: ")?,
            };
            let password = password()?;
            let mut api = Api::new(&args.server)?;
            api.sign_in(email.trim(), &password).await?;
            api
        }
    };
    session::keep(&api)?;
    log::say(&format!("signed in to {}", api.server()));
    Ok(())
}

/// Not shown while it is typed; read from a pipe in scripts.
fn password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").context("the password cannot be read");
    }
    ask("")
}

/// One line from standard input.
pub fn ask(prompt: &str) -> anyhow::Result<String> {
    use std::io::Write as _;
    let _ = write!(std::io::stderr(), "{prompt}");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line)? == 0 {
        bail!("there is nobody to ask: standard input has ended");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
