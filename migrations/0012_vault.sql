-- Keys that nothing may be sealed with any more. `head` is what every text begins with that such a key sealed. Whoever writes a
-- sealed text looks here afterwards, in the same transaction.
CREATE TABLE retired_keys (
    head       BYTEA       NOT NULL PRIMARY KEY,
    retired_at TIMESTAMPTZ NOT NULL
);

-- What somebody was told about a token, so that each is told once over all processes. `said` names it, with the time of what it
-- is about where that can come again.
CREATE TABLE token_notices (
    tenant_id TEXT        NOT NULL,
    token_id  TEXT        NOT NULL,
    said      TEXT        NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, token_id, said),
    FOREIGN KEY (tenant_id, token_id) REFERENCES tokens (tenant_id, token_id) ON DELETE CASCADE
);
