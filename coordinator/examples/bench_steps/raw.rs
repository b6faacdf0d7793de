//! What the database does at most with a step's rows: the same tables, the same sizes, many rows a statement, one
//! transaction after the other, nothing checked.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

/// Steps per second, `rows` of them in a transaction.
pub async fn rate(pool: &PgPool, rows: usize, measured: Duration) -> anyhow::Result<f64> {
    let (mut users, mut tasks) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let (user, at) = super::person(pool).await?;
        users.push(user.0);
        tasks.push(at.id.0);
    }
    // Nobody else is to touch them.
    sqlx::query("UPDATE tasks SET wake_at = NULL, status = 'completed' WHERE id = ANY($1)")
        .bind(&tasks)
        .execute(pool)
        .await?;
    let told = json!({
        "type": "task_update", "taskId": tasks[0], "status": "in_progress", "progress": 20,
        "currentStep": "Opening the job's page", "phase": "navigating", "seq": 1, "at": "2026-01-01T12:00:00.000Z",
    });
    let data = json!({ "step": "navigating", "message": "Opening the job's page" });
    // Beyond what a coordinator that saw them first may have told.
    let (mut committed, mut number, began) = (0_usize, 1_000_000_i64, Instant::now());
    while began.elapsed() < measured {
        number += 1;
        let phase = if number % 2 == 0 { "analyzing" } else { "navigating" };
        let mut tx = pool.begin().await?;
        sqlx::query(
            "UPDATE tasks t SET generation = t.generation + 1, updated_at = now(), phase = $2, progress = 20,
                    current_step = 'Opening the job''s page', last_report = $3
               FROM unnest($1::uuid[]) AS n (id) WHERE t.id = n.id",
        )
        .bind(&tasks)
        .bind(phase)
        .bind(number)
        .execute(&mut *tx)
        .await?;
        let ids: Vec<Uuid> = tasks.iter().map(|_| Uuid::now_v7()).collect();
        sqlx::query(
            "INSERT INTO task_events (id, task_id, event_type, event_data, created_at)
             SELECT i, t, 'checkpoint', $3, now() FROM unnest($1::uuid[], $2::uuid[]) AS n (i, t)",
        )
        .bind(&ids)
        .bind(&tasks)
        .bind(&data)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO user_streams (user_id, last_seq) SELECT u, $2 FROM unnest($1::uuid[]) AS n (u)
             ON CONFLICT (user_id) DO UPDATE SET last_seq = EXCLUDED.last_seq",
        )
        .bind(&users)
        .bind(number)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO user_events (user_id, seq, payload) SELECT u, $2, $3 FROM unnest($1::uuid[]) AS n (u)",
        )
        .bind(&users)
        .bind(number)
        .bind(&told)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        committed += rows;
    }
    Ok(committed as f64 / began.elapsed().as_secs_f64())
}
