-- Who may run when: priorities, lanes, deadlines, pauses, and what was put into Redis.

-- Runs of one lane (for a sync its destination account) share the limit of runs at the same time; '' is no lane.
ALTER TABLE runs ADD COLUMN lane TEXT NOT NULL DEFAULT '';
-- A run that has not ended by then has failed; moved on by the time that a run waits.
ALTER TABLE runs ADD COLUMN deadline_at TIMESTAMPTZ;
-- In which life of Redis the run was put there. What is gone in the same life was removed by somebody.
ALTER TABLE runs ADD COLUMN put_epoch TEXT NOT NULL DEFAULT '';

-- What may be taken, by tenant first: a tenant with a million runs is one step on the way to the next tenant.
DROP INDEX runs_due;
CREATE INDEX runs_due ON runs (tenant_id, kind, priority, due_at, run_id) WHERE state IN ('queued', 'retrying', 'waiting');
-- PostgreSQL has it as a unique one.
CREATE INDEX runs_at_work ON runs (tenant_id, kind, subject) WHERE state = 'running';
CREATE INDEX runs_in_lane ON runs (tenant_id, lane) WHERE state = 'running';
CREATE INDEX runs_by_deadline ON runs (deadline_at)
    WHERE deadline_at IS NOT NULL AND state IN ('queued', 'retrying', 'running');

-- Queues that were paused. `mirrored` is what Redis and this table agreed on last: the side that differs was changed.
CREATE TABLE queues (
    queue      TEXT        NOT NULL PRIMARY KEY,
    paused     BOOLEAN     NOT NULL,
    mirrored   BOOLEAN     NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Jobs of others that became runs: which job is which run, so that none becomes two.
CREATE TABLE adoptions (
    queue      TEXT        NOT NULL,
    job_id     TEXT        NOT NULL,
    job_time   BIGINT      NOT NULL,
    tenant_id  TEXT        NOT NULL,
    run_id     UUID        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (queue, job_id, job_time),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, run_id) ON DELETE CASCADE
);
