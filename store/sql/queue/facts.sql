-- What the dispatcher must know of these tasks. The profile's host is that of the profile the task names, else of the one
-- the person used last on this platform.
SELECT t.id, t.user_id, u.subscription_tier, t.status::text AS "status!", t.queued_at, t.engine::text AS engine, t.tags,
       t.site, t.sandbox_id, t.lease_id, t.placed_at, t.attempt,
       CASE WHEN t.status = 'queued' THEN (
           SELECT p.sandbox_id FROM browser_profiles p
            WHERE p.user_id = t.user_id AND p.platform = t.platform::text AND p.sandbox_id IS NOT NULL
              AND p.status IN ('available', 'in_use')
            ORDER BY p.id IS NOT DISTINCT FROM t.browser_profile_id DESC, p.last_used_at DESC NULLS LAST, p.id
            LIMIT 1) END AS profile_host
  FROM tasks t JOIN users u ON u.id = t.user_id
 WHERE t.id = ANY($1)
