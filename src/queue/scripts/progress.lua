-- Says how far a job is.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     id, progress (JSON)
-- Returns  1, or 0 where there is no such job

if call('EXISTS', P .. ARGV[1]) == 0 then return 0 end
call('HSET', P .. ARGV[1], 'progress', ARGV[2])
emit(P, 'progress', 'jobId', ARGV[1], 'data', ARGV[2])
trim_events(P)
return 1
