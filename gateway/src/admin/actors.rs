//! The live actor tree of all coordinators, and orders to one actor.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::DateTime;
use protocol::ids::NodeId;
use protocol::inspect::{self, Ask, Count, Filter, Order, PAGE_MAX, Reply, key};
use serde::Serialize;
use serde_json::json;
use store::{audit, db};
use tracing::info;
use utoipa::ToSchema;
use uuid::Uuid;

use super::nodes::{self, Told};
use crate::app::AppState;
use crate::auth::caller::Admin;
use crate::dates::Date;
use crate::error::{ApiError, BUSY, ErrorResponse};
use crate::input::{Fields, Input, Query, int_text, text, uuid};

/// Longest id of an actor: a kind and a UUID.
const ID_MAX: usize = 60;
/// An id and a node's.
const CURSOR_MAX: usize = 120;

pub struct Asked {
    filter: Filter,
}

impl Input for Asked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let kind = fields.may("kind", text(1, 30));
        let state = fields.may("state", text(1, 30));
        let limit = fields.or("limit", int_text(1, PAGE_MAX as i64), 50);
        let after = fields.may("cursor", text(1, CURSOR_MAX));
        let limit = usize::try_from(limit?).ok()?;
        Some(Self { filter: Filter { kind: kind?, state: state?, after: after?, limit } })
    }
}

pub struct OnNode {
    node: Option<NodeId>,
}

impl Input for OnNode {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { node: fields.may("node", uuid())? })
    }
}

/// One actor as of now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorResponse {
    /// Unique within its node: `task:<id>`, `sandbox:<id>`, `tasks:<n>`, or a kind like `dispatcher`.
    id: String,
    kind: String,
    parent: Option<String>,
    node_id: Uuid,
    /// One word; `stuck` when it does not get on with its messages.
    state: String,
    /// Messages not handled yet.
    mailbox_depth: u32,
    oldest_message_ms: Option<u64>,
    handled: u64,
    started_at: Option<Date>,
    restarts: u32,
    /// The kind of the last message.
    last_message: Option<String>,
    last_message_ms: Option<u64>,
    last_error: Option<String>,
    lease_id: Option<Uuid>,
    deadline: Option<DeadlineResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DeadlineResponse {
    what: String,
    at: Option<Date>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CountResponse {
    total: u32,
    stuck: u32,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorListResponse {
    data: Vec<ActorResponse>,
    /// Give it back to read on; none at the end.
    next_cursor: Option<String>,
    /// Of all actors by kind, whatever was asked for.
    counts: BTreeMap<String, CountResponse>,
    /// Coordinators that answered.
    nodes: Vec<Uuid>,
    /// Coordinators that own applications and did not answer: their actors are missing here.
    unreachable: Vec<Uuid>,
}

fn date(at_ms: i64) -> Option<Date> {
    DateTime::from_timestamp_millis(at_ms).map(Date)
}

impl From<inspect::Actor> for ActorResponse {
    fn from(actor: inspect::Actor) -> Self {
        Self {
            id: actor.id,
            kind: actor.kind,
            parent: actor.parent,
            node_id: actor.node.0,
            state: actor.state,
            mailbox_depth: actor.depth,
            oldest_message_ms: actor.oldest_ms,
            handled: actor.handled,
            started_at: date(actor.started_at_ms),
            restarts: actor.restarts,
            last_message: actor.last_message,
            last_message_ms: actor.last_message_ms,
            last_error: actor.last_error,
            lease_id: actor.lease.map(|lease| lease.0),
            deadline: actor.deadline.map(|deadline| DeadlineResponse { what: deadline.what, at: date(deadline.at_ms) }),
        }
    }
}

/// One page of the live actors of all coordinators: infrastructure first, then hosts, then applications.
#[utoipa::path(get, path = "/api/v1/admin/actors", tag = "admin",
    params(("kind" = Option<String>, Query), ("state" = Option<String>, Query), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ActorListResponse), (status = 403, body = ErrorResponse)))]
pub async fn list(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Query(asked): Query<Asked>,
) -> Result<Json<ActorListResponse>, ApiError> {
    let limit = asked.filter.limit;
    let told = nodes::ask(&app, &caller, Ask::List(asked.filter), nodes::LOOK).await?;
    Ok(Json(merged(told, limit)))
}

fn merged(told: Told, limit: usize) -> ActorListResponse {
    let nodes = told.answers.iter().map(|answer| answer.node.0).collect();
    let mut counts: BTreeMap<String, CountResponse> = BTreeMap::new();
    let (mut actors, mut more) = (Vec::new(), false);
    for answer in told.answers {
        let Reply::List(listing) = answer.reply else { continue };
        for (kind, Count { total, stuck }) in listing.counts {
            let count = counts.entry(kind).or_insert(CountResponse { total: 0, stuck: 0 });
            count.total += total;
            count.stuck += stuck;
        }
        more |= listing.more;
        actors.extend(listing.actors.into_iter().map(|actor| (actor.place(), actor)));
    }
    actors.sort_by(|a, b| key(&a.0).cmp(&key(&b.0)));
    more |= actors.len() > limit;
    actors.truncate(limit);
    let next_cursor = actors.last().filter(|_| more).map(|(place, _)| place.clone());
    let unreachable = told.unreachable.iter().map(|node| node.0).collect();
    let data = actors.into_iter().map(|(_, actor)| actor.into()).collect();
    ActorListResponse { data, next_cursor, counts, nodes, unreachable }
}

fn not_found() -> ApiError {
    ApiError::refused(
        StatusCode::NOT_FOUND,
        "ACTOR_NOT_FOUND",
        "There is no such live actor. An application that only waits has none until something happens to it.",
    )
}

fn several() -> ApiError {
    ApiError::refused(
        StatusCode::CONFLICT,
        "ACTOR_AMBIGUOUS",
        "Several coordinators have an actor of this name. Name the one you mean with ?node=.",
    )
}

/// The only actor of this id (on that node, if one is named).
async fn find(
    app: &AppState,
    caller: &crate::auth::caller::Caller,
    id: &str,
    node: Option<NodeId>,
) -> Result<inspect::Actor, ApiError> {
    if id.len() > ID_MAX {
        return Err(not_found());
    }
    let told = nodes::ask(app, caller, Ask::One { id: id.to_owned() }, nodes::LOOK).await?;
    let partial = told.is_partial();
    let found = told.answers.into_iter().filter_map(|answer| match answer.reply {
        Reply::One(actor) => actor,
        _ => None,
    });
    let mut found: Vec<_> = found.filter(|actor| node.is_none_or(|node| actor.node == node)).collect();
    match (found.pop(), found.is_empty()) {
        (Some(actor), true) => Ok(*actor),
        (Some(_), false) => Err(several()),
        (None, _) if partial => Err(ApiError::Unavailable { message: BUSY }),
        (None, _) => Err(not_found()),
    }
}

/// One actor.
#[utoipa::path(get, path = "/api/v1/admin/actors/{id}", tag = "admin",
    params(("id" = String, Path), ("node" = Option<Uuid>, Query)),
    responses((status = 200, body = ActorResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn get(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Query(on): Query<OnNode>,
) -> Result<Json<ActorResponse>, ApiError> {
    Ok(Json(find(&app, &caller, &id, on.node).await?.into()))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SteeredResponse {
    id: String,
    node_id: Uuid,
    /// `restart` or `stop`.
    action: String,
    message: String,
}

/// Ends one actor and has its supervisor start it again, from its row. What it owes is repeated.
#[utoipa::path(post, path = "/api/v1/admin/actors/{id}/restart", tag = "admin",
    params(("id" = String, Path), ("node" = Option<Uuid>, Query)),
    responses((status = 200, body = SteeredResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn restart(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Query(on): Query<OnNode>,
) -> Result<Json<SteeredResponse>, ApiError> {
    steer(&app, &caller, id, on.node, Order::Restart).await
}

/// Has an application's actor leave memory; a message or a deadline brings it back. Other actors cannot be stopped.
#[utoipa::path(post, path = "/api/v1/admin/actors/{id}/stop", tag = "admin",
    params(("id" = String, Path), ("node" = Option<Uuid>, Query)),
    responses((status = 200, body = SteeredResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
pub async fn stop(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Query(on): Query<OnNode>,
) -> Result<Json<SteeredResponse>, ApiError> {
    steer(&app, &caller, id, on.node, Order::Stop).await
}

async fn steer(
    app: &AppState,
    caller: &crate::auth::caller::Caller,
    id: String,
    node: Option<NodeId>,
    order: Order,
) -> Result<Json<SteeredResponse>, ApiError> {
    let actor = find(app, caller, &id, node).await?;
    let node = actor.node;
    // Written first, as an order: nothing is done without its row, and no transaction waits for a coordinator.
    let mut tx = app.store.begin().await?;
    let action = match order {
        Order::Restart => "actor.restart",
        Order::Stop => "actor.stop",
    };
    audit::record(&mut tx, caller.user, action, &json!({ "actorId": id, "nodeId": node })).await?;
    db::commit(tx, "noting an admin's order").await?;
    let ask = Ask::Steer { id: id.clone(), order, node };
    let told = nodes::ask(app, caller, ask, nodes::STEER).await?;
    match told.answers.into_iter().find(|answer| answer.node == node).map(|answer| answer.reply) {
        Some(Reply::Steered) => {}
        Some(Reply::Conflict(message)) => {
            return Err(ApiError::refused(StatusCode::CONFLICT, "ACTOR_NOT_STEERABLE", message));
        }
        Some(Reply::Forbidden) => return Err(ApiError::forbidden()),
        Some(_) => return Err(not_found()),
        None => return Err(ApiError::Unavailable { message: BUSY }),
    }
    info!(actor.id = %id, user.id = %caller.user, action, "an actor was steered");
    let message = match order {
        Order::Restart => "It was restarted.",
        Order::Stop => "It was stopped. A message or a deadline brings it back.",
    };
    Ok(Json(SteeredResponse { id, node_id: node.0, action: order.to_string(), message: message.to_owned() }))
}
