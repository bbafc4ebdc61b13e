-- Lets workers start jobs again. What version 5 moved aside when it paused comes back to the line it was taken from,
-- before what was added since.
--
-- KEYS[1]  prefix of the queue's keys
-- Returns  whether it was paused (1 or 0), and how many jobs still stand aside: call again

local MOST = 4000
local was_paused = call('HDEL', P .. 'meta', 'paused')
local aside = call('LRANGE', P .. 'paused', 0, MOST - 1)
if #aside > 0 then
  call('RPUSH', P .. 'wait', unpack(aside))
  call('LTRIM', P .. 'paused', #aside, -1)
end
if call('EXISTS', P .. 'wait', P .. 'prioritized') > 0 then
  mark_ready(P)
else
  mark_delayed(P)
end
if was_paused == 1 then
  emit(P, 'resumed')
  trim_events(P)
end
return { was_paused, call('LLEN', P .. 'paused') }
