-- PostgreSQL's own part: row-level security.

CALL protect_tenant_rows('schedules');
CALL protect_tenant_rows('schedule_specs');
CALL protect_tenant_rows('occurrences');
