-- Keys by which programs show who they are, and from where calls are taken. tenant_id is empty for what belongs to the whole
-- installation.

-- hash is the SHA-256 of the whole key in hexadecimal; for a key that came with bcrypt, that one, until its first use shows
-- the key.
CREATE TABLE api_keys (
    tenant_id         TEXT        NOT NULL,
    key_id            UUID        NOT NULL,
    display_name      TEXT        NOT NULL,
    kind              TEXT        NOT NULL,
    role              TEXT        NOT NULL,
    prefix            TEXT        NOT NULL,
    hash              TEXT        NOT NULL,
    rate_limit        BIGINT      NOT NULL,
    rotation_reason   TEXT        NOT NULL,
    created_at        TIMESTAMPTZ NOT NULL,
    expires_at        TIMESTAMPTZ,
    revoked_at        TIMESTAMPTZ,
    rotated_at        TIMESTAMPTZ,
    last_used_at      TIMESTAMPTZ,
    last_used_address TEXT,
    PRIMARY KEY (tenant_id, key_id)
);
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);
-- A key has no tenant in what remembers it by its id alone.
CREATE UNIQUE INDEX api_keys_by_id ON api_keys (key_id);

-- key_id is absent where a rule is for every call; such a rule belongs to the whole installation.
CREATE TABLE access_rules (
    tenant_id  TEXT        NOT NULL,
    rule_id    UUID        NOT NULL,
    key_id     UUID,
    network    TEXT        NOT NULL,
    effect     TEXT        NOT NULL,
    reason     TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, rule_id),
    FOREIGN KEY (tenant_id, key_id) REFERENCES api_keys (tenant_id, key_id) ON DELETE CASCADE
);
CREATE INDEX access_rules_of_key ON access_rules (key_id);

-- Counts what changed for who may call. Every process compares it with what it remembers, twice a second while it is used.
CREATE TABLE access_changes (
    id      BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO access_changes (id, version) VALUES (1, 1);
