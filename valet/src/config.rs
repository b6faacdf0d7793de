//! Settings: the embedded defaults, then `valet.toml`, then the environment. Read once, validated whole before the
//! first socket opens.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use coordinator::ec2::Trust;
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use serde::Deserialize;

/// The defaults, and their documentation.
pub const DEFAULT: &str = include_str!("config.default.toml");

/// HS256 wants a key of the hash's size.
const SECRET_MIN: usize = 32;

/// Variables that settings may come from. Others in the environment are none of ours.
const VARIABLES: &[&str] = &[
    "DATABASE_URL",
    "DIRECT_DATABASE_URL",
    "REDIS_URL",
    "FILES_DIR",
    "JWT_SECRET",
    "JWT_REFRESH_SECRET",
    "CORS_ORIGIN",
    "SECURE_COOKIES",
    "TRUSTED_PROXIES",
    "ALLOWED_PRIVATE_HOSTS",
    "EC2_CERTIFICATES",
    "EC2_ACCOUNTS",
    "EC2_REGIONS",
    "RATE_LIMIT_PER_MINUTE",
    "TASKS_PER_HOUR",
    "RESUMES_PER_HOUR",
    "AGENT_CAPACITY",
    "CHROMIUM",
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub database_url: Secret,
    pub direct_database_url: Secret,
    pub redis_url: Secret,
    pub files_dir: PathBuf,
    pub jwt_secret: Secret,
    pub jwt_refresh_secret: Secret,
    pub cors_origin: String,
    pub secure_cookies: bool,
    pub trusted_proxies: String,
    pub allowed_private_hosts: String,
    pub ec2_certificates: PathBuf,
    #[serde(deserialize_with = "accounts")]
    pub ec2_accounts: String,
    pub ec2_regions: String,
    pub rate_limit_per_minute: u32,
    pub tasks_per_hour: u32,
    pub resumes_per_hour: u32,
    pub agent_capacity: u16,
    pub chromium: PathBuf,
}

/// A text that prints as stars.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// `None` when empty.
    pub fn get(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "***" })
    }
}

impl Config {
    /// # Errors
    /// Names the setting that is wrong, never its value.
    pub fn load(data_dir: &Path) -> anyhow::Result<Self> {
        let file = std::env::var_os("VALET_CONFIG").map_or_else(|| data_dir.join("valet.toml"), PathBuf::from);
        let config: Self = Figment::from(Toml::string(DEFAULT))
            .merge(Toml::file(file))
            .merge(Env::raw().only(VARIABLES))
            .extract()
            .context("the settings are not valid; `valet config` prints them all with their meaning")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        for (name, secret) in [("JWT_SECRET", &self.jwt_secret), ("JWT_REFRESH_SECRET", &self.jwt_refresh_secret)] {
            if secret.get().is_some_and(|text| text.len() < SECRET_MIN) {
                bail!("{name} is shorter than {SECRET_MIN} characters");
            }
        }
        if self.direct_database_url.get().is_some() && self.database_url.get().is_none() {
            bail!("DIRECT_DATABASE_URL is the way past the pooler that DATABASE_URL names, which is not set");
        }
        self.trusted_proxies()?;
        for (name, number) in [
            ("RATE_LIMIT_PER_MINUTE", self.rate_limit_per_minute),
            ("TASKS_PER_HOUR", self.tasks_per_hour),
            ("RESUMES_PER_HOUR", self.resumes_per_hour),
            ("AGENT_CAPACITY", u32::from(self.agent_capacity)),
        ] {
            if number == 0 {
                bail!("{name} is 0: nothing could ever be done");
            }
        }
        Ok(())
    }

    pub fn trusted_proxies(&self) -> anyhow::Result<Vec<IpAddr>> {
        list(&self.trusted_proxies)
            .iter()
            .map(|text| text.parse().with_context(|| "TRUSTED_PROXIES holds something that is not an IP address"))
            .collect()
    }

    pub fn cors_origins(&self) -> Vec<String> {
        list(&self.cors_origin)
    }

    pub fn allowed_private_hosts(&self) -> Vec<String> {
        list(&self.allowed_private_hosts)
    }

    /// Which EC2 instances enrol by themselves; `None` when that is off.
    ///
    /// # Errors
    /// Names what is missing or wrong.
    pub fn ec2(&self) -> anyhow::Result<Option<Trust>> {
        let (accounts, regions) = (list(&self.ec2_accounts), list(&self.ec2_regions));
        if self.ec2_certificates == Path::new("") {
            if accounts.is_empty() && regions.is_empty() {
                return Ok(None);
            }
            bail!("EC2_ACCOUNTS and EC2_REGIONS need EC2_CERTIFICATES, by which documents are checked");
        }
        let texts = pem_files(&self.ec2_certificates)
            .with_context(|| format!("EC2_CERTIFICATES ({}) cannot be read", self.ec2_certificates.display()))?;
        let trust = Trust::new(&texts, accounts, regions).context("the settings for EC2 instances are not valid")?;
        Ok(Some(trust))
    }
}

/// A file, or every `*.pem` of a folder.
fn pem_files(path: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    if !path.is_dir() {
        return Ok(vec![std::fs::read(path)?]);
    }
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            texts.push(std::fs::read(path)?);
        }
    }
    Ok(texts)
}

/// A single account in the environment is taken for a number, which has lost its leading zeros.
fn accounts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Accounts {
        Text(String),
        Number(u64),
    }
    Ok(match Accounts::deserialize(from)? {
        Accounts::Text(text) => text,
        Accounts::Number(number) => format!("{number:012}"),
    })
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_complete() {
        let config: Config = Figment::from(Toml::string(DEFAULT)).extract().unwrap();
        config.check().unwrap();
    }

    #[test]
    fn every_variable_is_a_documented_setting() {
        for variable in VARIABLES {
            assert!(DEFAULT.contains(variable), "{variable} is not in the defaults file");
            let setting = format!("\n{} = ", variable.to_lowercase());
            assert!(DEFAULT.contains(&setting), "{variable} has no default");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let toml = "jwt_secret = \"0123456789012345678901234567890123\"
                    direct_database_url = \"postgres://valet:0123456789@db\"";
        let config: Config = Figment::from(Toml::string(DEFAULT)).merge(Toml::string(toml)).extract().unwrap();
        assert!(!format!("{config:?}").contains("0123456789"));
    }

    #[test]
    fn a_way_past_the_pooler_needs_the_pooler() {
        let config = |toml: &str| -> Config {
            Figment::from(Toml::string(DEFAULT)).merge(Toml::string(toml)).extract().unwrap()
        };
        let direct = "direct_database_url = \"postgres://db\"";
        assert!(config(direct).check().unwrap_err().to_string().contains("DIRECT_DATABASE_URL"));
        config(&format!("{direct}\ndatabase_url = \"postgres://pooler\"")).check().unwrap();
    }

    #[test]
    fn instances_enrol_only_by_whole_settings() {
        let config = |toml: &str| -> anyhow::Result<Config> {
            Ok(Figment::from(Toml::string(DEFAULT)).merge(Toml::string(toml)).extract()?)
        };
        assert!(config("").unwrap().ec2().unwrap().is_none());
        assert!(config("ec2_regions = \"eu-west-1\"").unwrap().ec2().is_err());
        let dir = tempfile::tempdir().unwrap();
        let pem = include_bytes!("../../coordinator/src/ec2/fixtures/certificate.pem");
        std::fs::write(dir.path().join("eu-west-1.pem"), pem).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "none of it").unwrap();
        let file = dir.path().join("eu-west-1.pem");
        for path in [dir.path(), &file] {
            let toml = format!("ec2_certificates = {path:?}\nec2_regions = \"eu-west-1, us-east-1\"\nec2_accounts = ");
            // As the environment gives one account.
            let trust = config(&format!("{toml}12345678901")).unwrap().ec2().unwrap().unwrap();
            assert!(format!("{trust:?}").contains("\"012345678901\""), "{trust:?}");
            assert!(config(&format!("{toml}\"\"")).unwrap().ec2().is_err());
            assert!(config(&format!("{toml}\"123456789012,210987654321\"")).unwrap().ec2().unwrap().is_some());
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        let config: Config =
            Figment::from(Toml::string(DEFAULT)).merge(Toml::string("jwt_secret = \"short\"")).extract().unwrap();
        assert!(config.check().unwrap_err().to_string().contains("JWT_SECRET"));
    }
}
