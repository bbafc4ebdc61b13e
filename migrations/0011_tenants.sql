-- What a tenant is besides its name, the look of its widget, and consents that a browser began.

ALTER TABLE tenants ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled'));
-- Pages that may show the widget; none: all.
ALTER TABLE tenants ADD COLUMN allowed_domains JSONB NOT NULL DEFAULT '[]';
ALTER TABLE tenants ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- Absent: as it was made.
ALTER TABLE tenants ADD COLUMN updated_at TIMESTAMPTZ;

-- The look of a tenant's widget. No row: the defaults.
CREATE TABLE widgets (
    tenant_id       TEXT        NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
    primary_color   TEXT        NOT NULL,
    position        TEXT        NOT NULL CHECK (position IN ('bottom-right', 'bottom-left')),
    welcome_message TEXT        NOT NULL,
    widget_name     TEXT        NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL
);

-- A consent that a browser began by our page belongs to that browser: the hash of what its cookie holds. begun_by is who
-- asked for it, whatever the browser shows when it comes back.
ALTER TABLE token_authorizations ADD COLUMN browser_hash TEXT;
ALTER TABLE token_authorizations ADD COLUMN begun_by TEXT NOT NULL DEFAULT '';

-- Links by which somebody without a login may give one consent: hashed, good once, and not for long.
CREATE TABLE token_links (
    tenant_id  TEXT        NOT NULL REFERENCES tenants (tenant_id),
    link_hash  TEXT        NOT NULL,
    token_id   TEXT        NOT NULL,
    scopes     TEXT        NOT NULL,
    login_hint TEXT        NOT NULL,
    ask_again  BOOLEAN     NOT NULL,
    made_by    TEXT        NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, link_hash)
);
