-- Ends the run of jobs that a worker holds. A job that it does not hold any more is left as it is.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     token, then 9 for each job: id, outcome, text, stack traces (JSON, '' = as they are), delay (ms), lifo ('1'),
--          and what to keep: newest jobs ('' = all, 0 = not even this one), age (ms, '' = any), most to remove at once
--          outcome  completed (text = result as JSON), failed (text = reason), retry (the same, and an attempt was made),
--                   delay (no attempt was made), release (back to the front)
-- Returns  for each job: 0 done, -1 no such job, -2 not locked, -3 not active, -4 children are pending,
--          -6 locked by another, -9 children have failed

local token = ARGV[1]
local STRIDE = 9
local codes, ended, locks = {}, {}, {}
local to_add = { completed = {}, failed = {} }
local policies = {}
local is_ready, is_delayed = false, false

local job_keys, lock_keys, child_keys = {}, {}, {}
for at = 2, #ARGV, STRIDE do
  local key = P .. ARGV[at]
  job_keys[#job_keys + 1] = key
  lock_keys[#lock_keys + 1] = key .. ':lock'
  child_keys[#child_keys + 1] = key .. ':dependencies'
  child_keys[#child_keys + 1] = key .. ':unsuccessful'
end
if #job_keys == 0 then return codes end
-- Asked once for all, since the answers are nearly always the same.
local holders = call('MGET', unpack(lock_keys))
local all_exist = call('EXISTS', unpack(job_keys)) == #job_keys
local have_children = call('EXISTS', unpack(child_keys)) > 0

-- Why the job cannot be ended, or nil. Takes it out of active, and writes nothing before that is certain.
local function refused(number, key, id, outcome)
  if not all_exist and call('EXISTS', key) == 0 then return -1 end
  if not holders[number] then return -2 end
  if holders[number] ~= token then return -6 end
  if have_children and outcome == 'completed' then
    if call('EXISTS', key .. ':dependencies') == 1 then return -4 end
    if call('EXISTS', key .. ':unsuccessful') == 1 then return -9 end
  end
  if call('LREM', P .. 'active', -1, id) == 0 then return -3 end
end

local function attempts_allowed(options)
  local read, parsed = pcall(cjson.decode, options or '{}')
  return read and type(parsed) == 'table' and tonumber(parsed.attempts) or 0
end

local function finish(id, key, outcome, text, traces, keep)
  local job = call('HMGET', key, 'atm', 'parentKey', 'deid')
  local made = tostring((tonumber(job[1]) or 0) + 1)
  if job[2] then
    if outcome == 'completed' then
      tell_parent_done(key, job[2], text)
    else
      tell_parent_failed(key, job[2], call('HGET', key, 'parent'), text)
    end
  end
  if job[3] then release_dedup(P, id, job[3]) end
  if outcome == 'completed' then
    emit(P, 'completed', 'jobId', id, 'returnvalue', text, 'prev', 'active')
  else
    emit(P, 'failed', 'jobId', id, 'failedReason', text, 'prev', 'active')
    if tonumber(made) >= attempts_allowed(call('HGET', key, 'opts')) then
      emit(P, 'retries-exhausted', 'jobId', id, 'attemptsMade', made)
    end
  end
  if keep.count == 0 then
    detach(P, id)
    delete_keys(P, id)
    return
  end
  if outcome == 'completed' then
    call('HSET', key, 'atm', made, 'returnvalue', text, 'finishedOn', NOW)
  else
    call('HSET', key, 'atm', made, 'failedReason', text, 'finishedOn', NOW)
    if traces ~= '' then call('HSET', key, 'stacktrace', traces) end
    call('HDEL', key, 'defa')
  end
  local add = to_add[outcome]
  add[#add + 1] = NOW
  add[#add + 1] = id
  if keep.count or keep.age then
    policies[outcome .. ':' .. tostring(keep.count) .. ':' .. tostring(keep.age)] = { outcome, keep }
  end
end

local function back(id, key, outcome, text, traces, delay, lifo)
  if outcome == 'retry' then
    call('HSET', key, 'failedReason', text)
    if traces ~= '' then call('HSET', key, 'stacktrace', traces) end
    call('HINCRBY', key, 'atm', 1)
  end
  if outcome ~= 'release' and delay > 0 then
    call('HSET', key, 'delay', delay)
    place_delayed(P, id, now + delay)
    emit(P, 'delayed', 'jobId', id, 'delay', now + delay)
    is_delayed = true
    return
  end
  local priority = tonumber(call('HGET', key, 'priority')) or 0
  local front = outcome == 'release' or (lifo and priority == 0)
  place_ready(P, id, priority, front)
  emit(P, 'waiting', 'jobId', id, 'prev', 'active')
  is_ready = true
end

local function prune(outcome, keep)
  local set = P .. outcome
  local old = {}
  if keep.age then
    old = call('ZRANGEBYSCORE', set, '-inf', now - keep.age, 'LIMIT', 0, keep.limit)
    if #old > 0 then call('ZREM', set, unpack(old)) end
  end
  if keep.count then
    local surplus = call('ZREVRANGE', set, keep.count, keep.count + keep.limit - 1)
    if #surplus > 0 then call('ZREM', set, unpack(surplus)) end
    for _, id in ipairs(surplus) do old[#old + 1] = id end
  end
  for _, id in ipairs(old) do
    detach(P, id)
    delete_keys(P, id)
  end
end

for at = 2, #ARGV, STRIDE do
  local id, outcome, text, traces = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local number, key = (at - 2) / STRIDE + 1, P .. id
  local code = refused(number, key, id, outcome)
  if not code then
    code = 0
    ended[#ended + 1] = id
    locks[#locks + 1] = key .. ':lock'
    if outcome == 'completed' or outcome == 'failed' then
      local keep = { count = tonumber(ARGV[at + 6]), age = tonumber(ARGV[at + 7]), limit = tonumber(ARGV[at + 8]) or 1000 }
      finish(id, key, outcome, text, traces, keep)
    else
      back(id, key, outcome, text, traces, tonumber(ARGV[at + 4]) or 0, ARGV[at + 5] == '1')
    end
  end
  codes[number] = code
end

if #ended > 0 then
  call('DEL', unpack(locks))
  call('SREM', P .. 'stalled', unpack(ended))
  for state, members in pairs(to_add) do
    if #members > 0 then call('ZADD', P .. state, unpack(members)) end
  end
  for _, policy in pairs(policies) do prune(policy[1], policy[2]) end
  if is_delayed then mark_delayed(P) end
  -- A freed place may let a waiting job start, where the number of running ones is limited.
  if is_ready or (call('HEXISTS', P .. 'meta', 'concurrency') == 1 and call('EXISTS', P .. 'wait', P .. 'prioritized') > 0) then
    mark_ready(P)
  end
  if call('EXISTS', P .. 'wait', P .. 'active', P .. 'prioritized') == 0 then emit(P, 'drained') end
  trim_events(P)
end
return codes
