//! Extractors: a JSON body, a query, an id in the path.

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use futures::StreamExt as _;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{Fields, Input, Issue};
use crate::error::{ApiError, Place};

/// Largest JSON body, by the contract.
pub const JSON_MAX: usize = 1 << 20;
/// How much beyond a limit is read and dropped before giving up. A client that is still sending when the answer
/// comes tends to see a broken connection instead of the answer.
pub const DISCARD_MAX: usize = 32 << 20;
/// Most parameters of a query.
const QUERY_MAX: usize = 50;

/// A checked JSON body; an empty one stands for `{}`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = read_bounded(request.into_body(), JSON_MAX).await?;
        let value = if bytes.is_empty() {
            Json::Object(Map::new())
        } else {
            if !declared.as_deref().is_some_and(is_json) {
                return Err(ApiError::unsupported_media("The body must be application/json"));
            }
            serde_json::from_slice(&bytes).map_err(|_| ApiError::bad_request("The body is not valid JSON"))?
        };
        let Json::Object(members) = &value else {
            return Err(ApiError::invalid(Place::Body, vec![Issue::wrong_type("object", Some(&value))]));
        };
        Fields::read(members).map(Self).map_err(|issues| ApiError::invalid(Place::Body, issues))
    }
}

fn is_json(declared: &str) -> bool {
    let essence = declared.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The whole body, up to `max` bytes.
async fn read_bounded(body: HttpBody, max: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut seen = 0_usize;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("The body broke off"))?;
        seen += chunk.len();
        if seen <= max {
            bytes.extend_from_slice(&chunk);
        } else if seen > max + DISCARD_MAX {
            break;
        }
    }
    if seen > max { Err(ApiError::too_large(max)) } else { Ok(bytes.into()) }
}

/// A checked query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let members: Map<String, Json> = url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes())
            .take(QUERY_MAX)
            .map(|(name, value)| (name.into_owned(), Json::String(value.into_owned())))
            .collect();
        Fields::read(&members).map(Self).map_err(|issues| ApiError::invalid(Place::Query, issues))
    }
}

/// The first id in the path.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T: From<Uuid>, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::bad_request("The path is not valid"))?;
        let (name, value) = params.iter().next().unwrap_or(("id", ""));
        super::uuid()(&Json::String(value.to_owned()))
            .map(Self)
            .map_err(|issues| ApiError::invalid(Place::Path, issues.into_iter().map(|issue| issue.at(name)).collect()))
    }
}
