-- Renewals are noted for a while only; they are found by their age.
CREATE INDEX audit_trail_renewals_idx ON audit_trail (created_at) WHERE action = 'agent.renewed';
