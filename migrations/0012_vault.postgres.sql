CALL protect_system_rows('retired_keys');
CALL protect_tenant_rows('sync_alarms');

-- Which keys are retired is no secret, and whoever seals must see it.
DO $$ BEGIN
    EXECUTE format('CREATE POLICY sealing ON retired_keys FOR SELECT TO %I USING (true)', current_schema() || '_app');
    EXECUTE format('GRANT SELECT ON retired_keys TO %I', current_schema() || '_app');
END $$;
