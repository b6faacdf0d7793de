-- EC2 instances that enrolled with their identity documents: each once, and then only with the key it had.
CREATE TABLE instance_enrolments (
    sandbox_id uuid PRIMARY KEY REFERENCES sandboxes ON DELETE CASCADE,
    account_id varchar(12) NOT NULL,
    region varchar(50) NOT NULL,
    -- When the instance was started, as its document says.
    started_at timestamptz NOT NULL,
    -- SHA-256 of the public key that enrolled, which may ask again. Null once a token was spent for the sandbox: then
    -- no document counts any more.
    key_sha256 bytea,
    enrolled_at timestamptz NOT NULL DEFAULT now()
);
