INSERT INTO audit_counts (tenant_id, minute, count_id, actor, address, action, resource, outcome, count)
    SELECT tenant_id, minute, randomblob(16), caller, '', 'token.read',
        'tenants/' || tenant_id || '/tokens/' || token_id, 'done', reads
    FROM token_reads;
DROP TABLE token_reads;

CREATE TRIGGER audit_entries_append_only BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_counts_only_grow BEFORE UPDATE ON audit_counts
    WHEN NEW.count < OLD.count
        OR (NEW.tenant_id, NEW.minute, NEW.count_id, NEW.actor, NEW.address, NEW.action, NEW.resource, NEW.outcome)
            IS NOT
           (OLD.tenant_id, OLD.minute, OLD.count_id, OLD.actor, OLD.address, OLD.action, OLD.resource, OLD.outcome)
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
