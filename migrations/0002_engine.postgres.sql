-- One run of a sync at a time. On SQLite the claim's own condition is enough, because one writes at a time; here two
-- claimers may look in the same instant, and neither sees what the other one is about to take.
--
-- Where that has happened before, the older run stays and the other one is queued again. The tables' owner is bound by
-- row-level security and has no policy, so it is lifted for the moment; nobody else gets in between, because altering
-- the table locks it until the end of this migration.
ALTER TABLE runs NO FORCE ROW LEVEL SECURITY;

UPDATE runs SET state = 'queued', fence = fence + 1, worker_id = NULL, wait_reason = 'handed back'
    WHERE state = 'running' AND EXISTS (SELECT 1 FROM runs o WHERE o.tenant_id = runs.tenant_id
        AND o.kind = runs.kind AND o.subject = runs.subject AND o.state = 'running' AND o.run_id < runs.run_id);

ALTER TABLE runs FORCE ROW LEVEL SECURITY;

CREATE UNIQUE INDEX runs_one_at_a_time ON runs (tenant_id, kind, subject) WHERE state = 'running';
