-- What a queued task ($1) waits for. Ahead of it are those that the dispatcher (coordinator/src/dispatch/plan.rs) would place
-- before it at $2 if places came free one by one and nothing else changed: people take turns among those who need the same
-- of a host, each with their oldest tasks, as many in a row as their subscription weighs ($4, $5, else $6), and nobody beyond
-- the cap ($3). Somebody's place among the turns is that of their oldest waiting task or, when that is later, of the last one
-- that was placed. What only the dispatcher knows is left out: turns that are half used, sites that bear no more now (but
-- for those that are paused).
WITH mine AS (
    SELECT t.id, t.user_id, t.queued_at, t.site, t.engine, t.tags FROM tasks t WHERE t.id = $1 AND t.status = 'queued'
), hosts AS (
    SELECT s.capacity, s.current_load, s.draining, s.browser_engine AS engine, coalesce(s.tags, '[]') AS tags,
           (m.engine IS NULL OR s.browser_engine = m.engine)
             AND (m.tags IS NULL OR coalesce(s.tags, '[]') @> m.tags) AS fits
      FROM sandboxes s, mine m
     WHERE s.connected AND s.revoked_at IS NULL AND s.status = 'active' AND s.health_status = 'healthy'
), weights AS (
    SELECT * FROM unnest($4::text[], $5::int[]) AS w (tier, weight)
), placed AS (
    SELECT user_id, count(*) FILTER (WHERE status = 'in_progress') AS running, max(placed_at) AS last
      FROM tasks WHERE lease_id IS NOT NULL GROUP BY user_id
), waiting AS (
    SELECT t.id, t.user_id, t.queued_at, t.engine, t.tags,
           row_number() OVER own AS number,
           row_number() OVER same AS turn,
           first_value(t.queued_at) OVER same AS since
      FROM tasks t, mine m
     WHERE t.status = 'queued' AND t.queued_at <= greatest($2, m.queued_at)
       AND (t.site IS NOT DISTINCT FROM m.site OR NOT EXISTS (
                SELECT 1 FROM site_limits l WHERE l.site = t.site AND l.paused_until > $2))
    WINDOW own AS (PARTITION BY t.user_id ORDER BY t.queued_at, t.id),
           same AS (PARTITION BY t.user_id, t.engine, t.tags ORDER BY t.queued_at, t.id)
), turns AS (
    SELECT w.id, w.user_id, w.engine, w.tags, w.number, w.turn, (w.turn - 1) / coalesce(s.weight, $6) AS round,
           coalesce(p.running, 0) AS running, greatest(w.since, p.last) AS entered
      FROM waiting w JOIN users u ON u.id = w.user_id
           LEFT JOIN weights s ON s.tier = u.subscription_tier
           LEFT JOIN placed p ON p.user_id = w.user_id
), own AS (
    SELECT * FROM turns WHERE id = $1
), before AS (
    -- By what they ask for.
    SELECT t.engine, t.tags, count(*) AS tasks FROM turns t, own
     WHERE (t.user_id = own.user_id OR t.running + t.number <= $3)
       AND (t.round, t.entered, t.user_id, t.turn) < (own.round, own.entered, own.user_id, own.turn)
     GROUP BY t.engine, t.tags
), kinds AS (
    SELECT DISTINCT engine, tags FROM hosts WHERE fits
)
SELECT m.queued_at AS "queued_at!", m.site, own.number - 1 AS "own_ahead!", own.running AS "running!",
       -- Those that ask for the same, or for what a host has that would do for this one.
       (SELECT coalesce(sum(b.tasks), 0)::bigint FROM before b
         WHERE (b.engine IS NOT DISTINCT FROM m.engine AND b.tags IS NOT DISTINCT FROM m.tags)
            OR EXISTS (SELECT 1 FROM kinds k WHERE (b.engine IS NULL OR k.engine = b.engine)
                                               AND (b.tags IS NULL OR k.tags @> b.tags))) AS "ahead!",
       (SELECT count(*) FROM tasks t
         WHERE t.site = m.site AND t.lease_id IS NOT NULL AND t.status = 'in_progress') AS "site_running!",
       (SELECT count(*) FROM tasks t
         WHERE t.site = m.site AND t.placed_at > $2 - interval '1 minute') AS "site_started!",
       (SELECT min(t.placed_at) FROM tasks t
         WHERE t.site = m.site AND t.placed_at > $2 - interval '1 minute') AS oldest_start,
       l.running_max, l.starts_per_minute, l.paused_until,
       (SELECT count(*) FROM sandboxes WHERE revoked_at IS NULL AND status <> 'terminated') AS "known!",
       (SELECT count(*) FROM hosts) AS "ready!",
       (SELECT count(*) FROM hosts WHERE NOT draining AND fits) AS "fitting!",
       (SELECT count(*) FROM hosts WHERE draining AND fits) AS "draining!",
       (SELECT coalesce(sum(capacity), 0) FROM hosts WHERE NOT draining AND fits) AS "places!",
       (SELECT coalesce(sum(least(current_load, capacity)), 0) FROM hosts WHERE NOT draining AND fits) AS "taken!"
  FROM mine m JOIN own ON own.id = m.id LEFT JOIN site_limits l ON l.site = m.site
