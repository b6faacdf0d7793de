-- Where one queued task stands: among those of its person, and among all in the order in which the dispatcher takes
-- them (see queued.sql). Tasks that back off come later and are left out, but for the one that is asked about.
WITH waiting AS (
    SELECT id, user_id, queued_at,
           row_number() OVER (PARTITION BY user_id ORDER BY queued_at, id) AS place
      FROM tasks
     WHERE status = 'queued' AND (queued_at <= now() OR id = $1)
), running AS (
    SELECT user_id, count(*) AS running
      FROM tasks
     WHERE lease_id IS NOT NULL AND status = 'in_progress'
     GROUP BY user_id
), ranked AS (
    SELECT w.id, w.place,
           row_number() OVER (ORDER BY coalesce(r.running, 0) + w.place, w.queued_at, w.id) AS rank,
           count(*) OVER () AS total
      FROM waiting w LEFT JOIN running r ON r.user_id = w.user_id
)
SELECT place AS "of_user!", rank AS "of_all!", total AS "waiting!" FROM ranked WHERE id = $1
