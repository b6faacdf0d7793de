-- The oldest tasks of each user that may start now, up to their cap. Users take turns: what counts is how many tasks a
-- user would then have running, and only between equals how long each has waited.
SELECT t.id, t.user_id, t.queued_at AS "queued_at!", coalesce(r.running, 0) AS "running!"
  FROM (
        SELECT id, user_id, queued_at,
               row_number() OVER (PARTITION BY user_id ORDER BY queued_at, id) AS place
          FROM tasks
         WHERE status = 'queued' AND shard = ANY($1) AND queued_at <= $2
       ) t
  LEFT JOIN (
        SELECT user_id, count(*) AS running
          FROM tasks
         WHERE lease_id IS NOT NULL AND status = 'in_progress'
         GROUP BY user_id
       ) r ON r.user_id = t.user_id
 WHERE coalesce(r.running, 0) + t.place <= $3
 ORDER BY coalesce(r.running, 0) + t.place, t.queued_at, t.id
 LIMIT $4
