-- The unique index of 0002 serves as well.
DROP INDEX runs_at_work;

-- Queues belong to the installation, not to a tenant.
CALL protect_system_rows('queues');
CALL protect_system_rows('adoptions');
