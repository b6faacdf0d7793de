-- What the journal hands over in one piece: the columns of a task that a step writes. A type of its own, because typed
-- rows are read several times faster than JSON. A step that comes to write more columns gets a type of another name, so
-- that coordinators of both versions can write meanwhile.
CREATE TYPE task_step AS (
    id uuid,
    generation bigint,
    platform text,
    ats text,
    job_title text,
    company_name text,
    job_location text,
    status text,
    phase text,
    progress integer,
    current_step text,
    confidence_score real,
    fields_filled integer,
    duration_seconds integer,
    error_code text,
    error_message text,
    retry_count integer,
    screenshots jsonb,
    sandbox_id uuid,
    interaction_type text,
    interaction_data jsonb,
    outcome text,
    confirmation jsonb,
    submitted_at timestamptz,
    lease_id uuid,
    last_report bigint,
    attempt integer,
    permit_id uuid,
    permit_state text,
    grants integer,
    review_revision bigint,
    pending jsonb,
    recent_commands jsonb,
    held_until timestamptz,
    wake_at timestamptz,
    queued_at timestamptz,
    placed_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz
);

-- A step rewrites its task's row, most often without touching an indexed column: with room left on its page no index is
-- written.
ALTER TABLE tasks SET (fillfactor = 80);
ALTER TABLE user_streams SET (fillfactor = 60);
