-- Ends the run of jobs that a worker holds, and takes the next ones for it.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     the 6 of claim, then 6 for each job to end, as finish has them
-- Returns  what finish returns, and what claim returns

local codes, ended = end_runs(ARGV[1], 7)
local claimed, started = take(ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]))
if ended > 0 and started == 0 then
  -- Where a limit or a pause kept it from taking what waits, somebody else has to hear of it.
  if call('EXISTS', P .. 'wait', P .. 'prioritized') > 0 then
    mark_ready(P)
  else
    tell_drained()
  end
end
if ended > 0 or started > 0 then trim_events(P) end
return { codes, claimed }
