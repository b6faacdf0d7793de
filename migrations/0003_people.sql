-- Why the last reading of a resume failed: a stable code and a sentence, so that a reload still says it.
ALTER TABLE resumes
    ADD COLUMN parse_error_code varchar(50),
    ADD COLUMN parse_error text;
-- Somebody's first resume is their default; those from before get the same.
UPDATE resumes r SET is_default = true
  FROM (SELECT DISTINCT ON (user_id) id FROM resumes WHERE status <> 'parse_failed'
         ORDER BY user_id, created_at, id) oldest
 WHERE r.id = oldest.id
   AND NOT EXISTS (SELECT 1 FROM resumes o WHERE o.user_id = r.user_id AND o.is_default);
