-- Several coordinators share the work: who lives, who plans.
ALTER TABLE nodes
    -- Set while a node hands over what it holds, so that nobody gives it more.
    ADD COLUMN leaving boolean NOT NULL DEFAULT false;

-- Work that one node does for all of them; taken over like a shard.
CREATE TABLE roles (
    name text PRIMARY KEY,
    node_id uuid,
    -- Grows with each change of owner and never falls.
    epoch bigint NOT NULL DEFAULT 0
);
INSERT INTO roles (name) VALUES ('dispatcher');
