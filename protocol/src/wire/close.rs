//! Codes with which a connection is closed, a stream reset or a reader stopped.

/// Names a code of ours for logs; `other` for codes from elsewhere.
#[must_use]
pub const fn name(code: u64) -> &'static str {
    match code {
        0 => "done",
        1 => "malformed",
        2 => "version",
        3 => "no_certificate",
        4 => "refused",
        5 => "too_slow",
        6 => "superseded",
        7 => "going_down",
        8 => "busy",
        9 => "internal",
        10 => "expired",
        11 => "have_it",
        12 => "flood",
        _ => "other",
    }
}

/// Nothing is wrong: the exchange is over.
pub const DONE: u32 = 0;
/// A frame that is too long, cut short, of an unknown tag, or out of place.
pub const MALFORMED: u32 = 1;
/// No protocol version in common.
pub const VERSION: u32 = 2;
/// A session without a certificate of ours that names a sandbox.
pub const NO_CERTIFICATE: u32 = 3;
/// Refused by the core: revoked, wrong token, not taken.
pub const REFUSED: u32 = 4;
/// A handshake, first frame or body that did not come in time.
pub const TOO_SLOW: u32 = 5;
/// A newer session or stream of the same sandbox took over.
pub const SUPERSEDED: u32 = 6;
/// This process stops; another may answer.
pub const GOING_DOWN: u32 = 7;
/// A bound was reached.
pub const BUSY: u32 = 8;
/// A fault of ours.
pub const INTERNAL: u32 = 9;
/// The session outlived its certificate.
pub const EXPIRED: u32 = 10;
/// The receiver has these bytes already.
pub const HAVE_IT: u32 = 11;
/// More messages of a kind than an agent has reason to send.
pub const FLOOD: u32 = 12;
