//! What a gateway is told when it starts. Nothing in this crate reads the environment.

use std::net::IpAddr;
use std::time::Duration;

use crate::limits::Limit;

/// Settings of one gateway.
#[derive(Debug, Clone)]
pub struct Options {
    pub secrets: Secrets,
    /// Origins of web clients served from elsewhere, like `http://localhost:5173`.
    pub cors_origins: Vec<String>,
    pub limits: Limits,
    /// `host` or `host:port` entries that job URLs may name although they resolve to private addresses.
    pub allowed_private_hosts: Vec<String>,
    /// True when people come over https: cookies are `Secure`, browsers are told to upgrade.
    pub secure_cookies: bool,
    /// Shown by the health route and in the description of the API.
    pub version: String,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The command an administrator runs on a browser host; `{token}` stands for the one-time token.
    pub enrol_command: String,
    pub sockets: Sockets,
}

impl Options {
    /// The contract's defaults around these secrets.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            cors_origins: Vec::new(),
            limits: Limits::default(),
            allowed_private_hosts: Vec::new(),
            secure_cookies: false,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            trusted_proxies: Vec::new(),
            enrol_command: "valet-agent --coordinator HOST:PORT --enrol-token {token}".to_owned(),
            sockets: Sockets::default(),
        }
    }
}

/// The gateway's own secrets. Prints as stars.
#[derive(Clone)]
pub struct Secrets {
    /// Signs access tokens.
    pub access: Vec<u8>,
    /// Signs refresh tokens.
    pub refresh: Vec<u8>,
    /// Signs links to screenshots.
    pub artifacts: Vec<u8>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Requests per window, by the contract.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Every route, by person or else by address.
    pub general: Limit,
    pub resume_upload: Limit,
    pub task_create: Limit,
    pub qa_discover: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3_600);
        Self {
            general: Limit { max: 100, window: Duration::from_secs(60) },
            resume_upload: Limit { max: 10, window: HOUR },
            task_create: Limit { max: 20, window: HOUR },
            qa_discover: Limit { max: 10, window: HOUR },
        }
    }
}

/// Pace of the WebSockets; tests make it faster.
#[derive(Debug, Clone, Copy)]
pub struct Sockets {
    /// Between protocol pings; a peer that is silent from one to the next is gone.
    pub ping: Duration,
    /// Between looks at Postgres for messages that the bus lost.
    pub tail: Duration,
}

impl Default for Sockets {
    fn default() -> Self {
        Self { ping: Duration::from_secs(30), tail: Duration::from_secs(2) }
    }
}
