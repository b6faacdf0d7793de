-- Numbers the messages of several people and stores them. $1 and $2: each person once, in order, and how many messages
-- they get; then per message the person, its place among theirs, and its text. The numbers follow commit order, because a
-- counter's row stays locked until then; a sequence would have gaps and late visibility.
WITH people AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS p (user_id, told)
), counted AS (
    INSERT INTO user_streams (user_id, last_seq) SELECT user_id, told FROM people ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET last_seq = user_streams.last_seq + EXCLUDED.last_seq
    RETURNING user_id, last_seq
), kept AS (
    INSERT INTO user_events (user_id, seq, payload, created_at)
    SELECT m.user_id, c.last_seq - p.told + m.place, m.payload, $6
      FROM unnest($3::uuid[], $4::bigint[], $5::jsonb[]) AS m (user_id, place, payload)
      JOIN counted c ON c.user_id = m.user_id JOIN people p ON p.user_id = m.user_id
)
SELECT user_id AS "user_id!", last_seq AS "last_seq!" FROM counted
