-- Gives and takes slots, one row per sandbox. A take counts only on a sandbox that has room, is in good standing and not
-- draining, and still has the session it was planned for.
WITH change AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[]) AS c (sandbox, delta, takes, epoch)
), held AS MATERIALIZED (
    SELECT s.id FROM sandboxes s JOIN change c ON c.sandbox = s.id ORDER BY s.id FOR NO KEY UPDATE OF s
)
UPDATE sandboxes s
   SET current_load = s.current_load + c.delta
  FROM change c, held
 WHERE s.id = c.sandbox AND held.id = s.id
   AND (c.takes = 0 OR (NOT s.draining AND s.connected AND s.connection_epoch = c.epoch
                        AND s.revoked_at IS NULL AND s.status = 'active'
                        AND s.current_load + c.delta <= s.capacity))
RETURNING s.id
