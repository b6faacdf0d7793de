//! Keys that must be the same after a restart, and on every coordinator behind one address: with them a coordinator
//! can tell an agent at its next packet that it does not know the connection any more.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{hkdf, hmac};
use quinn::EndpointConfig;

use crate::cluster::peers::Seal;

/// Derived from one stored secret; the secret itself is not kept.
#[derive(Clone)]
pub struct EndpointSecrets {
    reset: [u8; 64],
    connection_id: u64,
    peers: [u8; 32],
    cookie: [u8; 32],
}

/// Fewest bytes of the secret: less than 256 bits would be the weakest part.
pub const SECRET_MIN: usize = 32;

/// Between two stateless resets: none. Agents' packets come in bursts, and with quinn's 20 ms a coordinator that was restarted
/// told fifty agents a second; the others found out by their ten seconds of silence. Only a packet for an id of ours is
/// answered, and a reset is shorter than what it answers, so nobody can be flooded with them or kept busy.
const RESET_INTERVAL: Duration = Duration::ZERO;

#[derive(Debug, thiserror::Error)]
#[error("an endpoint secret needs at least {SECRET_MIN} bytes")]
pub struct TooShort;

impl EndpointSecrets {
    /// # Errors
    /// When the secret has less than [`SECRET_MIN`] bytes.
    pub fn derive(secret: &[u8]) -> Result<Self, TooShort> {
        if secret.len() < SECRET_MIN {
            return Err(TooShort);
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"valet endpoint 1").extract(secret);
        let mut reset = [0; 64];
        expand(&prk, b"stateless reset", &mut reset);
        let mut id = [0; 8];
        expand(&prk, b"connection id", &mut id);
        let (mut peers, mut cookie) = ([0; 32], [0; 32]);
        expand(&prk, b"between coordinators", &mut peers);
        expand(&prk, b"cluster cookie", &mut cookie);
        Ok(Self { reset, connection_id: u64::from_le_bytes(id), peers, cookie })
    }

    /// Marks what coordinators say to each other.
    #[must_use]
    pub(crate) fn seal(&self) -> Seal {
        Seal::new(&self.peers)
    }

    /// What nodes of this fleet greet each other with, inside their mutual TLS.
    #[must_use]
    pub fn cookie(&self) -> String {
        hex::encode(self.cookie)
    }

    /// The endpoint settings that carry these keys.
    #[must_use]
    pub fn endpoint_config(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &self.reset)));
        let key = self.connection_id;
        config.cid_generator(move || Box::new(quinn_proto::HashedConnectionIdGenerator::from_key(key)));
        config.min_reset_interval(RESET_INTERVAL);
        config
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &hkdf::Prk, label: &[u8], out: &mut [u8]) {
    prk.expand(&[label], Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("64 bytes are far below HKDF's limit of 255 hashes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_gives_the_same_keys_and_another_does_not() {
        let keys = |secret: &[u8]| {
            let keys = EndpointSecrets::derive(secret).unwrap();
            (keys.reset, keys.connection_id)
        };
        assert_eq!(keys(&[7; 32]), keys(&[7; 32]));
        assert_ne!(keys(&[7; 32]).0, keys(&[8; 32]).0);
        assert_ne!(keys(&[7; 32]).1, keys(&[8; 32]).1);
        assert!(EndpointSecrets::derive(&[7; 31]).is_err());
    }
}
