-- Nobody starts a job any more; those that run go on, and new ones are taken in.
--
-- KEYS[1]  prefix of the queue's keys
-- Returns  1, or 0 where it was paused already

if call('HSET', P .. 'meta', 'paused', 1) == 0 then return 0 end
call('DEL', P .. 'marker')
emit(P, 'paused')
trim_events(P)
return 1
