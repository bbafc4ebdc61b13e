-- Moves up to N ready jobs to active and locks them for one worker. Due delayed jobs become ready first, also where
-- nothing may start.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     token, lock (ms), N, worker's name or '', the worker's own limit of jobs or 0, and the length of its window (ms)
-- Returns  now (ms), ms until the rate limit ends or 0, time of the next delayed job (ms) or 0, ids without a job, then
--          for each job: id, its fields and their values

local token, lock_ms, wanted, worker = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local meta = call('HMGET', P .. 'meta', 'paused', 'concurrency', 'max', 'duration')
local is_paused, most_active = meta[1], tonumber(meta[2])
local own_max, own_window = tonumber(ARGV[5]), tonumber(ARGV[6])
local max = tonumber(meta[3]) or (own_max > 0 and own_max) or nil
local window = (own_max > 0 and own_window) or tonumber(meta[4]) or 0

local function promote_due()
  local before = string.format('(%.0f', (now + 1) * 4096)
  local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', before, 'LIMIT', 0, 1000)
  if #due == 0 then return end
  call('ZREM', P .. 'delayed', unpack(due))
  for _, id in ipairs(due) do
    local priority = call('HGET', P .. id, 'priority')
    if priority or call('EXISTS', P .. id) == 1 then
      place_ready(P, id, tonumber(priority) or 0, false)
      call('HSET', P .. id, 'delay', 0)
      emit(P, 'waiting', 'jobId', id, 'prev', 'delayed')
    end
  end
  mark_ready(P)
end

-- How many jobs the window has room for, and else how long that takes.
local function room_in_window()
  if not max then return wanted, 0 end
  local used = tonumber(call('GET', P .. 'limiter') or 0)
  if used < max then return max - used, 0 end
  local rest = call('PTTL', P .. 'limiter')
  if rest > 0 then return 0, rest end
  if rest == 0 then call('DEL', P .. 'limiter') end
  return max, 0
end

local function take(count)
  local line = call('LRANGE', P .. 'wait', -count, -1)
  local ids = {}
  if #line > 0 then
    call('LTRIM', P .. 'wait', 0, -#line - 1)
    for at = #line, 1, -1 do ids[#ids + 1] = line[at] end
  end
  if #ids < count then
    local popped = call('ZPOPMIN', P .. 'prioritized', count - #ids)
    if #popped / 2 < count - #ids then call('DEL', P .. 'pc') end
    for at = 1, #popped, 2 do ids[#ids + 1] = popped[at] end
  end
  return ids
end

local jobs, active, ghosts = {}, {}, {}
local counted = 0

local function start(id)
  -- Wake-up signals of versions long gone.
  if string.sub(id, 1, 2) == '0:' then return end
  local key = P .. id
  local fields = call('HGETALL', key)
  if #fields == 0 then
    ghosts[#ghosts + 1] = id
    return
  end
  local starts, is_deferred_failure = '1', false
  for at = 1, #fields, 2 do
    if fields[at] == 'ats' then
      starts = tostring((tonumber(fields[at + 1]) or 0) + 1)
    elseif fields[at] == 'defa' then
      is_deferred_failure = true
    end
  end
  if not is_deferred_failure then counted = counted + 1 end
  call('SET', key .. ':lock', token, 'PX', lock_ms)
  local size = #fields
  fields[size + 1], fields[size + 2], fields[size + 3], fields[size + 4] = 'processedOn', NOW, 'ats', starts
  if worker ~= '' then
    call('HSET', key, 'processedOn', NOW, 'ats', starts, 'pb', worker)
  else
    call('HSET', key, 'processedOn', NOW, 'ats', starts)
  end
  emit(P, 'active', 'jobId', id, 'prev', 'waiting')
  active[#active + 1] = id
  jobs[#jobs + 1] = { id, fields }
end

promote_due()
local count, limited_for = room_in_window()
count = math.min(count, wanted)
if most_active then count = math.min(count, most_active - call('LLEN', P .. 'active')) end
if not is_paused and count > 0 then
  for _, id in ipairs(take(count)) do start(id) end
  if #active > 0 then
    in_parts(active, function(...) call('LPUSH', P .. 'active', ...) end)
    if max and counted > 0 and call('INCRBY', P .. 'limiter', counted) == counted and window > 0 then
      call('PEXPIRE', P .. 'limiter', window)
    end
  end
  if call('EXISTS', P .. 'wait', P .. 'prioritized') > 0 then mark_ready(P) end
  if #active > 0 then trim_events(P) end
end
local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
local next_delayed = first[2] and math.floor(first[2] / 4096) or 0
return { now, limited_for, next_delayed, ghosts, jobs }
