-- Who is an agent of ours: tokens bound to a host, certificates that a later enrolment ends, revocation told at once.
ALTER TABLE enrolment_tokens
    -- The only host that may use it, by the name it gives itself; null for any. Against mix-ups, not against thieves.
    ADD COLUMN host_name varchar(253);
CREATE INDEX enrolment_tokens_expires_idx ON enrolment_tokens (expires_at);

ALTER TABLE agent_certificates
    -- Set when another host enrolled as this sandbox: of two hosts with one identity only the later may stay.
    ADD COLUMN revoked_at timestamptz;
DROP INDEX agent_certificates_sandbox_idx;
CREATE INDEX agent_certificates_sandbox_idx ON agent_certificates (sandbox_id, not_after);

ALTER TABLE sandboxes
    ADD COLUMN revoke_reason text;
-- Sessions still to be cut: looked at each second by every coordinator, and nearly always empty.
CREATE INDEX sandboxes_to_cut_idx ON sandboxes (node_id) WHERE connected AND revoked_at IS NOT NULL;
