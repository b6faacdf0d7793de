-- Rows are locked in the order of their ids, as whoever locks several does.
WITH said AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS s (sandbox, epoch)
), locked AS (
    SELECT id FROM sandboxes WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
)
UPDATE sandboxes b
   SET last_heartbeat_at = now(), last_health_check_at = now(), health_status = 'healthy'
  FROM said s JOIN locked ON locked.id = s.sandbox
 WHERE b.id = s.sandbox AND b.connection_epoch = s.epoch
RETURNING b.id, b.current_load, b.draining, b.drain_reason
