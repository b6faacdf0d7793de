-- Permits without a row, and such with one that an earlier call made and whose task has not heard of it. Their lease and
-- digests are known to their agent only.
WITH named AS (
    SELECT n.permit, n.task, p.id IS NULL AS missing
      FROM unnest($1::uuid[], $2::uuid[]) AS n (permit, task) LEFT JOIN permits p ON p.id = n.permit
     WHERE p.id IS NULL OR p.state = 'unknown'
), unrecorded AS (
    SELECT n.permit, n.task, t.grants, t.sandbox_id IS NOT DISTINCT FROM $4 AS here
      FROM named n JOIN tasks t ON t.id = n.task
     WHERE n.missing OR t.permit_id IS DISTINCT FROM n.permit
), kept AS (
    INSERT INTO permits (id, task_id, lease_id, grant_number, form_digest, values_digest, state, closed_at)
    SELECT permit, task, $3, grants, '', '', 'unknown', now() FROM unrecorded ORDER BY permit
    ON CONFLICT DO NOTHING
)
SELECT permit AS "permit!", task AS "task!", here AS "here!" FROM unrecorded ORDER BY permit
