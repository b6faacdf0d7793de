-- What the actors need beyond the original's tables: fencing, leases, permits, reviews, agents and the numbered event stream.
CREATE TYPE task_outcome AS ENUM ('none', 'sent', 'unknown');
CREATE TYPE permit_state AS ENUM ('granted', 'returned', 'rejected', 'sent', 'unknown');
CREATE TYPE review_status AS ENUM ('open', 'approved', 'closed');

-- One address in two spellings is one person.
CREATE UNIQUE INDEX users_email_lower_idx ON users (lower(email));
-- Bumped by revoke-all and by a password reset; tokens of an older version are refused.
ALTER TABLE users ADD COLUMN token_version integer NOT NULL DEFAULT 0;

ALTER TABLE tasks
    -- Every commit names the generation it was decided from; a stale writer's commit matches no row.
    ADD COLUMN generation bigint NOT NULL DEFAULT 0,
    -- Users hash to shards; a coordinator writes only tasks of shards it holds.
    ADD COLUMN shard smallint NOT NULL DEFAULT 0,
    ADD COLUMN phase varchar(30),
    ADD COLUMN ats varchar(30) NOT NULL DEFAULT 'unknown',
    ADD COLUMN outcome task_outcome NOT NULL DEFAULT 'none',
    ADD COLUMN confirmation jsonb,
    ADD COLUMN submitted_at timestamptz,
    -- The current right of a sandbox to work on this task; null when it holds no slot.
    ADD COLUMN lease_id uuid,
    -- Number of the last report taken under the lease.
    ADD COLUMN last_report bigint NOT NULL DEFAULT 0,
    -- Automatic attempts since the person last asked for one.
    ADD COLUMN attempt integer NOT NULL DEFAULT 0,
    -- The permit that is out or was last out, and how many the person has granted.
    ADD COLUMN permit_id uuid,
    ADD COLUMN permit_state permit_state,
    ADD COLUMN grants integer NOT NULL DEFAULT 0,
    ADD COLUMN review_revision bigint NOT NULL DEFAULT 0,
    -- What the coordinator asked the agent for and still waits for; repeated after a crash.
    ADD COLUMN pending jsonb,
    -- The last command ids taken, so that a repeated command is answered, not performed.
    ADD COLUMN recent_commands jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN held_until timestamptz,
    -- When the owner must look at this task again, whatever happens.
    ADD COLUMN wake_at timestamptz,
    ADD COLUMN queued_at timestamptz,
    ADD COLUMN idempotency_key varchar(255),
    -- The posting's address without tracking parameters: two tasks with one are two applications to one job.
    ADD COLUMN canonical_job text;
CREATE INDEX tasks_wake_idx ON tasks (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX tasks_queue_idx ON tasks (shard, queued_at) WHERE status = 'queued';
CREATE UNIQUE INDEX tasks_lease_idx ON tasks (lease_id) WHERE lease_id IS NOT NULL;
CREATE UNIQUE INDEX tasks_idempotency_idx ON tasks (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_canonical_job_idx ON tasks (user_id, canonical_job);

CREATE TABLE permits (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    lease_id uuid NOT NULL,
    -- The how-manieth grant of the person this permit spends.
    grant_number integer NOT NULL,
    form_digest bytea NOT NULL,
    values_digest bytea NOT NULL,
    state permit_state NOT NULL DEFAULT 'granted',
    granted_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
-- While one is out, or its end is not known, there is no other.
CREATE UNIQUE INDEX permits_one_open_idx ON permits (task_id) WHERE state IN ('granted', 'unknown');
-- Sent once, never again.
CREATE UNIQUE INDEX permits_one_sent_idx ON permits (task_id) WHERE state = 'sent';

CREATE TABLE task_reviews (
    task_id uuid PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
    revision bigint NOT NULL,
    status review_status NOT NULL DEFAULT 'open',
    form jsonb NOT NULL,
    plan jsonb NOT NULL,
    -- Per field: how entering went, as last reported.
    results jsonb NOT NULL DEFAULT '[]',
    form_digest bytea NOT NULL,
    values_digest bytea NOT NULL,
    screenshot_id uuid,
    -- Digests of the form and values that the person's last word was given for.
    approved jsonb,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE artifacts (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    lease_id uuid NOT NULL,
    step varchar(50) NOT NULL,
    content_type varchar(100) NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 varchar(64) NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    storage_key varchar(500) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX artifacts_task_idx ON artifacts (task_id, created_at);

ALTER TABLE sandboxes
    ADD COLUMN draining boolean NOT NULL DEFAULT false,
    ADD COLUMN drain_reason text,
    -- Grows with each accepted session of the sandbox's agent; claims name it.
    ADD COLUMN connection_epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN connected boolean NOT NULL DEFAULT false,
    ADD COLUMN node_id uuid,
    ADD COLUMN agent_build varchar(50),
    ADD COLUMN agent_boot uuid,
    ADD COLUMN last_heartbeat_at timestamptz,
    -- A revoked agent's connection is cut and its certificate refused.
    ADD COLUMN revoked_at timestamptz,
    ADD CONSTRAINT sandboxes_load_check CHECK (current_load >= 0 AND current_load <= capacity);

CREATE TABLE agent_certificates (
    -- SHA-256 of the certificate.
    fingerprint bytea PRIMARY KEY,
    sandbox_id uuid NOT NULL REFERENCES sandboxes ON DELETE CASCADE,
    issued_at timestamptz NOT NULL DEFAULT now(),
    not_after timestamptz NOT NULL
);
CREATE INDEX agent_certificates_sandbox_idx ON agent_certificates (sandbox_id);

CREATE TABLE enrolment_tokens (
    -- SHA-256 of the token; the token itself is shown once and kept nowhere.
    hash bytea PRIMARY KEY,
    sandbox_id uuid NOT NULL REFERENCES sandboxes ON DELETE CASCADE,
    created_by uuid REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE nodes (
    id uuid PRIMARY KEY,
    address text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE shards (
    id smallint PRIMARY KEY,
    node_id uuid,
    -- Grows with each change of owner and never falls.
    epoch bigint NOT NULL DEFAULT 0
);
INSERT INTO shards (id) SELECT generate_series(0, 255);

CREATE TABLE user_streams (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    last_seq bigint NOT NULL DEFAULT 0
);

CREATE TABLE user_events (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    seq bigint NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, seq)
);

CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    -- All tokens that descend from one login; reuse of a spent one ends the family.
    family uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    spent_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_user_idx ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_family_idx ON refresh_tokens (family);
