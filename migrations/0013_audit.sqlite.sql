-- As on PostgreSQL, by the machine's own clock.
CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries
    WHEN OLD.at > strftime('%Y-%m-%dT%H:%M:%S', 'now', '-6 days')
        AND (OLD.tenant_id = ''
            OR EXISTS (SELECT 1 FROM tenants WHERE tenant_id = OLD.tenant_id)
            OR NOT EXISTS (SELECT 1 FROM audit_entries AS kept
                WHERE kept.tenant_id = '' AND kept.entry_id = OLD.entry_id))
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only, and keeps the last six days');
END;
CREATE TRIGGER audit_counts_stay BEFORE DELETE ON audit_counts
    WHEN OLD.minute > strftime('%Y-%m-%dT%H:%M:%S', 'now', '-6 days')
        AND (OLD.tenant_id = ''
            OR EXISTS (SELECT 1 FROM tenants WHERE tenant_id = OLD.tenant_id))
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only, and keeps the last six days');
END;
