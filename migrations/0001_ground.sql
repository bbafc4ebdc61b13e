-- The ground floor: tenants, tokens, runs, syncs, records, effects, budgets.
--
-- One text for SQLite and PostgreSQL; what only PostgreSQL needs follows in the file of the same number beside this one.
-- Names of tables avoid those that applications like to use themselves (users, session), because an SQLite file has no
-- schemas. Times are bound by the program, never taken from the database. tenant_id comes first in every key.

CREATE TABLE tenants (
    tenant_id    TEXT        NOT NULL PRIMARY KEY,
    display_name TEXT        NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL
);

INSERT INTO tenants (tenant_id, display_name, created_at) VALUES ('default', 'Default', '2026-01-01T00:00:00+00:00');

-- One credential at one provider. What is secret is sealed (see src/vault); no grant_sealed: nothing was given yet, or
-- it was revoked. version counts every change that people see, grant_version those of the secrets alone: a refresher
-- stores its answer only where the grant is still the one that it sent.
CREATE TABLE tokens (
    tenant_id           TEXT        NOT NULL REFERENCES tenants (tenant_id),
    token_id            TEXT        NOT NULL,
    provider            TEXT        NOT NULL CHECK (provider IN ('google', 'clockify')),
    kind                TEXT        NOT NULL CHECK (kind IN ('oauth', 'api_key')),
    display_name        TEXT        NOT NULL,
    state               TEXT        NOT NULL CHECK (state IN ('active', 'needs_reauth', 'revoked')),
    state_reason        TEXT        NOT NULL,
    account_id          TEXT,
    account_label       TEXT,
    client_id           TEXT,
    scopes              TEXT        NOT NULL,
    request_budget      TEXT,
    grant_sealed        BYTEA,
    access_sealed       BYTEA,
    access_expires_at   TIMESTAMPTZ,
    grant_expires_at    TIMESTAMPTZ,
    version             BIGINT      NOT NULL,
    grant_version       BIGINT      NOT NULL,
    refresh_fence       BIGINT      NOT NULL,
    refresh_lease_until TIMESTAMPTZ,
    refresh_sent_at     TIMESTAMPTZ,
    refresh_failures    BIGINT      NOT NULL,
    refresh_retry_at    TIMESTAMPTZ,
    refreshed_at        TIMESTAMPTZ,
    created_at          TIMESTAMPTZ NOT NULL,
    updated_at          TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, token_id)
);

-- What happened to a token. Outlives the token.
CREATE TABLE token_events (
    tenant_id TEXT        NOT NULL,
    event_id  UUID        NOT NULL,
    token_id  TEXT        NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    kind      TEXT        NOT NULL,
    detail    TEXT        NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
);

CREATE INDEX token_events_by_token ON token_events (tenant_id, token_id, event_id);

-- Reads of access tokens: counts per token, caller and minute.
CREATE TABLE token_reads (
    tenant_id TEXT        NOT NULL,
    token_id  TEXT        NOT NULL,
    caller    TEXT        NOT NULL,
    minute    TIMESTAMPTZ NOT NULL,
    reads     BIGINT      NOT NULL,
    PRIMARY KEY (tenant_id, token_id, minute, caller)
);

-- Consents that were begun: the state parameter (hashed) and the sealed PKCE verifier.
CREATE TABLE token_authorizations (
    tenant_id       TEXT        NOT NULL REFERENCES tenants (tenant_id),
    state_hash      TEXT        NOT NULL,
    token_id        TEXT        NOT NULL,
    redirect_uri    TEXT        NOT NULL,
    scopes          TEXT        NOT NULL,
    client_id       TEXT        NOT NULL,
    verifier_sealed BYTEA       NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, state_hash)
);

-- One execution of something. The row's lease decides who owns it; every write of a worker carries the fence.
CREATE TABLE runs (
    tenant_id           TEXT        NOT NULL REFERENCES tenants (tenant_id),
    run_id              UUID        NOT NULL,
    kind                TEXT        NOT NULL,
    subject             TEXT        NOT NULL,
    cause               TEXT        NOT NULL,
    state               TEXT        NOT NULL
        CHECK (state IN ('queued', 'running', 'retrying', 'waiting', 'succeeded', 'partial', 'failed', 'cancelled')),
    priority            BIGINT      NOT NULL,
    arguments           JSONB       NOT NULL,
    attempt             BIGINT      NOT NULL,
    max_attempts        BIGINT      NOT NULL,
    crashes             BIGINT      NOT NULL,
    fence               BIGINT      NOT NULL,
    worker_id           UUID,
    due_at              TIMESTAMPTZ NOT NULL,
    wait_reason         TEXT        NOT NULL,
    cancel_requested_at TIMESTAMPTZ,
    progress            JSONB,
    result              JSONB,
    error_reason        TEXT,
    error_message       TEXT,
    traceparent         TEXT,
    created_at          TIMESTAMPTZ NOT NULL,
    started_at          TIMESTAMPTZ,
    finished_at         TIMESTAMPTZ,
    updated_at          TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, run_id)
);

CREATE INDEX runs_due ON runs (priority, due_at) WHERE state IN ('queued', 'retrying', 'waiting');
CREATE INDEX runs_running ON runs (worker_id) WHERE state = 'running';
CREATE INDEX runs_by_subject ON runs (tenant_id, subject, run_id);

CREATE TABLE run_logs (
    tenant_id TEXT        NOT NULL,
    run_id    UUID        NOT NULL,
    seq       BIGINT      NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    level     TEXT        NOT NULL,
    message   TEXT        NOT NULL,
    PRIMARY KEY (tenant_id, run_id, seq),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, run_id) ON DELETE CASCADE
);

-- A row per process that executes runs. One that stops beating loses its runs to the others.
CREATE TABLE workers (
    worker_id    UUID        NOT NULL PRIMARY KEY,
    label        TEXT        NOT NULL,
    started_at   TIMESTAMPTZ NOT NULL,
    heartbeat_at TIMESTAMPTZ NOT NULL
);

-- Which resource answered a request id. Kept seven days.
CREATE TABLE request_ids (
    tenant_id   TEXT        NOT NULL REFERENCES tenants (tenant_id),
    method      TEXT        NOT NULL,
    request_id  UUID        NOT NULL,
    fingerprint TEXT        NOT NULL,
    resource    TEXT        NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, method, request_id)
);

-- A definition: source token, destination token, rules. The watermark is progress, not definition: it does not count
-- as a change.
CREATE TABLE syncs (
    tenant_id         TEXT        NOT NULL REFERENCES tenants (tenant_id),
    sync_id           TEXT        NOT NULL,
    display_name      TEXT        NOT NULL,
    kind              TEXT        NOT NULL CHECK (kind IN ('meet-to-clockify')),
    source_token      TEXT        NOT NULL,
    destination_token TEXT        NOT NULL,
    definition        JSONB       NOT NULL,
    version           BIGINT      NOT NULL,
    watermark         TIMESTAMPTZ,
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, sync_id),
    FOREIGN KEY (tenant_id, source_token) REFERENCES tokens (tenant_id, token_id),
    FOREIGN KEY (tenant_id, destination_token) REFERENCES tokens (tenant_id, token_id)
);

-- What a provider told us that changes seldom (workspace, projects, tags), so that it is not asked for at every run.
CREATE TABLE provider_facts (
    tenant_id TEXT        NOT NULL,
    token_id  TEXT        NOT NULL,
    name      TEXT        NOT NULL,
    value     JSONB       NOT NULL,
    read_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, token_id, name),
    FOREIGN KEY (tenant_id, token_id) REFERENCES tokens (tenant_id, token_id) ON DELETE CASCADE
);

-- One object read from a source, by the account that can see it, so that two syncs of one account share it.
CREATE TABLE records (
    tenant_id     TEXT        NOT NULL REFERENCES tenants (tenant_id),
    record_id     UUID        NOT NULL,
    provider      TEXT        NOT NULL,
    account_id    TEXT        NOT NULL,
    external_id   TEXT        NOT NULL,
    content       JSONB       NOT NULL,
    hash          TEXT        NOT NULL,
    settled       BOOLEAN     NOT NULL,
    started_at    TIMESTAMPTZ NOT NULL,
    ended_at      TIMESTAMPTZ,
    first_seen_at TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, record_id),
    UNIQUE (tenant_id, provider, account_id, external_id)
);

CREATE INDEX records_by_start ON records (tenant_id, provider, account_id, started_at);
CREATE INDEX records_unsettled ON records (tenant_id, provider, account_id) WHERE NOT settled;

-- One thing written to a destination for one source record. It belongs to the destination's account and the record,
-- not to a sync, so that two syncs on one account cannot both write it.
CREATE TABLE effects (
    tenant_id    TEXT        NOT NULL REFERENCES tenants (tenant_id),
    effect_id    UUID        NOT NULL,
    provider     TEXT        NOT NULL,
    workspace_id TEXT        NOT NULL,
    user_id      TEXT        NOT NULL,
    source_key   TEXT        NOT NULL,
    sync_id      TEXT        NOT NULL,
    record_id    UUID,
    state        TEXT        NOT NULL
        CHECK (state IN ('planned', 'sending', 'done', 'unknown', 'failed', 'tombstoned')),
    payload      JSONB       NOT NULL,
    payload_hash TEXT        NOT NULL,
    entry_id     TEXT,
    entry_hash   TEXT,
    edited       BOOLEAN     NOT NULL,
    adopted      BOOLEAN     NOT NULL,
    sends        BIGINT      NOT NULL,
    run_id       UUID,
    answer_by    TIMESTAMPTZ,
    note         TEXT        NOT NULL,
    starts_at    TIMESTAMPTZ NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, effect_id),
    UNIQUE (tenant_id, provider, workspace_id, user_id, source_key)
);

CREATE INDEX effects_open ON effects (tenant_id, provider, workspace_id, user_id)
    WHERE state IN ('planned', 'sending', 'unknown', 'failed');
CREATE INDEX effects_by_start ON effects (tenant_id, provider, workspace_id, user_id, starts_at);

-- Requests made of a provider's account, counted in short slices of time and shared by all replicas. A slice's permits
-- are used before it ends, so it counts until the budget's period after that has passed.
CREATE TABLE budgets (
    account       TEXT        NOT NULL PRIMARY KEY,
    blocked_until TIMESTAMPTZ,
    updated_at    TIMESTAMPTZ NOT NULL
);

CREATE TABLE budget_slices (
    account TEXT        NOT NULL REFERENCES budgets (account) ON DELETE CASCADE,
    ends_at TIMESTAMPTZ NOT NULL,
    used    BIGINT      NOT NULL CHECK (used >= 0),
    PRIMARY KEY (account, ends_at)
);

-- Providers that failed so often that nobody calls them until a moment; after it, whoever moves the moment may try.
CREATE TABLE breakers (
    name       TEXT        NOT NULL PRIMARY KEY,
    openings   BIGINT      NOT NULL,
    open_until TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Facts about this installation: its identity, the tasks that run once over all replicas.
CREATE TABLE instance_facts (
    name       TEXT        NOT NULL PRIMARY KEY,
    value      TEXT        NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
