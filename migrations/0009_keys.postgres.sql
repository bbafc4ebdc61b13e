CALL protect_tenant_rows('api_keys');
CALL protect_tenant_rows('access_rules');
CALL protect_system_rows('access_changes');

-- Who changes a key of its tenant counts that, too. The row tells nothing but that something changed.
DO $$ BEGIN
    EXECUTE format('CREATE POLICY count_changes ON access_changes TO %I USING (true) WITH CHECK (true)', current_schema() || '_app');
    EXECUTE format('GRANT SELECT, UPDATE ON access_changes TO %I', current_schema() || '_app');
END $$;
