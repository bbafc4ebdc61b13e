-- A policy for a role is one for its members, too, and whoever we connect as is a member of both roles: a statement that
-- runs outside of a transaction's role saw every row. Only who took the system role sees them from now on.
CREATE OR REPLACE PROCEDURE protect_system_rows(relation TEXT) LANGUAGE plpgsql AS $$
DECLARE
    role TEXT := current_schema() || '_system';
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY system ON %I TO %I USING (current_user = %L) WITH CHECK (current_user = %L)', relation, role, role, role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', relation, role);
END $$;

DO $$
DECLARE
    role TEXT := current_schema() || '_system';
    relation TEXT;
BEGIN
    FOR relation IN
        SELECT t.relname FROM pg_policy p JOIN pg_class t ON t.oid = p.polrelid
            WHERE t.relnamespace = current_schema()::regnamespace AND p.polname = 'system'
    LOOP
        EXECUTE format('ALTER POLICY system ON %I USING (current_user = %L) WITH CHECK (current_user = %L)', relation, role, role);
    END LOOP;
END $$;
