-- Ends the run of jobs that a worker holds. A job that it does not hold any more is left as it is.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     token, then 6 for each job: id, outcome, text, stack traces (JSON, '' = as they are), detail, and how many
--          fields it had when it was handed out (0 = not known, or it had other fields than most)
--          outcome  completed (text = result as JSON), failed (text = reason), retry (the same, and an attempt was made),
--                   delay (no attempt was made), release (back to the front)
--          detail   completed, failed: '' = all such jobs stay; else newest jobs (0 = not even this one), age (ms), most to
--                   remove at once, each '-' where it is not given; retry, delay: how long it waits (ms), or 'front'
-- Returns  for each job: 0 done, -1 no such job, -2 not locked, -3 not active, -4 children are pending,
--          -6 locked by another, -9 children have failed

local codes, ended, is_ready = end_runs(ARGV[1], 2)
if ended > 0 then
  -- A freed place may let a waiting job start, where the number of running ones is limited.
  if is_ready or (settings_of(P)[2] and call('EXISTS', P .. 'wait', P .. 'prioritized') > 0) then mark_ready(P) end
  tell_drained()
  trim_events(P)
end
return codes
