-- What is past its time is found by its age.
CREATE INDEX user_events_created_idx ON user_events (created_at);
CREATE INDEX refresh_tokens_expires_idx ON refresh_tokens (expires_at);
