//! Stands in for what AWS gives an EC2 instance: a metadata service, and the key that signs identity documents.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, SigningKey as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-west-1";

/// A key like the one of a region.
pub struct Signer {
    key: KeyPair,
    /// What an operator gives to coordinators.
    pub certificate_pem: String,
}

impl Signer {
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let certificate_pem = CertificateParams::default().self_signed(&key)?.pem();
        Ok(Self { key, certificate_pem })
    }

    /// The document of an instance, signed and laid out as AWS does: outer lengths are indefinite, the document is in
    /// pieces.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn document(&self, instance: &str, started: DateTime<Utc>) -> anyhow::Result<Vec<u8>> {
        let document = json!({
            "accountId": ACCOUNT,
            "architecture": "x86_64",
            "availabilityZone": format!("{REGION}b"),
            "billingProducts": null,
            "instanceId": instance,
            "instanceType": "m7i.large",
            "pendingTime": started.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "version": "2017-09-30",
        });
        let document = serde_json::to_vec_pretty(&document)?;
        let attributes = [
            attribute(CONTENT_TYPE, &tlv(0x06, DATA)),
            attribute(MESSAGE_DIGEST, &tlv(0x04, &Sha256::digest(&document))),
        ]
        .concat();
        let signature = self.key.sign(&tlv(0x31, &attributes))?;
        let signer = [
            tlv(0x02, &[1]),
            // Issuer and number of the certificate: nobody's.
            tlv(0x30, &[tlv(0x30, &[]), tlv(0x02, &[1])].concat()),
            algorithm(SHA256),
            tlv(0xa0, &attributes),
            algorithm(RSA),
            tlv(0x04, &signature),
        ];
        let (one, two) = document.split_at(document.len() / 2);
        let pieces = endless(0x24, &[tlv(0x04, one), tlv(0x04, two)]);
        let signed = [
            tlv(0x02, &[1]),
            tlv(0x31, &algorithm(SHA256)),
            endless(0x30, &[tlv(0x06, DATA), endless(0xa0, &[pieces])]),
            tlv(0x31, &tlv(0x30, &signer.concat())),
        ];
        Ok(endless(0x30, &[tlv(0x06, SIGNED_DATA), endless(0xa0, &[endless(0x30, &signed)])]))
    }
}

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// An element of definite length.
fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(length) if length < 0x80 => element.push(length),
        _ => element.extend([[0x82].as_slice(), &(contents.len() as u16).to_be_bytes()].concat()),
    }
    element.extend_from_slice(contents);
    element
}

/// One that goes on until two zero bytes.
fn endless(tag: u8, contents: &[Vec<u8>]) -> Vec<u8> {
    [&[tag, 0x80], contents.concat().as_slice(), &[0, 0]].concat()
}

fn algorithm(id: &[u8]) -> Vec<u8> {
    tlv(0x30, &[tlv(0x06, id), tlv(0x05, &[])].concat())
}

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[tlv(0x06, id), tlv(0x31, value)].concat())
}

/// The metadata service of one instance.
pub struct Metadata {
    pub address: String,
    serving: JoinHandle<()>,
}

impl Metadata {
    /// # Errors
    /// When no port is free.
    pub async fn start(signed_document: &[u8]) -> anyhow::Result<Self> {
        let text = STANDARD.encode(signed_document);
        let lines: Vec<&str> = text.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let text = lines.join("\n");
        let token = uuid::Uuid::new_v4().simple().to_string();
        let known = token.clone();
        let give = |headers: HeaderMap| async move {
            let known =
                headers.get("x-aws-ec2-metadata-token").is_some_and(|token| token.as_bytes() == known.as_bytes());
            if known { Ok(text) } else { Err(StatusCode::UNAUTHORIZED) }
        };
        let router = Router::new()
            .route("/latest/api/token", put(|| async { token }))
            .route("/latest/dynamic/instance-identity/rsa2048", get(give));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, serving })
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
