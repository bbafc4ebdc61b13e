-- What every verb starts from. KEYS[1] is the prefix of all keys of the queue, which share its slot on a cluster.
-- `base` is such a prefix, of this queue or of the queue that a parent job lives in.
local P = KEYS[1]
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- As text it is written several times faster than as a number.
local NOW = string.format('%.0f', now)
local EVENTS = P .. 'events'

local function emit(base, event, ...)
  call('XADD', base == P and EVENTS or base .. 'events', '*', 'event', event, ...)
end

-- Whether it is paused, how many may run, how many may start in a window, its length (ms), and how many events stay.
-- Those of this queue are read once: whoever changes them does so before the first look.
local own_settings
local function settings_of(base)
  if base == P and own_settings then return own_settings end
  local settings = call('HMGET', base .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents')
  if base == P then own_settings = settings end
  return settings
end

local function trim_events(base)
  call('XTRIM', base == P and EVENTS or base .. 'events', 'MAXLEN', '~', settings_of(base)[5] or '10000')
end

-- Whether nobody may start a job now: paused, or as many run as may.
local function is_blocked(base)
  local meta = settings_of(base)
  if meta[1] then return true end
  local most = tonumber(meta[2])
  return most ~= nil and call('LLEN', base .. 'active') >= most
end

-- Wakes an idle worker: there may be ready jobs.
local function mark_ready(base)
  if not is_blocked(base) then call('ZADD', base .. 'marker', 0, '0') end
end

-- Tells idle workers when the next delayed job is due.
local function mark_delayed(base)
  local first = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
  if first[2] then call('ZADD', base .. 'marker', first[2] / 4096, '1') end
end

-- In line behind its equals, or at their front. Without priority it goes to the list, which is served from the right.
local function place_ready(base, id, priority, front)
  if priority > 0 then
    local turn = front and 0 or call('INCR', base .. 'pc') % 4294967296
    call('ZADD', base .. 'prioritized', priority * 4294967296 + turn, id)
  else
    call(front and 'RPUSH' or 'LPUSH', base .. 'wait', id)
  end
end

-- Due at `at`, behind those that are due in the same millisecond.
local function place_delayed(base, id, at)
  local first = at * 4096
  local last = call('ZREVRANGEBYSCORE', base .. 'delayed', first + 4095, first, 'WITHSCORES', 'LIMIT', 0, 1)
  local score = last[2] and math.min(last[2] + 1, first + 4095) or first
  call('ZADD', base .. 'delayed', score, id)
end

-- Lua's stack bounds how many arguments one call can take.
local function in_parts(list, act)
  for from = 1, #list, 4000 do
    act(unpack(list, from, math.min(from + 3999, #list)))
  end
end
