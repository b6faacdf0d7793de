-- A host whose enrolment was not answered asks again with the same key: the token it spent is still its own.
ALTER TABLE enrolment_tokens
    -- SHA-256 of the public key that it was spent for.
    ADD COLUMN used_key bytea;
