-- Writes each task that is still the one its step was decided from. Rows are locked in id order, so that batches
-- never wait for each other in a circle. The caller has locked the shards and checked their epochs.
WITH next AS (
    SELECT * FROM unnest($1::task_step[])
), held AS MATERIALIZED (
    SELECT t.id FROM tasks t JOIN next n ON n.id = t.id AND n.generation = t.generation + 1
     ORDER BY t.id FOR NO KEY UPDATE OF t
)
UPDATE tasks t
   SET generation = n.generation,
       updated_at = now(),
       platform = n.platform::platform, ats = n.ats,
       job_title = n.job_title, company_name = n.company_name, job_location = n.job_location,
       status = n.status::task_status, phase = n.phase, progress = n.progress, current_step = n.current_step,
       confidence_score = n.confidence_score, fields_filled = n.fields_filled,
       duration_seconds = n.duration_seconds,
       error_code = n.error_code, error_message = n.error_message, retry_count = n.retry_count,
       screenshots = n.screenshots, sandbox_id = n.sandbox_id,
       interaction_type = n.interaction_type, interaction_data = n.interaction_data,
       outcome = n.outcome::task_outcome, confirmation = n.confirmation, submitted_at = n.submitted_at,
       lease_id = n.lease_id, last_report = n.last_report, attempt = n.attempt,
       permit_id = n.permit_id, permit_state = n.permit_state::permit_state, grants = n.grants,
       review_revision = n.review_revision, pending = n.pending, recent_commands = n.recent_commands,
       held_until = n.held_until, wake_at = n.wake_at, queued_at = n.queued_at, placed_at = n.placed_at,
       started_at = n.started_at, completed_at = n.completed_at
  FROM next n, held
 WHERE t.id = n.id AND held.id = n.id AND n.generation = t.generation + 1
RETURNING t.id
