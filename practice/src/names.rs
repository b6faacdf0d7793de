//! The random names of one page load.
//!
//! Templates write `«word»` wherever a class, an id or a form name stands, and [`Load::expand`] puts
//! a random name in its place. The names follow from the load's nonce alone, so that the server
//! needs no memory of the pages it has handed out: a page loaded before a restart can still be sent.

use sha2::{Digest, Sha256};

/// Length of a nonce: 80 random bits, so that two loads never share their names.
const NONCE_CHARS: usize = 16;
/// Length of a name: 50 bits, so that two of a page's few hundred names never meet.
const NAME_CHARS: usize = 10;
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// One page load: the source of every name on that page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    nonce: String,
}

impl Load {
    /// A load that nobody has seen before.
    pub fn fresh() -> Self {
        Self { nonce: spell(rand::random(), NONCE_CHARS) }
    }

    /// The load a submitted page belongs to; `None` if the text never was a nonce.
    pub fn parse(nonce: &str) -> Option<Self> {
        let ours = nonce.len() == NONCE_CHARS && nonce.bytes().all(|byte| ALPHABET.contains(&byte));
        ours.then(|| Self { nonce: nonce.to_owned() })
    }

    /// What the page sends back so that its names can be read.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// This load's name for `word`.
    pub fn name(&self, word: &str) -> String {
        let digest = Sha256::new().chain_update(&self.nonce).chain_update([0]).chain_update(word).finalize();
        let mut bits = 0u128;
        for byte in digest.iter().take(16) {
            bits = bits << 8 | u128::from(*byte);
        }
        let mut name = spell(bits, NAME_CHARS);
        // A CSS selector must not begin with a digit, and the alphabet's first 24 are letters.
        name.insert(0, char::from(ALPHABET[((bits >> 100) % 24) as usize]));
        name
    }

    /// Puts this load's names in place of every `«word»`.
    pub fn expand(&self, template: &str) -> String {
        let mut page = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('«') {
            let Some((word, tail)) = after.split_once('»') else {
                break;
            };
            page.push_str(before);
            page.push_str(&self.name(word));
            rest = tail;
        }
        page.push_str(rest);
        page
    }
}

/// `chars` characters that are easy to read aloud, from the low bits of `bits`.
fn spell(mut bits: u128, chars: usize) -> String {
    let mut text = String::with_capacity(chars + 1);
    for _ in 0..chars {
        text.push(char::from(ALPHABET[(bits % 32) as usize]));
        bits /= 32;
    }
    text
}

/// A confirmation number such as `GH-7F3K2Q`.
pub fn confirmation_number(prefix: &str) -> String {
    const READABLE: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut bits: u32 = rand::random();
    let mut number = format!("{prefix}-");
    for _ in 0..6 {
        number.push(char::from(READABLE[(bits % 32) as usize]));
        bits /= 32;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_load_alone() {
        let load = Load::fresh();
        let again = Load::parse(load.nonce()).unwrap();
        assert_eq!(load.name("email"), again.name("email"));
        assert_ne!(load.name("email"), load.name("phone"));
        assert_ne!(load.name("email"), Load::fresh().name("email"));
    }

    #[test]
    fn only_a_nonce_is_a_nonce() {
        for text in ["", "abc", "<script>alert(1)", "aaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAA"] {
            assert_eq!(Load::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn expanding_replaces_whole_words_and_leaves_the_rest() {
        let load = Load::fresh();
        let a = load.name("a");
        assert_eq!(load.expand(".«a» #«a» « open"), format!(".{a} #{a} « open"));
    }
}
