//! Command line and environment of `valet-agent`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand, ValueEnum};
use protocol::wire;

use crate::metadata;

/// Most pages at a time that make sense on one host: a page costs about 80 MB.
const CAPACITY_MAX: u16 = 256;
const COORDINATORS_MAX: usize = 16;
const ALLOW_PRIVATE_MAX: usize = 256;

/// Runs browsers on this host for a Valet coordinator.
#[derive(Debug, Clone, Parser)]
#[command(name = "valet-agent", version, subcommand_negates_reqs = true)]
pub struct Config {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Where the coordinator listens; several are tried in turn.
    #[arg(
        long = "coordinator",
        value_name = "HOST:PORT",
        required = true,
        env = "VALET_COORDINATOR",
        value_delimiter = ','
    )]
    pub coordinators: Vec<String>,

    /// The name the coordinator's certificate must have.
    #[arg(long, value_name = "NAME", default_value = wire::SERVER_NAME)]
    pub server_name: String,

    /// Where the agent keeps its key, its ledger and the files of running jobs.
    #[arg(long, value_name = "DIR", default_value = ".valet-agent", env = "VALET_AGENT_DATA")]
    pub data_dir: PathBuf,

    /// One-time token for the first start, as `<secret>.<SHA-256 of the coordinator's authority>`.
    #[arg(long, value_name = "TOKEN", env = "VALET_ENROL_TOKEN", hide_env_values = true)]
    pub enrol_token: Option<Token>,

    /// Enrol with this EC2 instance's identity document instead of a token: on hosts that auto-scaling starts.
    #[arg(long, env = "VALET_ENROL_EC2", value_parser = FalseyValueParser::new())]
    pub enrol_ec2: bool,

    /// SHA-256 of the coordinator's authority, when no token names it: what comes after the dot in one.
    #[arg(long, value_name = "SHA256", env = "VALET_AUTHORITY", value_parser = sha256)]
    pub authority: Option<Fingerprint>,

    /// Where to ask for the document. For tests: on an instance there is one address.
    #[arg(long, value_name = "URL", default_value = metadata::ADDRESS, hide = true)]
    pub ec2_metadata: String,

    /// The coordinator's authority (PEM), when neither a token nor its SHA-256 names it.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Pages at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=i64::from(CAPACITY_MAX)))]
    pub capacity: u16,

    /// The Chromium to run; found on its own when not given.
    #[arg(long, value_name = "PATH")]
    pub chromium: Option<PathBuf>,

    /// A private address that browsers may open nevertheless; repeatable.
    #[arg(long = "allow-private", value_name = "HOST:PORT")]
    pub allow_private: Vec<String>,

    /// Serve Prometheus metrics here; off by default.
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,

    /// Write one JSON object `{sandbox,pid}` here once the coordinator has welcomed this agent.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// What else the program can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// End the browsers that an agent on this data directory has left, and exit. For when it will not come back: an
    /// agent that starts does it by itself, and goes on with what is still of use.
    Sweep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// SHA-256 of an authority's certificate.
pub type Fingerprint = [u8; 32];

/// An enrolment token: a secret, and the fingerprint of the authority to trust with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: String,
    authority: Option<Fingerprint>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("an enrolment token looks like <secret>.<64 hexadecimal digits>")]
    Token,
    #[error("an authority's SHA-256 is 64 hexadecimal digits")]
    Authority,
    #[error("at most {COORDINATORS_MAX} --coordinator and {ALLOW_PRIVATE_MAX} --allow-private are taken")]
    TooMany,
    #[error("{text:?} is not HOST:PORT")]
    Address { text: String },
}

impl Config {
    /// Checks what the command line parser cannot.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if self.coordinators.len() > COORDINATORS_MAX || self.allow_private.len() > ALLOW_PRIVATE_MAX {
            return Err(Error::TooMany);
        }
        for text in self.coordinators.iter().chain(&self.allow_private) {
            let sound = text
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
            if !sound {
                return Err(Error::Address { text: text.clone() });
            }
        }
        Ok(())
    }
}

impl Token {
    /// The part the coordinator checks.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// SHA-256 of the authority's certificate.
    #[must_use]
    pub fn authority(&self) -> Option<Fingerprint> {
        self.authority
    }
}

impl std::str::FromStr for Token {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (secret, authority) = match text.split_once('.') {
            None => (text, None),
            Some((secret, hexed)) => (secret, Some(sha256(hexed).map_err(|_| Error::Token)?)),
        };
        if secret.is_empty() {
            return Err(Error::Token);
        }
        Ok(Self { secret: secret.to_owned(), authority })
    }
}

fn sha256(text: &str) -> Result<Fingerprint, Error> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| Error::Authority)?;
    Ok(bytes)
}

// By hand, so that a token never reaches a log.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(extra: &[&str]) -> Config {
        Config::try_parse_from([&["valet-agent", "--coordinator", "localhost:4433"], extra].concat()).unwrap()
    }

    #[test]
    fn a_token_carries_the_authority_and_is_never_printed() {
        let hexed = "ab".repeat(32);
        let config = parse(&["--enrol-token", &format!("s3cret.{hexed}")]);
        let token = config.enrol_token.as_ref().unwrap();
        assert_eq!((token.secret(), token.authority()), ("s3cret", Some([0xab; 32])));
        assert!(!format!("{config:?}").contains("s3cret"));
        assert_eq!("alone".parse::<Token>().unwrap().authority(), None);
        for bad in ["", ".abcd", "x.abcd", "x.zz"] {
            assert!(bad.parse::<Token>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_instance_names_the_authority_it_trusts() {
        let hexed = "ab".repeat(32);
        let config = parse(&["--enrol-ec2", "--authority", &hexed]);
        assert_eq!((config.enrol_ec2, config.authority), (true, Some([0xab; 32])));
        assert!(!parse(&[]).enrol_ec2);
        let words = ["valet-agent", "--coordinator", "localhost:4433", "--authority", "abcd"];
        assert!(Config::try_parse_from(words).is_err());
    }

    #[test]
    fn a_sweep_needs_only_the_data_directory() {
        let config = Config::try_parse_from(["valet-agent", "--data-dir", "/d", "sweep"]).unwrap();
        assert_eq!((config.command, config.data_dir), (Some(Command::Sweep), PathBuf::from("/d")));
        assert!(Config::try_parse_from(["valet-agent", "--data-dir", "/d"]).is_err());
        assert_eq!(parse(&[]).command, None);
    }

    #[test]
    fn addresses_need_a_port() {
        assert!(parse(&["--allow-private", "127.0.0.1:8001"]).check().is_ok());
        for bad in ["localhost", "localhost:", ":80", "localhost:0", "localhost:99999"] {
            assert!(parse(&["--allow-private", bad]).check().is_err(), "{bad:?}");
        }
    }
}
