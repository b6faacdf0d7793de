//! The one place where bodies become bytes and back.
//!
//! bincode 2 is no longer developed; keeping it behind these two functions (and a version in the first frame of
//! every session) is what makes it replaceable. Decoding has a limit, because a length of 2^40 in a 12-byte frame
//! otherwise aborts the process, and trailing bytes are refused.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest body, encoded or decoded. A 500-field form with full option lists stays under it; bulk data has streams
/// of its own.
pub const BODY_MAX: usize = 1 << 20;

type Config<const MAX: usize> =
    bincode::config::Configuration<bincode::config::LittleEndian, bincode::config::Varint, bincode::config::Limit<MAX>>;

const fn config<const MAX: usize>() -> Config<MAX> {
    bincode::config::standard().with_limit::<MAX>()
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a message of {size} bytes is over its limit")]
    TooLarge { size: usize },
    #[error("a message could not be encoded")]
    Encode(#[source] bincode::error::EncodeError),
    #[error("a message could not be decoded")]
    Decode(#[source] bincode::error::DecodeError),
    #[error("a message has {extra} bytes after its end")]
    Trailing { extra: usize },
}

/// # Errors
/// When the value encodes to more than [`BODY_MAX`] bytes.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    encode_up_to::<T, BODY_MAX>(value)
}

/// [`encode`] with another limit, for what is put around a whole message.
///
/// # Errors
/// When the value encodes to more than `MAX` bytes.
#[expect(clippy::disallowed_methods, reason = "this is the module the rest is sent to")]
pub fn encode_up_to<T: Serialize, const MAX: usize>(value: &T) -> Result<Vec<u8>, Error> {
    let body = bincode::serde::encode_to_vec(value, config::<MAX>()).map_err(Error::Encode)?;
    // bincode checks its limit only on decoding.
    if body.len() > MAX {
        return Err(Error::TooLarge { size: body.len() });
    }
    Ok(body)
}

/// # Errors
/// When the bytes are not exactly one `T`, or name lengths beyond the limit.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    decode_up_to::<T, BODY_MAX>(body)
}

/// [`decode`] with another limit.
///
/// # Errors
/// When the bytes are not exactly one `T`, or name lengths beyond the limit.
#[expect(clippy::disallowed_methods, reason = "this is the module the rest is sent to")]
pub fn decode_up_to<T: DeserializeOwned, const MAX: usize>(body: &[u8]) -> Result<T, Error> {
    if body.len() > MAX {
        return Err(Error::TooLarge { size: body.len() });
    }
    let (value, read) = bincode::serde::decode_from_slice(body, config::<MAX>()).map_err(Error::Decode)?;
    if read != body.len() {
        return Err(Error::Trailing { extra: body.len() - read });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let value = (7_u16, "text".to_owned(), vec![1_u8, 2, 3], Some(-5_i64));
        let body = encode(&value).unwrap();
        assert_eq!(decode::<(u16, String, Vec<u8>, Option<i64>)>(&body).unwrap(), value);
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        let mut body = encode(&1_u32).unwrap();
        body.push(0);
        assert!(matches!(decode::<u32>(&body), Err(Error::Trailing { extra: 1 })));
    }

    #[test]
    fn hostile_lengths_are_refused_before_anything_is_allocated() {
        // Varint 253 announces a u64 length.
        for length in [1_u64 << 21, 1 << 30, 1 << 40, u64::MAX] {
            let mut body = vec![253];
            body.extend_from_slice(&length.to_le_bytes());
            assert!(matches!(decode::<String>(&body), Err(Error::Decode(_))), "String of {length}");
            assert!(matches!(decode::<Vec<u8>>(&body), Err(Error::Decode(_))), "bytes of {length}");
            assert!(matches!(decode::<Vec<u64>>(&body), Err(Error::Decode(_))), "u64s of {length}");
        }
    }

    #[test]
    fn a_value_over_the_limit_is_not_encoded() {
        assert!(matches!(encode(&"x".repeat(BODY_MAX + 1)), Err(Error::TooLarge { .. })));
    }
}
