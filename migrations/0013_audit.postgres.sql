-- What is younger than six days stays: audit.retention is never shorter than seven. Only the audit of a tenant that is no more
-- is taken from it, an entry when the installation has it as well. The clock is the database's own here, on purpose: a program whose
-- clock is wrong, or set, must not get around it.
CREATE FUNCTION refuse_to_forget_an_entry() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.tenant_id <> ''
        AND NOT EXISTS (SELECT 1 FROM tenants WHERE tenant_id = OLD.tenant_id)
        AND EXISTS (SELECT 1 FROM audit_entries WHERE tenant_id = '' AND entry_id = OLD.entry_id)
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit is append-only, and keeps the last six days' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION refuse_to_forget_a_count() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.tenant_id <> '' AND NOT EXISTS (SELECT 1 FROM tenants WHERE tenant_id = OLD.tenant_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit is append-only, and keeps the last six days' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries
    FOR EACH ROW WHEN (OLD.at > now() - INTERVAL '6 days') EXECUTE FUNCTION refuse_to_forget_an_entry();
CREATE TRIGGER audit_counts_stay BEFORE DELETE ON audit_counts
    FOR EACH ROW WHEN (OLD.minute > now() - INTERVAL '6 days') EXECUTE FUNCTION refuse_to_forget_a_count();
CREATE TRIGGER audit_entries_not_all BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit();
CREATE TRIGGER audit_counts_not_all BEFORE TRUNCATE ON audit_counts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit();
