-- Puts active jobs whose worker is gone back to the front. Two checks have to find them without a lock, so that a job
-- between its claim and its first look is left alone. One check in an interval, whoever makes it.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     interval (ms), how often a job may stall before the next worker has to fail it
-- Returns  the ids that were put back

if not call('SET', P .. 'stalled-check', now, 'NX', 'PX', ARGV[1]) then return {} end
trim_events(P)

local function exceeds(id, times)
  if times <= tonumber(ARGV[2]) then return false end
  local scheduler = call('HGET', P .. id, 'rjk')
  return not (scheduler and call('ZSCORE', P .. 'repeat', scheduler))
end

local recovered = {}
for _, id in ipairs(call('SMEMBERS', P .. 'stalled')) do
  if call('EXISTS', P .. id .. ':lock') == 0 and call('LREM', P .. 'active', 1, id) > 0 and call('EXISTS', P .. id) == 1 then
    local times = call('HINCRBY', P .. id, 'stc', 1)
    if exceeds(id, times) then call('HSET', P .. id, 'defa', 'job stalled more than allowable limit') end
    call('RPUSH', P .. 'wait', id)
    emit(P, 'waiting', 'jobId', id, 'prev', 'active')
    emit(P, 'stalled', 'jobId', id)
    recovered[#recovered + 1] = id
  end
end
call('DEL', P .. 'stalled')
if #recovered > 0 then mark_ready(P) end
in_parts(call('LRANGE', P .. 'active', 0, -1), function(...) call('SADD', P .. 'stalled', ...) end)
return recovered
