-- Who did what: one row for each thing done, or refused. Rows are added, never changed; housekeeping removes old ones.
-- tenant_id is empty for what belongs to no tenant.
CREATE TABLE audit_entries (
    tenant_id TEXT        NOT NULL,
    entry_id  UUID        NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    actor     TEXT        NOT NULL,
    address   TEXT,
    action    TEXT        NOT NULL,
    resource  TEXT        NOT NULL,
    outcome   TEXT        NOT NULL,
    detail    TEXT        NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
);
