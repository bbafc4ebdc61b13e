CALL protect_system_rows('people');
CALL protect_system_rows('memberships');
CALL protect_system_rows('person_sessions');
CALL protect_system_rows('person_logins');
