//! The rows beside a task's own: its history, review, permits, results, learned answers, notifications.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protocol::ids::{ArtifactId, QaEntryId};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{CommitError, ResultRow, Step, TaskEvent, Write, corrupt, failed};
use crate::Transaction;
use crate::tasks::{Review, Task};

pub(super) async fn all(db: &mut Transaction<'_>, steps: &[Step]) -> Result<(), CommitError> {
    write_events(db, steps).await?;
    for step in steps {
        for write in &step.writes {
            write_one(db, &step.task, write).await?;
        }
    }
    pause_sites(db, steps).await
}

async fn write_events(db: &mut Transaction<'_>, steps: &[Step]) -> Result<(), CommitError> {
    let events: Vec<(Uuid, &TaskEvent)> =
        steps.iter().flat_map(|step| step.events.iter().map(|event| (step.task.id.0, event))).collect();
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = events.iter().map(|_| Uuid::now_v7()).collect();
    let tasks: Vec<Uuid> = events.iter().map(|(task, _)| *task).collect();
    let types: Vec<&str> = events.iter().map(|(_, event)| event.event_type).collect();
    let from: Vec<Option<&str>> = events.iter().map(|(_, event)| event.from_status).collect();
    let to: Vec<Option<&str>> = events.iter().map(|(_, event)| event.to_status).collect();
    let data: Vec<_> = events
        .iter()
        .map(|(_, event)| event.data.raw().map(sqlx::types::Json))
        .collect::<Result<_, _>>()
        .map_err(|_| corrupt("writing task events"))?;
    // Apart, so that a task's events stay in their order.
    let times: Vec<DateTime<Utc>> = events.iter().map(|_| Utc::now()).collect();
    sqlx::query!(
        "INSERT INTO task_events (id, task_id, event_type, from_status, to_status, event_data, created_at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::timestamptz[])",
        &ids,
        &tasks,
        &types as _,
        &from as _,
        &to as _,
        &data as _,
        &times
    )
    .execute(db)
    .await
    .map_err(failed("writing task events"))?;
    Ok(())
}

/// In the order of their names, as every batch locks them.
async fn pause_sites(db: &mut Transaction<'_>, steps: &[Step]) -> Result<(), CommitError> {
    let mut pauses: BTreeMap<&str, DateTime<Utc>> = BTreeMap::new();
    for step in steps {
        let Some(site) = step.task.site.as_deref() else { continue };
        for write in &step.writes {
            if let Write::SitePaused { until } = write {
                let pause = pauses.entry(site).or_insert(*until);
                *pause = (*pause).max(*until);
            }
        }
    }
    if pauses.is_empty() {
        return Ok(());
    }
    let sites: Vec<String> = pauses.keys().map(|site| (*site).to_owned()).collect();
    let untils: Vec<DateTime<Utc>> = pauses.values().copied().collect();
    sqlx::query!(
        "INSERT INTO site_limits (site, paused_until)
         SELECT site, until FROM unnest($1::varchar[], $2::timestamptz[]) AS p (site, until) ORDER BY site
         ON CONFLICT (site) DO UPDATE
            SET paused_until = greatest(site_limits.paused_until, EXCLUDED.paused_until), updated_at = now()",
        &sites,
        &untils
    )
    .execute(db)
    .await
    .map_err(failed("pausing sites"))?;
    Ok(())
}

async fn write_one(db: &mut Transaction<'_>, task: &Task, write: &Write) -> Result<(), CommitError> {
    match write {
        Write::Review(review) => write_review(db, task, review).await,
        Write::PermitGranted { id, lease, grant, form, values } => {
            sqlx::query!(
                "INSERT INTO permits (id, task_id, lease_id, grant_number, form_digest, values_digest)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                id.0,
                task.id.0,
                lease.0,
                grant,
                &form.0[..],
                &values.0[..]
            )
            .execute(db)
            .await
            .map_err(failed("granting a permit"))?;
            Ok(())
        }
        Write::PermitClosed { id, state } => {
            sqlx::query!(
                "UPDATE permits SET state = $2::text::permit_state, closed_at = now() WHERE id = $1",
                id.0,
                state.as_str()
            )
            .execute(db)
            .await
            .map_err(failed("closing a permit"))?;
            Ok(())
        }
        Write::Results(rows) => write_results(db, task, rows).await,
        Write::PicturesDropped(pictures) => {
            let ids: Vec<uuid::Uuid> = pictures.iter().map(|picture| picture.0).collect();
            sqlx::query!("DELETE FROM artifacts WHERE id = ANY($1) AND task_id = $2", &ids, task.id.0)
                .execute(db)
                .await
                .map_err(failed("dropping pictures"))?;
            Ok(())
        }
        Write::AnswersUsed(entries) => {
            let ids: Vec<uuid::Uuid> = entries.iter().map(|entry| entry.0).collect();
            sqlx::query!(
                "UPDATE qa_bank SET times_used = times_used + 1 WHERE id = ANY($1) AND user_id = $2",
                &ids,
                task.user_id.0
            )
            .execute(db)
            .await
            .map_err(failed("counting used answers"))?;
            Ok(())
        }
        Write::AnswerLearned { category, question, answer } => {
            let known = sqlx::query!(
                "UPDATE qa_bank SET answer = $3, updated_at = now() WHERE user_id = $1 AND lower(question) = lower($2)",
                task.user_id.0,
                question,
                answer
            )
            .execute(&mut *db)
            .await
            .map_err(failed("keeping an answer"))?;
            if known.rows_affected() == 0 {
                sqlx::query!(
                    "INSERT INTO qa_bank (id, user_id, category, question, answer, source)
                     VALUES ($1, $2, $3, $4, $5, 'application_learned')",
                    QaEntryId::new().0,
                    task.user_id.0,
                    category,
                    question,
                    answer
                )
                .execute(db)
                .await
                .map_err(failed("keeping an answer"))?;
            }
            Ok(())
        }
        // Written for all steps together.
        Write::SitePaused { .. } => Ok(()),
        Write::CrashesForgotten => {
            sqlx::query!("UPDATE tasks SET crashes = 0 WHERE id = $1", task.id.0)
                .execute(db)
                .await
                .map_err(failed("forgetting crashes"))?;
            Ok(())
        }
        Write::Notification { kind, title, body, metadata } => {
            sqlx::query!(
                "INSERT INTO notifications (id, user_id, type, title, body, metadata) VALUES ($1, $2, $3, left($4, 255), $5, $6)",
                uuid::Uuid::now_v7(), task.user_id.0, kind, title, body, metadata
            )
            .execute(db)
            .await
            .map_err(failed("writing a notification"))?;
            Ok(())
        }
    }
}

async fn write_review(db: &mut Transaction<'_>, task: &Task, review: &Review) -> Result<(), CommitError> {
    let encode = |value: Result<Json, serde_json::Error>| value.map_err(|_| corrupt("encoding a review"));
    sqlx::query!(
        "INSERT INTO task_reviews (task_id, revision, status, form, plan, results, form_digest, values_digest, screenshot_id,
                                   approved)
         VALUES ($1, $2, $3::text::review_status, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (task_id) DO UPDATE
            SET revision = EXCLUDED.revision, status = EXCLUDED.status, form = EXCLUDED.form, plan = EXCLUDED.plan,
                results = EXCLUDED.results, form_digest = EXCLUDED.form_digest, values_digest = EXCLUDED.values_digest,
                screenshot_id = EXCLUDED.screenshot_id, approved = EXCLUDED.approved, updated_at = now()",
        task.id.0,
        review.revision,
        review.status.as_str(),
        encode(serde_json::to_value(&review.form))?,
        encode(serde_json::to_value(&review.plan))?,
        encode(serde_json::to_value(&review.results))?,
        &review.form_digest().0[..],
        &review.values_digest().0[..],
        review.screenshot.map(|ArtifactId(id)| id),
        review.approved.map(|approved| serde_json::to_value(approved)).transpose().map_err(|_| corrupt("encoding a review"))?
    )
    .execute(db)
    .await
    .map_err(failed("writing a review"))?;
    Ok(())
}

async fn write_results(db: &mut Transaction<'_>, task: &Task, rows: &[ResultRow]) -> Result<(), CommitError> {
    for table in ["results", "fields"] {
        let cleared = if table == "results" {
            sqlx::query!("DELETE FROM application_results WHERE task_id = $1", task.id.0).execute(&mut *db).await
        } else {
            sqlx::query!("DELETE FROM application_fields WHERE application_id = $1", task.id.0).execute(&mut *db).await
        };
        cleared.map_err(failed("replacing results"))?;
    }
    let now = Utc::now();
    let results: Vec<Json> = rows
        .iter()
        .map(|row| {
            json!({
                "id": uuid::Uuid::now_v7(), "task_id": task.id, "field_name": row.field_name, "field_type": row.field_type,
                "value": row.value, "source": row.source, "confidence": row.confidence,
                "qa_bank_entry_id": row.qa_bank_entry_id, "user_overridden": row.user_overridden,
                "metadata": { "fieldId": row.field, "section": row.section, "sent": row.sent }, "filled_at": now,
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO application_results SELECT * FROM jsonb_populate_recordset(NULL::application_results, $1)",
        json!(results)
    )
    .execute(&mut *db)
    .await
    .map_err(failed("writing results"))?;
    let fields: Vec<Json> = rows
        .iter()
        .map(|row| {
            json!({
                "id": uuid::Uuid::now_v7(), "application_id": task.id, "field_name": row.field_name,
                "field_value": row.value, "created_at": now,
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO application_fields SELECT * FROM jsonb_populate_recordset(NULL::application_fields, $1)",
        json!(fields)
    )
    .execute(db)
    .await
    .map_err(failed("writing fields"))?;
    Ok(())
}
