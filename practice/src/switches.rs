//! The query switches with which tests ask a form to misbehave.

use std::time::Duration;

use axum::http::Uri;

/// The longest delay a switch may ask for: longer than any client of ours waits for one answer.
pub const DELAY_MAX: Duration = Duration::from_secs(30);

/// How a form behaves when it is sent. The default is: well.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    pub fail: Option<Fail>,
    /// Wait this long between recording a submission and answering it.
    pub delay_submit: Duration,
    /// Record the submission, then close the connection without an answer.
    ///
    /// A browser that had used the connection before sends the request again by itself, without a
    /// second click; each arrival is recorded, as at a real employer.
    pub lose_answer: bool,
}

/// What goes wrong the first time an applicant, known by e-mail address, sends a form at one address
/// (path and query). Any other parameter in the query makes it a new address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// The server finds fault with an answer that is right.
    ValidationOnce,
    /// The server breaks before recording anything.
    ServerErrorOnce,
}

impl Switches {
    /// Reads the query of `uri`. Unknown names are left alone, as tracking parameters are anywhere.
    pub fn read(uri: &Uri) -> Result<Self, String> {
        let mut switches = Self::default();
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match (&*name, &*value) {
                ("fail", "validation-once") => switches.fail = Some(Fail::ValidationOnce),
                ("fail", "500-once") => switches.fail = Some(Fail::ServerErrorOnce),
                ("fail", _) => return Err("fail must be validation-once or 500-once".to_owned()),
                ("delay_submit_ms", value) => switches.delay_submit = milliseconds(value)?,
                ("lose_answer", "1") => switches.lose_answer = true,
                ("lose_answer", _) => return Err("lose_answer must be 1".to_owned()),
                _ => {}
            }
        }
        Ok(switches)
    }
}

/// A delay of `text` milliseconds, at most [`DELAY_MAX`].
pub fn milliseconds(text: &str) -> Result<Duration, String> {
    let delay = text.parse().map(Duration::from_millis).ok().filter(|delay| *delay <= DELAY_MAX);
    delay.ok_or_else(|| format!("a delay must be between 0 and {} milliseconds", DELAY_MAX.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Switches, String> {
        Switches::read(&format!("/lever/x?{query}").parse().unwrap())
    }

    #[test]
    fn switches_are_read_and_bounded() {
        assert_eq!(read("utm_source=mail"), Ok(Switches::default()));
        let all = Switches { fail: Some(Fail::ServerErrorOnce), delay_submit: DELAY_MAX, lose_answer: true };
        assert_eq!(read("fail=500-once&delay_submit_ms=30000&lose_answer=1"), Ok(all));
        for bad in ["fail=always", "delay_submit_ms=30001", "delay_submit_ms=-1", "lose_answer=yes"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
