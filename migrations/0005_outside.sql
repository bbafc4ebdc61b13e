-- Runs that workers of others execute.

-- Runs that are in Redis, or may be, by kind: those that others execute are compared with their jobs until these are gone.
CREATE INDEX runs_put ON runs (kind, run_id) WHERE put_epoch <> '';
