-- The owner of the tables sees no rows while they are protected.
ALTER TABLE syncs NO FORCE ROW LEVEL SECURITY;
UPDATE syncs SET read_to = watermark;
ALTER TABLE syncs FORCE ROW LEVEL SECURITY;

CALL protect_system_rows('retired_keys');
CALL protect_tenant_rows('sync_alarms');

-- Which keys are retired is no secret, and whoever seals must see it.
DO $$ BEGIN
    EXECUTE format('CREATE POLICY sealing ON retired_keys FOR SELECT TO %I USING (true)', current_schema() || '_app');
    EXECUTE format('GRANT SELECT ON retired_keys TO %I', current_schema() || '_app');
END $$;
