-- Rows are locked in the order of their ids, as whoever locks several does.
WITH said AS (
    SELECT * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::integer[]) AS s (sandbox, build, boot, capacity)
), before AS (
    SELECT id, CASE WHEN connected THEN node_id END AS node
      FROM sandboxes WHERE id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE
)
UPDATE sandboxes b
   SET connection_epoch = b.connection_epoch + 1, connected = true, node_id = $1, agent_build = s.build, agent_boot = s.boot,
       capacity = greatest(s.capacity, b.current_load), status = 'active', health_status = 'healthy',
       last_heartbeat_at = now(), last_health_check_at = now(), updated_at = now()
  FROM said s JOIN before ON before.id = s.sandbox
 WHERE b.id = s.sandbox AND b.revoked_at IS NULL AND b.status <> 'terminated'
RETURNING b.id, b.connection_epoch, before.node AS "before?", b.draining, b.drain_reason
