-- What a queued task waits for. Ahead of it are the tasks that come first when people take turns, each with the oldest of
-- their tasks.
WITH mine AS (
    SELECT t.id, t.user_id, t.queued_at, t.site, t.engine, t.tags FROM tasks t WHERE t.id = $1 AND t.status = 'queued'
), turns AS (
    SELECT id, queued_at, row_number() OVER (PARTITION BY user_id ORDER BY queued_at, id) AS turn
      FROM tasks WHERE status = 'queued' AND queued_at <= greatest($2, (SELECT queued_at FROM mine))
), hosts AS (
    SELECT s.capacity, s.current_load, s.draining,
           (m.engine IS NULL OR s.browser_engine = m.engine)
             AND (m.tags IS NULL OR coalesce(s.tags, '[]') @> m.tags) AS fits
      FROM sandboxes s, mine m
     WHERE s.connected AND s.revoked_at IS NULL AND s.status = 'active' AND s.health_status = 'healthy'
)
SELECT m.queued_at AS "queued_at!", m.site,
       (SELECT count(*) FROM turns t, turns own
         WHERE own.id = m.id AND (t.turn, t.queued_at, t.id) < (own.turn, own.queued_at, own.id)) AS "ahead!",
       (SELECT count(*) FROM tasks t
         WHERE t.user_id = m.user_id AND t.lease_id IS NOT NULL AND t.status = 'in_progress') AS "running!",
       (SELECT count(*) FROM tasks t
         WHERE t.site = m.site AND t.lease_id IS NOT NULL AND t.status = 'in_progress') AS "site_running!",
       (SELECT count(*) FROM tasks t
         WHERE t.site = m.site AND t.placed_at > $2 - interval '1 minute') AS "site_started!",
       (SELECT min(t.placed_at) FROM tasks t
         WHERE t.site = m.site AND t.placed_at > $2 - interval '1 minute') AS oldest_start,
       l.running_max, l.starts_per_minute, l.paused_until,
       (SELECT count(*) FROM hosts WHERE NOT draining) AS "ready!",
       (SELECT count(*) FROM hosts WHERE NOT draining AND fits) AS "fitting!",
       (SELECT coalesce(sum(capacity), 0) FROM hosts WHERE NOT draining AND fits) AS "places!",
       (SELECT coalesce(sum(current_load), 0) FROM hosts WHERE NOT draining AND fits) AS "taken!",
       (SELECT count(*) FROM hosts WHERE draining AND fits) AS "draining!"
  FROM mine m LEFT JOIN site_limits l ON l.site = m.site
