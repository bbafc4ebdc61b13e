-- Schedules and what became of each of their times.

-- When something is to run. Its key is what is run: the kind of job and its subject. next_nominal is the first time that
-- has no outcome yet; next_at is when it is due, with jitter, and is absent where nobody needs to look: nothing more
-- comes, or it is paused. Its runs count for the limit of `lane`, as those of runs do.
CREATE TABLE schedules (
    tenant_id    TEXT        NOT NULL REFERENCES tenants (tenant_id),
    kind         TEXT        NOT NULL,
    subject      TEXT        NOT NULL,
    lane         TEXT        NOT NULL,
    arguments    JSONB       NOT NULL,
    spec         JSONB       NOT NULL,
    version      BIGINT      NOT NULL,
    next_nominal TIMESTAMPTZ,
    next_at      TIMESTAMPTZ,
    buffered_at  TIMESTAMPTZ,
    watched_run  UUID,
    paused_at    TIMESTAMPTZ,
    paused_by    TEXT        NOT NULL CHECK (paused_by IN ('', 'user', 'failure', 'copy', 'fault')),
    note         TEXT        NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, kind, subject)
);

CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_buffered ON schedules (buffered_at) WHERE buffered_at IS NOT NULL;
CREATE INDEX schedules_watched ON schedules (watched_run) WHERE watched_run IS NOT NULL;

-- Every spec that a schedule had, because the times of a stretch can only be told from it.
CREATE TABLE schedule_specs (
    tenant_id  TEXT        NOT NULL,
    kind       TEXT        NOT NULL,
    subject    TEXT        NOT NULL,
    version    BIGINT      NOT NULL,
    spec       JSONB       NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, kind, subject, version),
    FOREIGN KEY (tenant_id, kind, subject) REFERENCES schedules (tenant_id, kind, subject) ON DELETE CASCADE
);

-- What became of one time, or of all times from nominal_at to last_at. Times are those before jitter.
CREATE TABLE occurrences (
    tenant_id  TEXT        NOT NULL,
    kind       TEXT        NOT NULL,
    subject    TEXT        NOT NULL,
    version    BIGINT      NOT NULL,
    nominal_at TIMESTAMPTZ NOT NULL,
    last_at    TIMESTAMPTZ NOT NULL CHECK (last_at >= nominal_at),
    outcome    TEXT        NOT NULL CHECK (outcome IN ('ran', 'buffered', 'skipped', 'missed', 'paused')),
    run_id     UUID,
    note       TEXT        NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, kind, subject, version, nominal_at),
    FOREIGN KEY (tenant_id, kind, subject) REFERENCES schedules (tenant_id, kind, subject) ON DELETE CASCADE
);

CREATE INDEX occurrences_by_time ON occurrences (tenant_id, kind, subject, last_at);
CREATE INDEX occurrences_old ON occurrences (last_at);
