-- The owner of the tables reads what row-level security would hide from it, this once: the table goes.
ALTER TABLE token_reads NO FORCE ROW LEVEL SECURITY;
INSERT INTO audit_counts (tenant_id, minute, count_id, actor, address, action, resource, outcome, count)
    SELECT tenant_id, minute, gen_random_uuid(), caller, '', 'token.read',
        'tenants/' || tenant_id || '/tokens/' || token_id, 'done', reads
    FROM token_reads;
DROP TABLE token_reads;

CALL protect_tenant_rows('audit_entries');
CALL protect_tenant_rows('audit_counts');

-- A tenant may add to its audit and read it, and that is all. Only who may see everything removes, when it is old.
DO $$ BEGIN
    EXECUTE format('REVOKE UPDATE, DELETE ON audit_entries FROM %I', current_schema() || '_app');
    EXECUTE format('REVOKE UPDATE ON audit_entries FROM %I', current_schema() || '_system');
    EXECUTE format('REVOKE DELETE ON audit_counts FROM %I', current_schema() || '_app');
END $$;

-- For those whom no grant binds: the owner, and superusers.
CREATE FUNCTION refuse_to_change_the_audit() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_entries_append_only BEFORE UPDATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit();
CREATE TRIGGER audit_counts_only_grow BEFORE UPDATE ON audit_counts
    FOR EACH ROW WHEN (NEW.count < OLD.count
        OR (NEW.tenant_id, NEW.minute, NEW.count_id, NEW.actor, NEW.address, NEW.action, NEW.resource, NEW.outcome)
            IS DISTINCT FROM
           (OLD.tenant_id, OLD.minute, OLD.count_id, OLD.actor, OLD.address, OLD.action, OLD.resource, OLD.outcome))
    EXECUTE FUNCTION refuse_to_change_the_audit();
