-- The unique index of 0002 serves as well.
DROP INDEX runs_at_work;

-- Queues belong to the installation; what became a run belongs to the run's tenant.
CALL protect_system_rows('queues');
CALL protect_tenant_rows('adoptions');
