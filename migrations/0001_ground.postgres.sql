-- PostgreSQL's own part: roles, row-level security, and the one function that SQLite has and PostgreSQL has not.
--
-- The roles are named after the schema, because roles belong to the whole cluster and two installations may share one.
-- They cannot log in; every transaction of the program takes one of them. FORCE makes the owner of the tables obey too.

CREATE FUNCTION json_each(document TEXT) RETURNS TABLE (value JSONB)
    LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT * FROM jsonb_array_elements(CAST(document AS JSONB)) $$;

-- Rows of `relation` are seen by their tenant, and by the system role.
CREATE PROCEDURE protect_tenant_rows(relation TEXT) LANGUAGE plpgsql AS $$
BEGIN
    CALL protect_system_rows(relation);
    EXECUTE format(
        'CREATE POLICY tenant ON %I TO %I USING (tenant_id = current_setting(''syncline.tenant'', true))
             WITH CHECK (tenant_id = current_setting(''syncline.tenant'', true))',
        relation, current_schema() || '_app');
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', relation, current_schema() || '_app');
END $$;

-- Rows of `relation` are seen by the system role alone.
CREATE PROCEDURE protect_system_rows(relation TEXT) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY system ON %I TO %I USING (true) WITH CHECK (true)', relation, current_schema() || '_system');
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', relation, current_schema() || '_system');
END $$;

CALL protect_tenant_rows('tenants');
CALL protect_tenant_rows('tokens');
CALL protect_tenant_rows('token_events');
CALL protect_tenant_rows('token_reads');
CALL protect_tenant_rows('token_authorizations');
CALL protect_tenant_rows('runs');
CALL protect_tenant_rows('run_logs');
CALL protect_tenant_rows('request_ids');
CALL protect_tenant_rows('syncs');
CALL protect_tenant_rows('provider_facts');
CALL protect_tenant_rows('records');
CALL protect_tenant_rows('effects');

CALL protect_system_rows('workers');
CALL protect_system_rows('budgets');
CALL protect_system_rows('budget_slices');
CALL protect_system_rows('breakers');
CALL protect_system_rows('instance_facts');

-- A tenant may read who it is, not change it.
REVOKE INSERT, UPDATE, DELETE ON tenants FROM PUBLIC;
DO $$ BEGIN
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON tenants FROM %I', current_schema() || '_app');
END $$;
