-- What the dispatcher plans from: what a task needs of its host, the site it goes to, and marks by which changes are
-- read without reading everything.
ALTER TABLE tasks
    -- What the host must have, both nullable: its engine, and tags among the host's own (an array of strings).
    ADD COLUMN engine browser_engine,
    ADD COLUMN tags jsonb,
    -- The employer's site, as limits know it; null for addresses of one's own network, which have none.
    ADD COLUMN site varchar(253),
    -- When the last place was claimed: starts at a site are counted by the minute.
    ADD COLUMN placed_at timestamptz,
    -- Crashes of the task's own actor, each within an hour of the one before; none that the database caused.
    ADD COLUMN crashes integer NOT NULL DEFAULT 0,
    ADD COLUMN crashed_at timestamptz,
    -- The transaction that last changed what concerns the dispatcher. Whatever is not older than a reader's snapshot
    -- is read again by the next one, so that a late commit is never missed.
    ADD COLUMN placement_mark bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
ALTER TABLE sandboxes
    ADD COLUMN placement_mark bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
-- The host whose disk holds the profile.
ALTER TABLE browser_profiles
    ADD COLUMN sandbox_id uuid REFERENCES sandboxes ON DELETE SET NULL;

CREATE INDEX tasks_placement_idx ON tasks (placement_mark, id);
CREATE INDEX tasks_dispatched_idx ON tasks (id) WHERE status = 'queued' OR lease_id IS NOT NULL;
CREATE INDEX tasks_placed_idx ON tasks (placed_at) WHERE placed_at IS NOT NULL AND site IS NOT NULL;
-- Only the dispatcher and those who ask why a task waits read the queue; both by person.
DROP INDEX tasks_queue_idx;
CREATE INDEX tasks_queue_idx ON tasks (user_id, queued_at) WHERE status = 'queued';

CREATE FUNCTION mark_placement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.placement_mark := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER tasks_placement BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (ROW(OLD.status, OLD.queued_at, OLD.lease_id, OLD.sandbox_id, OLD.engine, OLD.tags, OLD.site, OLD.user_id)
          IS DISTINCT FROM
          ROW(NEW.status, NEW.queued_at, NEW.lease_id, NEW.sandbox_id, NEW.engine, NEW.tags, NEW.site, NEW.user_id))
    EXECUTE FUNCTION mark_placement();
CREATE TRIGGER sandboxes_placement BEFORE UPDATE ON sandboxes FOR EACH ROW
    WHEN (ROW(OLD.status, OLD.health_status, OLD.capacity, OLD.current_load, OLD.draining, OLD.connected,
              OLD.connection_epoch, OLD.revoked_at, OLD.browser_engine, OLD.tags)
          IS DISTINCT FROM
          ROW(NEW.status, NEW.health_status, NEW.capacity, NEW.current_load, NEW.draining, NEW.connected,
              NEW.connection_epoch, NEW.revoked_at, NEW.browser_engine, NEW.tags))
    EXECUTE FUNCTION mark_placement();

-- Limits that differ from the built-in ones, and sites that asked for a pause.
CREATE TABLE site_limits (
    site varchar(253) PRIMARY KEY,
    -- Applications worked on at once, and begun within a minute; null for the built-in figure.
    running_max integer CHECK (running_max > 0),
    starts_per_minute integer CHECK (starts_per_minute > 0),
    paused_until timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
