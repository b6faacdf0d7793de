-- What every process of a fleet may know of it. One row, written by coordinators when they start.
CREATE TABLE fleet (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- SHA-256 of the certificate of the agents' authority. Tokens carry it, so that an agent shows them to nobody else.
    authority_sha256 bytea NOT NULL
);
