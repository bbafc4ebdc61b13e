CALL protect_tenant_rows('audit_entries');

-- A tenant may add to its audit and read it, and that is all.
DO $$ BEGIN
    EXECUTE format('REVOKE UPDATE, DELETE ON audit_entries FROM %I', current_schema() || '_app');
END $$;
