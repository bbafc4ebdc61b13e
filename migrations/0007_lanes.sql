-- The lane leads, and runs without one are left out: by its tenant alone PostgreSQL took this index for the question whether
-- a run of the same sync is running, too, and walked over everything that its tenant had been running lately.
DROP INDEX runs_in_lane;
CREATE INDEX runs_in_lane ON runs (lane, tenant_id) WHERE state = 'running' AND lane <> '';
