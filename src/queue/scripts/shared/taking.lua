-- Taking ready jobs.

-- Fields that every job has, and a job that was never started and belongs to nothing else has no more.
local BASE_FIELDS = 6

-- Makes delayed jobs ready that are due. Answers the time of the next one (ms), or 0.
local function promote_due()
  local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
  local due_before = (now + 1) * 4096
  if first[2] and tonumber(first[2]) < due_before then
    local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', string.format('(%.0f', due_before), 'LIMIT', 0, 1000)
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
    first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
  end
  return first[2] and math.floor(first[2] / 4096) or 0
end

-- How many jobs the window of a rate limit has room for, and else how long that takes (ms).
local function room_in_window(max, wanted)
  if not max then return wanted, 0 end
  local used = tonumber(call('GET', P .. 'limiter') or 0)
  if used < max then return max - used, 0 end
  local rest = call('PTTL', P .. 'limiter')
  if rest > 0 then return 0, rest end
  if rest == 0 then call('DEL', P .. 'limiter') end
  return max, 0
end

-- Takes ids out of the line, those that go first first.
local function next_in_line(count)
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

-- Moves up to `wanted` ready jobs to active and locks them. Due delayed jobs become ready first, also where nothing may
-- start. Answers what `claim` returns, and how many jobs were started.
local function take(token, lock_ms, wanted, worker, own_max, own_window)
  local settings = settings_of(P)
  local is_paused, most_active = settings[1], tonumber(settings[2])
  local max = tonumber(settings[3]) or (own_max > 0 and own_max) or nil
  local window = (own_max > 0 and own_window) or tonumber(settings[4]) or 0
  -- One flat list: Redis needs several times longer to send a list in a list.
  local jobs, size, active, ghosts, counted = {}, 0, {}, {}, 0

  local function start(id)
    -- Wake-up signals of versions long gone.
    if string.sub(id, 1, 2) == '0:' then return end
    local key = P .. id
    local held = call('HLEN', key)
    if held == 0 then
      ghosts[#ghosts + 1] = id
      return
    end
    local starts, is_deferred_failure, fields = '1', false, nil
    if held == BASE_FIELDS then
      fields = call('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'delay', 'priority')
      if not (fields[1] and fields[2] and fields[3] and fields[4] and fields[5] and fields[6]) then fields = nil end
    end
    jobs[size + 1] = id
    if fields then
      jobs[size + 2] = 0
      jobs[size + 3], jobs[size + 4], jobs[size + 5] = fields[1], fields[2], fields[3]
      jobs[size + 6], jobs[size + 7], jobs[size + 8] = fields[4], fields[5], fields[6]
      size = size + 8
    else
      fields = call('HGETALL', key)
      jobs[size + 2] = #fields
      for at = 1, #fields, 2 do
        local name, value = fields[at], fields[at + 1]
        if name == 'ats' then
          starts = string.format('%.0f', (tonumber(value) or 0) + 1)
        elseif name == 'defa' then
          is_deferred_failure = true
        end
        jobs[size + at + 2], jobs[size + at + 3] = name, value
      end
      size = size + 2 + #fields
    end
    if not is_deferred_failure then counted = counted + 1 end
    call('SET', key .. ':lock', token, 'PX', lock_ms)
    if worker ~= '' then
      call('HSET', key, 'processedOn', NOW, 'ats', starts, 'pb', worker)
    else
      call('HSET', key, 'processedOn', NOW, 'ats', starts)
    end
    call('XADD', EVENTS, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
    active[#active + 1] = id
  end

  local next_delayed = promote_due()
  local count, limited_for = room_in_window(max, wanted)
  count = math.min(count, wanted)
  if most_active then count = math.min(count, most_active - call('LLEN', P .. 'active')) end
  if not is_paused and count > 0 then
    local ids = next_in_line(count)
    for _, id in ipairs(ids) do start(id) end
    if #active > 0 then
      in_parts(active, function(...) call('LPUSH', P .. 'active', ...) end)
      if max and counted > 0 and call('INCRBY', P .. 'limiter', counted) == counted and window > 0 then
        call('PEXPIRE', P .. 'limiter', window)
      end
    end
    if #ids == count and call('EXISTS', P .. 'wait', P .. 'prioritized') > 0 then mark_ready(P) end
  end
  return { now, limited_for, next_delayed, ghosts, jobs }, #active
end
