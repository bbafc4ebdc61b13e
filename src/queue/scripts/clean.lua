-- Removes jobs of one state that are older than a grace, the oldest first.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     state, grace (ms), how many at most
-- Returns  the ids that were removed

local state, before, most = ARGV[1], now - tonumber(ARGV[2]), tonumber(ARGV[3])
local key = P .. state
local is_list = state == 'wait' or state == 'active' or state == 'paused'
local is_finished = state == 'completed' or state == 'failed'

local function is_old(id)
  local times = call('HMGET', P .. id, 'finishedOn', 'processedOn', 'timestamp')
  return (tonumber(times[1] or times[2] or times[3]) or 0) <= before
end

local candidates
if is_finished then
  candidates = call('ZRANGEBYSCORE', key, '-inf', before, 'LIMIT', 0, most)
elseif is_list then
  local line = call('LRANGE', key, 0, -1)
  candidates = {}
  for at = #line, 1, -1 do candidates[#candidates + 1] = line[at] end
else
  candidates = call('ZRANGE', key, 0, -1)
end

local removed = {}
for _, id in ipairs(candidates) do
  if #removed >= most then break end
  local is_kept = not is_finished and not is_old(id)
    or state == 'active' and call('EXISTS', P .. id .. ':lock') == 1
    or is_of_scheduler(P, id)
  if not is_kept then
    leave(P, id, state)
    detach(P, id)
    drop_dedup(P, id)
    delete_keys(P, id)
    removed[#removed + 1] = id
  end
end
emit(P, 'cleaned', 'count', #removed)
trim_events(P)
return removed
