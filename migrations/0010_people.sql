-- People: users who log in, what they may do where, and their sessions. They belong to the installation, so only the
-- system role sees them. Not called users and session, because applications in the same SQLite file may be.

-- The keys are the names with all letters small, so that names that differ only in case are one. A user name has no "@"
-- and an address has one, so a text that somebody logs in with is one of the two. confirmed: an admin, an import or
-- Google said that the address is this person's; somebody who registers only claims it.
CREATE TABLE people (
    person_id       UUID        NOT NULL PRIMARY KEY,
    username        TEXT,
    username_key    TEXT,
    email           TEXT,
    email_key       TEXT,
    email_confirmed BOOLEAN     NOT NULL,
    display_name    TEXT        NOT NULL,
    provider        TEXT        NOT NULL CHECK (provider IN ('local', 'google', 'firebase-google')),
    google_subject  TEXT,
    password_hash   TEXT,
    instance_role   TEXT        CHECK (instance_role IN ('viewer', 'operator', 'admin')),
    source          TEXT,
    source_id       TEXT,
    version         BIGINT      NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL,
    login_at        TIMESTAMPTZ,
    CHECK (username_key IS NOT NULL OR email_key IS NOT NULL)
);

CREATE UNIQUE INDEX people_by_username ON people (username_key);
CREATE UNIQUE INDEX people_by_email ON people (email_key);
CREATE UNIQUE INDEX people_by_google ON people (google_subject);
CREATE UNIQUE INDEX people_by_source ON people (source, source_id);
CREATE INDEX people_by_creation ON people (created_at, person_id);

CREATE TABLE memberships (
    tenant_id  TEXT        NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
    person_id  UUID        NOT NULL REFERENCES people (person_id) ON DELETE CASCADE,
    role       TEXT        NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, person_id)
);

CREATE INDEX memberships_by_person ON memberships (person_id);

-- Somebody who is logged in. Only the SHA-256 of what the browser shows is kept.
CREATE TABLE person_sessions (
    session_id UUID        NOT NULL PRIMARY KEY,
    person_id  UUID        NOT NULL REFERENCES people (person_id) ON DELETE CASCADE,
    token_hash BYTEA       NOT NULL,
    address    TEXT        NOT NULL,
    user_agent TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE UNIQUE INDEX person_sessions_by_token ON person_sessions (token_hash);
CREATE INDEX person_sessions_by_person ON person_sessions (person_id, session_id);
CREATE INDEX person_sessions_by_end ON person_sessions (expires_at);

-- Logins, to be counted. They outlive the person.
CREATE TABLE person_logins (
    login_id  UUID        NOT NULL PRIMARY KEY,
    person_id UUID        NOT NULL,
    at        TIMESTAMPTZ NOT NULL
);

CREATE INDEX person_logins_by_time ON person_logins (at);
