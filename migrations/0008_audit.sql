-- Who did what: one row for each thing done, or refused. Rows are added, never changed; housekeeping removes old ones.
-- tenant_id is empty for what belongs to no tenant.
CREATE TABLE audit_entries (
    tenant_id TEXT        NOT NULL,
    entry_id  UUID        NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    actor     TEXT        NOT NULL,
    address   TEXT        NOT NULL,
    action    TEXT        NOT NULL,
    resource  TEXT        NOT NULL,
    outcome   TEXT        NOT NULL,
    detail    TEXT        NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
);

CREATE INDEX audit_entries_by_time ON audit_entries (tenant_id, at, entry_id);
CREATE INDEX audit_entries_by_resource ON audit_entries (tenant_id, resource, at);
CREATE INDEX audit_entries_by_actor ON audit_entries (tenant_id, actor, at);
CREATE INDEX audit_entries_old ON audit_entries (at);

-- What happens too often for a row each: how often within the minute. Reads of tokens, and calls that were refused. Counts
-- only grow. Takes the place of token_reads, which held the reads alone.
CREATE TABLE audit_counts (
    tenant_id TEXT        NOT NULL,
    minute    TIMESTAMPTZ NOT NULL,
    count_id  UUID        NOT NULL,
    actor     TEXT        NOT NULL,
    address   TEXT        NOT NULL,
    action    TEXT        NOT NULL,
    resource  TEXT        NOT NULL,
    outcome   TEXT        NOT NULL,
    count     BIGINT      NOT NULL,
    PRIMARY KEY (tenant_id, minute, actor, action, resource, outcome, address)
);

CREATE INDEX audit_counts_by_time ON audit_counts (tenant_id, minute, count_id);
CREATE INDEX audit_counts_old ON audit_counts (minute);
