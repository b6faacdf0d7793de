//! The little of CMS (RFC 5652) that instance identity documents are signed with: one signer, the document inside,
//! signed attributes. It is BER, because AWS streams it: outer lengths are indefinite, and the document is an octet
//! string in pieces. What is not of this form is refused; it comes from strangers.

use sha2::{Digest as _, Sha256};

/// Deepest nesting that is followed to find where something of indefinite length ends; the form needs eight levels.
const DEPTH_MAX: usize = 12;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OCTETS_IN_PIECES: u8 = 0x24;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Context-specific, constructed: `[0]` and `[1]`.
const FIRST: u8 = 0xa0;
const SECOND: u8 = 0xa1;

// Object identifiers, as they stand in their elements.
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];

/// A message whose attributes are about its content. Whether anybody signed them is not known yet.
pub(super) struct Message<'a> {
    pub content: Vec<u8>,
    /// What the signature (RSA, PKCS #1 v1.5, SHA-256) is over: the attributes, one of which is the content's digest.
    pub signed: Vec<u8>,
    pub signature: &'a [u8],
}

/// Reads a message; `None` when it is not of the one form.
pub(super) fn read(bytes: &[u8]) -> Option<Message<'_>> {
    let mut outer = only(bytes, SEQUENCE)?;
    outer.object(SIGNED_DATA)?;
    let mut signed_data = only(outer.last(FIRST)?.contents, SEQUENCE)?;
    signed_data.take(INTEGER)?;
    // The algorithms used by any signer; what counts is what the one signer names.
    signed_data.take(SET)?;
    let mut inside = Elements(signed_data.take(SEQUENCE)?.contents);
    inside.object(DATA)?;
    let content = octets(inside.last(FIRST)?.contents)?;
    // Certificates and revocation lists: nobody is trusted for having sent them.
    signed_data.take_if(FIRST)?;
    signed_data.take_if(SECOND)?;
    let mut signer = only(signed_data.last(SET)?.contents, SEQUENCE)?;
    signer.take(INTEGER)?;
    // Which key it was: every key that is trusted is tried.
    signer.take(SEQUENCE)?;
    signer.algorithm(&[SHA256])?;
    // Without attributes the signature would be over the content itself, which could then pass for attributes.
    let attributes = signer.take(FIRST)?;
    signer.algorithm(&[RSA, RSA_WITH_SHA256])?;
    let signature = signer.take(OCTETS)?.contents;
    signer.take_if(SECOND)?;
    signer.end()?;
    about(&attributes, &content)?;
    // Signed is their DER as a set, of which only the tag is another one here.
    let mut signed = attributes.definite()?.to_vec();
    *signed.first_mut()? = SET;
    Some(Message { content, signed, signature })
}

/// Whether the attributes name the content's type and digest, once each.
fn about(attributes: &Element<'_>, content: &[u8]) -> Option<()> {
    let digest = Sha256::digest(content);
    let (mut types, mut digests, mut left) = (0, 0, Elements(attributes.contents));
    while !left.0.is_empty() {
        let mut attribute = Elements(left.take(SEQUENCE)?.contents);
        let name = attribute.take(OBJECT)?.contents;
        let mut values = Elements(attribute.last(SET)?.contents);
        if name == CONTENT_TYPE {
            values.object(DATA)?;
            values.end()?;
            types += 1;
        } else if name == MESSAGE_DIGEST {
            (values.last(OCTETS)?.contents == &digest[..]).then_some(())?;
            digests += 1;
        }
    }
    ((types, digests) == (1, 1)).then_some(())
}

/// One octet string, whole or in pieces.
fn octets(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut elements = Elements(bytes);
    let content = match elements.take_if(OCTETS)? {
        Some(whole) => whole.contents.to_vec(),
        None => {
            let (mut all, mut pieces) = (Vec::new(), Elements(elements.take(OCTETS_IN_PIECES)?.contents));
            while !pieces.0.is_empty() {
                all.extend_from_slice(pieces.take(OCTETS)?.contents);
            }
            all
        }
    };
    elements.end()?;
    Some(content)
}

/// The elements inside the only element there is.
fn only(bytes: &[u8], tag: u8) -> Option<Elements<'_>> {
    Some(Elements(Elements(bytes).last(tag)?.contents))
}

/// One element of BER.
struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    contents: &'a [u8],
}

impl<'a> Element<'a> {
    /// All of it, if it is of definite length.
    fn definite(&self) -> Option<&'a [u8]> {
        (self.whole.get(1) != Some(&INDEFINITE)).then_some(self.whole)
    }
}

/// Elements one after the other.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let (element, rest) = element(self.0, DEPTH_MAX)?;
        self.0 = rest;
        Some(element)
    }

    fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// Takes the next one if it has this tag; `None` when what is next cannot be read at all.
    fn take_if(&mut self, tag: u8) -> Option<Option<Element<'a>>> {
        if self.0.first() == Some(&tag) { self.next().map(Some) } else { Some(None) }
    }

    fn last(&mut self, tag: u8) -> Option<Element<'a>> {
        let element = self.take(tag)?;
        self.end()?;
        Some(element)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn object(&mut self, id: &[u8]) -> Option<()> {
        (self.take(OBJECT)?.contents == id).then_some(())
    }

    /// One of these algorithms. Parameters are nothing, whether they are written or not.
    fn algorithm(&mut self, ids: &[&[u8]]) -> Option<()> {
        let mut algorithm = Elements(self.take(SEQUENCE)?.contents);
        let id = algorithm.take(OBJECT)?.contents;
        (ids.contains(&id) && matches!(algorithm.0, [] | [0x05, 0x00])).then_some(())
    }
}

/// The length that says: until two zero bytes.
const INDEFINITE: u8 = 0x80;
/// In a tag: elements are inside.
const CONSTRUCTED: u8 = 0x20;

/// The first element, and what follows it. Tags are short and lengths below 64 KiB: all that is read is.
fn element(bytes: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if tag == 0 || tag & 0x1f == 0x1f {
        return None;
    }
    let (contents, rest) = match length {
        INDEFINITE if tag & CONSTRUCTED != 0 => inside(rest, depth.checked_sub(1)?)?,
        0..INDEFINITE => rest.split_at_checked(length.into())?,
        0x81 => rest.split_first().and_then(|(length, rest)| rest.split_at_checked((*length).into()))?,
        0x82 => rest
            .split_first_chunk()
            .and_then(|(length, rest)| rest.split_at_checked(u16::from_be_bytes(*length).into()))?,
        _ => return None,
    };
    Some((Element { tag, whole: &bytes[..bytes.len() - rest.len()], contents }, rest))
}

/// The elements up to the two zero bytes, and what follows those.
fn inside(bytes: &[u8], depth: usize) -> Option<(&[u8], &[u8])> {
    let mut at = bytes;
    loop {
        if let Some(rest) = at.strip_prefix(&[0, 0]) {
            return Some((&bytes[..bytes.len() - at.len()], rest));
        }
        (_, at) = element(at, depth)?;
    }
}
