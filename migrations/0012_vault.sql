-- Keys that nothing may be sealed with any more. `head` is what every text begins with that such a key sealed. Whoever writes a
-- sealed text looks here afterwards, in the same transaction.
CREATE TABLE retired_keys (
    head       BYTEA       NOT NULL PRIMARY KEY,
    retired_at TIMESTAMPTZ NOT NULL
);

-- Whoever refreshes says which key the answer will be sealed with: none is retired while an answer is under way.
ALTER TABLE tokens ADD COLUMN refresh_key BYTEA;

-- Everything before was read by some definition. Unlike watermark it stays when the definition changes.
ALTER TABLE syncs ADD COLUMN read_to TIMESTAMPTZ;

-- What somebody was told about syncs that read nothing, so that each is told once over all processes.
CREATE TABLE sync_alarms (
    tenant_id TEXT        NOT NULL,
    sync_id   TEXT        NOT NULL,
    read_to   TIMESTAMPTZ NOT NULL,
    days      BIGINT      NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, sync_id, read_to, days),
    FOREIGN KEY (tenant_id, sync_id) REFERENCES syncs (tenant_id, sync_id) ON DELETE CASCADE
);
