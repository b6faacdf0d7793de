//! Each person's numbered stream of messages: gap-free, in order, kept for a while so that a screen can catch up.
//!
//! Written in the transaction of the change it tells of; read by gateways for resuming and for what the bus lost.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use protocol::ids::UserId;
use protocol::planted::{Bug, planted};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::bus::Message;
use crate::{StoreError, Transaction};

/// Where a person's stream stands, with what decides whether their sockets may stay.
#[derive(Debug, Clone)]
pub struct Tail {
    pub user: UserId,
    pub last_seq: i64,
    pub is_active: bool,
    pub is_admin: bool,
    pub token_version: i32,
}

/// Numbers and stores messages (each a JSON object with a `type`); returns them ready for the bus, to be published
/// after the commit.
///
/// # Errors
/// When the database fails.
pub async fn append(db: &mut Transaction<'_>, user: UserId, events: &[Json]) -> Result<Vec<Message>, StoreError> {
    let events = events.iter().map(|event| (user, event.clone())).collect();
    append_all(db, events, &[]).await
}

/// The same for several people at once, in the order given. `locked` have their counter's row locked although nothing
/// is told to them.
///
/// # Errors
/// When the database fails.
pub(crate) async fn append_all(
    db: &mut Transaction<'_>,
    events: Vec<(UserId, Json)>,
    locked: &[UserId],
) -> Result<Vec<Message>, StoreError> {
    let mut counts: BTreeMap<UserId, i64> = locked.iter().map(|user| (*user, 0)).collect();
    let mut places = Vec::with_capacity(events.len());
    for (user, _) in &events {
        let count = counts.entry(*user).or_default();
        *count += 1;
        places.push(*count);
    }
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let people: Vec<Uuid> = counts.keys().map(|id| id.0).collect();
    let numbers: Vec<i64> = counts.values().copied().collect();
    let users: Vec<Uuid> = events.iter().map(|(user, _)| user.0).collect();
    let payloads: Vec<&Json> = events.iter().map(|(_, event)| event).collect();
    let at = Utc::now();
    let counted = sqlx::query_file!("sql/journal/told.sql", &people, &numbers, &users, &places, &payloads as _, at)
        .fetch_all(db)
        .await
        .map_err(StoreError::during("storing messages"))?;
    let last: HashMap<Uuid, i64> = counted.iter().map(|row| (row.user_id, row.last_seq)).collect();
    let mut messages: Vec<Message> = events
        .into_iter()
        .zip(places)
        .map(|((user, event), place)| {
            let told = counts.get(&user).copied().unwrap_or_default();
            message(user, last.get(&user.0).copied().unwrap_or_default() - told + place, event, at)
        })
        .collect();
    if planted(Bug::EventsReversed) {
        messages.reverse();
    }
    Ok(messages)
}

/// Number of the person's latest message, 0 before the first.
///
/// # Errors
/// When the database fails.
pub async fn last_seq(db: &mut Transaction<'_>, user: UserId) -> Result<i64, StoreError> {
    let last = sqlx::query_scalar!("SELECT last_seq FROM user_streams WHERE user_id = $1", user.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("reading a stream's number"))?;
    Ok(last.unwrap_or(0))
}

/// Messages after `since`, in order, at most `limit`. A first number other than `since + 1` means that older ones
/// are no longer kept.
///
/// # Errors
/// When the database fails.
pub async fn after(db: &mut Transaction<'_>, user: UserId, since: i64, limit: i64) -> Result<Vec<Message>, StoreError> {
    let rows = sqlx::query!(
        "SELECT seq, payload, created_at FROM user_events WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        user.0,
        since,
        limit
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading messages"))?;
    Ok(rows.into_iter().map(|row| message(user, row.seq, row.payload, row.created_at)).collect())
}

/// Where the streams of these people stand; people who no longer exist are left out.
///
/// # Errors
/// When the database fails.
pub async fn tails(db: &mut Transaction<'_>, users: &[Uuid]) -> Result<Vec<Tail>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT u.id, coalesce(s.last_seq, 0) AS "last_seq!", u.is_active, u.token_version,
                  u.role::text IN ('admin', 'superadmin') AS "is_admin!"
             FROM users u LEFT JOIN user_streams s ON s.user_id = u.id WHERE u.id = ANY($1)"#,
        users
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading the streams' numbers"))?;
    Ok(rows
        .into_iter()
        .map(|row| Tail {
            user: UserId(row.id),
            last_seq: row.last_seq,
            is_active: row.is_active,
            is_admin: row.is_admin,
            token_version: row.token_version,
        })
        .collect())
}

fn message(user: UserId, seq: i64, mut payload: Json, at: DateTime<Utc>) -> Message {
    if let Some(members) = payload.as_object_mut() {
        members.insert("seq".to_owned(), seq.into());
        members.insert("at".to_owned(), at.to_rfc3339_opts(SecondsFormat::Millis, true).into());
    }
    Message { user, seq: Some(seq), json: Arc::from(payload.to_string()) }
}
