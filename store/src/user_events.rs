//! Each person's numbered stream of messages: gap-free, in order, kept for a while so that a screen can catch up.
//!
//! Written in the transaction of the change it tells of; read by gateways for resuming and for what the bus lost.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use protocol::ids::UserId;
use serde_json::Value as Json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;
use crate::bus::Message;

/// Where a person's stream stands, with what decides whether their sockets may stay.
#[derive(Debug, Clone)]
pub struct Tail {
    pub user: UserId,
    pub last_seq: i64,
    pub is_active: bool,
    pub token_version: i32,
}

/// Numbers and stores messages (each a JSON object with a `type`); returns them ready for the bus, to be published
/// after the commit. The numbers follow commit order, because the counter's row stays locked until then.
///
/// # Errors
/// When the database fails.
pub async fn append(db: &mut PgConnection, user: UserId, events: &[Json]) -> Result<Vec<Message>, StoreError> {
    let count = events.len() as i64;
    let counter = sqlx::query!(
        "INSERT INTO user_streams AS s (user_id, last_seq) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET last_seq = s.last_seq + $2
         RETURNING last_seq, now() AS \"at!\"",
        user.0,
        count
    )
    .fetch_one(&mut *db)
    .await
    .map_err(StoreError::during("numbering messages"))?;
    let numbers: Vec<i64> = (counter.last_seq - count + 1..=counter.last_seq).collect();
    sqlx::query!(
        "INSERT INTO user_events (user_id, seq, payload)
         SELECT $1, seq, payload FROM unnest($2::bigint[], $3::jsonb[]) AS e (seq, payload)",
        user.0,
        &numbers,
        events
    )
    .execute(db)
    .await
    .map_err(StoreError::during("storing messages"))?;
    Ok(numbers.into_iter().zip(events).map(|(seq, event)| message(user, seq, event.clone(), counter.at)).collect())
}

/// Number of the person's latest message, 0 before the first.
///
/// # Errors
/// When the database fails.
pub async fn last_seq(db: &mut PgConnection, user: UserId) -> Result<i64, StoreError> {
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
pub async fn after(db: &mut PgConnection, user: UserId, since: i64, limit: i64) -> Result<Vec<Message>, StoreError> {
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
pub async fn tails(db: &mut PgConnection, users: &[Uuid]) -> Result<Vec<Tail>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT u.id, coalesce(s.last_seq, 0) AS "last_seq!", u.is_active, u.token_version
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
