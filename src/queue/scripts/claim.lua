-- Moves up to N ready jobs to active and locks them for one worker. Due delayed jobs become ready first, also where
-- nothing may start.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     token, lock (ms), N, worker's name or '', the worker's own limit of jobs or 0, and the length of its window (ms)
-- Returns  now (ms), ms until the rate limit ends or 0, time of the next delayed job (ms) or 0, ids without a job, then
--          the jobs as they were before, one after the other: id, 0, name, data, opts, timestamp, delay and priority;
--          or, where it has other fields too, id, how many texts follow, and all fields and their values

local claimed, started = take(ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]))
if started > 0 then trim_events(P) end
return claimed
