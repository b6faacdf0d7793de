//! The metadata service of an EC2 instance (IMDSv2), asked for one thing: the instance's signed identity document.
//!
//! Called by [`crate::enrol`] before a host has an identity. Plain HTTP to one address, never through a proxy: the
//! document is this host's only if it comes from this host's own service.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// Where it is on every instance.
pub const ADDRESS: &str = "http://169.254.169.254";
/// It answers in milliseconds, from the host's own hypervisor. Where there is none nobody refuses the connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Its token is used at once.
const TOKEN_TTL_SECONDS: &str = "60";
/// A signed document has 1,500 characters, a token 56.
const ANSWER_MAX: usize = 16 << 10;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the metadata service's address is not http://HOST")]
    Address,
    #[error("the metadata service does not answer; is this an EC2 instance?")]
    Unanswered,
    #[error("the metadata service answers {0}; it may be off for this instance")]
    Refused(StatusCode),
    #[error("the metadata service answers what is no signed document")]
    Malformed,
}

impl Error {
    /// Whether asking again may go well without anyone doing something.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unanswered => true,
            Self::Refused(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Address | Self::Malformed => false,
        }
    }
}

/// The CMS message with this instance's identity document.
///
/// # Errors
/// See [`Error::is_passing`].
pub async fn signed_document(address: &str) -> Result<Vec<u8>, Error> {
    let base: Url = address.parse().map_err(|_| Error::Address)?;
    let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_SECONDS);
    let token = ask(&base, Method::PUT, "/latest/api/token", ttl).await?;
    let token = ("x-aws-ec2-metadata-token", token.trim());
    let mut text = ask(&base, Method::GET, "/latest/dynamic/instance-identity/rsa2048", token).await?;
    text.retain(|c| !c.is_ascii_whitespace());
    STANDARD.decode(text).map_err(|_| Error::Malformed)
}

async fn ask(base: &Url, method: Method, path: &str, header: (&str, &str)) -> Result<String, Error> {
    let (Some(host), Some(port), "http") = (base.host_str(), base.port_or_known_default(), base.scheme()) else {
        return Err(Error::Address);
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, base.authority())
        .header(header.0, header.1)
        .body(Empty::<Bytes>::new())
        .map_err(|_| Error::Malformed)?;
    let answer = async {
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(|_| Error::Unanswered)?;
        let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Error::Unanswered)?;
        let talk = async {
            let answer = send.send_request(request).await.map_err(|_| Error::Unanswered)?;
            if !answer.status().is_success() {
                return Err(Error::Refused(answer.status()));
            }
            let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await.map_err(|_| Error::Malformed)?;
            String::from_utf8(body.to_bytes().into()).map_err(|_| Error::Malformed)
        };
        // The connection does the work, and is over at the latest when nobody wants anything of it.
        tokio::pin!(talk);
        tokio::select! {
            answer = &mut talk => answer,
            _ = connection => talk.await,
        }
    };
    tokio::time::timeout(ANSWER_TIMEOUT, answer).await.map_err(|_| Error::Unanswered)?
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::{get, put};

    use super::*;

    const DOCUMENT: &str = "/latest/dynamic/instance-identity/rsa2048";

    async fn serve(router: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        format!("http://{address}")
    }

    fn with_token(document: &'static str) -> Router {
        let token = |headers: HeaderMap| async move {
            let ttl = headers["x-aws-ec2-metadata-token-ttl-seconds"].to_str().unwrap().parse::<u32>();
            assert!(ttl.is_ok_and(|ttl| (1..=21_600).contains(&ttl)), "what the service takes");
            "AQAEA=="
        };
        let document = move |headers: HeaderMap| async move {
            let known = headers.get("x-aws-ec2-metadata-token").is_some_and(|token| token == "AQAEA==");
            if known { (StatusCode::OK, document) } else { (StatusCode::UNAUTHORIZED, "") }
        };
        Router::new().route("/latest/api/token", put(token)).route(DOCUMENT, get(document))
    }

    #[tokio::test]
    async fn the_document_comes_in_lines_and_for_a_token() {
        let address = serve(with_token("AAEC\nAwQF\n")).await;
        assert_eq!(signed_document(&address).await.unwrap(), [0, 1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn what_is_not_the_service_of_an_instance_is_an_error() {
        let off = serve(Router::new().route("/latest/api/token", put(|| async { StatusCode::FORBIDDEN }))).await;
        let error = signed_document(&off).await.unwrap_err();
        assert!(matches!(error, Error::Refused(StatusCode::FORBIDDEN)) && !error.is_passing(), "{error}");
        let busy = serve(Router::new().route("/latest/api/token", put(|| async { StatusCode::BAD_GATEWAY }))).await;
        assert!(signed_document(&busy).await.unwrap_err().is_passing());
        for odd in ["no base64!", "\u{e9}"] {
            assert!(matches!(signed_document(&serve(with_token(odd)).await).await, Err(Error::Malformed)));
        }
        let endless: &'static str = "A".repeat(ANSWER_MAX + 4).leak();
        assert!(matches!(signed_document(&serve(with_token(endless)).await).await, Err(Error::Malformed)));
        for bad in ["169.254.169.254", "https://169.254.169.254", "http:"] {
            assert!(matches!(signed_document(bad).await, Err(Error::Address)), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_is_not_waited_for() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", silent.local_addr().unwrap());
        assert!(matches!(signed_document(&address).await, Err(Error::Unanswered)));
        drop(silent);
        let error = signed_document(&address).await.unwrap_err();
        assert!(matches!(error, Error::Unanswered) && error.is_passing());
    }
}
