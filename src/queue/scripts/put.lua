-- Makes jobs ready, whatever is there: new ones are added, finished ones start again, waiting ones are put right where
-- they wait, running ones are left alone, and what is in no list is rebuilt.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     8 for each job: id, name, data, opts, timestamp (ms, 0 = now), delay (ms), priority, attempts made
-- Returns  for each job: 1 added, 2 started again, 3 waits already, 4 runs already, 5 rebuilt

-- How much a delay may differ before the job is moved (ms): the same due time comes out a little different each time.
local SAME_DELAY = 1000

local codes, front_last, fresh = {}, {}, {}
local is_ready, is_delayed = false, false

-- Refused as a whole where memory is full: a script is let through once it has written.
call('HSETNX', P .. 'meta', 'opts.maxLenEvents', 10000)

local function arrive(job, previous)
  if job.delay > 0 then
    local at = now + job.delay
    place_delayed(P, job.id, at)
    emit(P, 'delayed', 'jobId', job.id, 'delay', at)
    is_delayed = true
    return
  end
  if job.priority > 0 then
    place_ready(P, job.id, job.priority, false)
  else
    front_last[#front_last + 1] = job.id
  end
  is_ready = true
  if previous then
    emit(P, 'waiting', 'jobId', job.id, 'prev', previous)
  else
    emit(P, 'waiting', 'jobId', job.id)
  end
end

local function write(key, job)
  call('HSET', key, 'name', job.name, 'data', job.data, 'opts', job.opts, 'timestamp', job.timestamp,
    'delay', job.delay_text, 'priority', job.priority_text)
  if job.attempts > 0 then call('HSET', key, 'atm', job.attempts) end
end

local function start_again(key, job, state)
  call('HDEL', key, 'finishedOn', 'processedOn', 'failedReason', 'returnvalue', 'defa', 'atm')
  write(key, job)
  arrive(job, state)
end

-- Where it waits, with the delay and the priority that it should have.
local function put_right(key, job, state)
  local priority = tonumber(call('HGET', key, 'priority')) or 0
  if priority ~= job.priority then call('HSET', key, 'priority', job.priority) end
  if state == 'delayed' then
    local at = math.floor(call('ZSCORE', P .. 'delayed', job.id) / 4096)
    if job.delay > 0 and math.abs(at - now - job.delay) <= SAME_DELAY then return end
    leave(P, job.id, state)
    call('HSET', key, 'delay', job.delay)
    arrive(job, 'delayed')
  elseif job.delay > 0 then
    leave(P, job.id, state)
    call('HSET', key, 'delay', job.delay)
    arrive(job)
  elseif priority ~= job.priority then
    leave(P, job.id, state)
    place_ready(P, job.id, job.priority, false)
    is_ready = true
  end
end

local function put(job)
  local key = P .. job.id
  if fresh[job.id] then return 3 end
  fresh[job.id] = true
  if call('EXISTS', key) == 0 then
    write(key, job)
    emit(P, 'added', 'jobId', job.id, 'name', job.name)
    arrive(job)
    return 1
  end
  local state = state_of(P, job.id)
  if state == 'active' then return 4 end
  if state == 'completed' or state == 'failed' then
    leave(P, job.id, state)
    start_again(key, job, state)
    return 2
  end
  if state == 'waiting-children' then return 3 end
  if state then
    put_right(key, job, state)
    return 3
  end
  call('DEL', key .. ':lock')
  call('SREM', P .. 'stalled', job.id)
  start_again(key, job)
  return 5
end

for at = 1, #ARGV, 8 do
  codes[#codes + 1] = put({
    id = ARGV[at],
    name = ARGV[at + 1],
    data = ARGV[at + 2],
    opts = ARGV[at + 3],
    timestamp = ARGV[at + 4] == '0' and NOW or ARGV[at + 4],
    delay_text = ARGV[at + 5],
    delay = tonumber(ARGV[at + 5]),
    priority_text = ARGV[at + 6],
    priority = tonumber(ARGV[at + 6]),
    attempts = tonumber(ARGV[at + 7]),
  })
end
in_parts(front_last, function(...) call('LPUSH', P .. 'wait', ...) end)
if is_delayed then mark_delayed(P) end
if is_ready then mark_ready(P) end
trim_events(P)
return codes
