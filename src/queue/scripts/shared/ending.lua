-- Ending the run of jobs that a worker holds.

-- What `finish` gets of each job.
local STRIDE = 6
-- From so many on, jobs are taken out of active at once.
local WORTH_A_CUT = 3

local function attempts_allowed(options)
  local read, parsed = pcall(cjson.decode, options or '{}')
  return read and type(parsed) == 'table' and tonumber(parsed.attempts) or 0
end

-- Those of these jobs that are not active. The others are not any more.
local function take_out_of_active(ids)
  local absent = {}
  local size = #ids
  if size >= WORTH_A_CUT then
    -- Jobs mostly end in the order in which they began, and then they are the whole right end.
    local pending = {}
    for _, id in ipairs(ids) do pending[id] = true end
    local last = call('LRANGE', P .. 'active', -size, -1)
    local is_end = #last == size
    for _, id in ipairs(last) do
      is_end = is_end and pending[id]
      pending[id] = nil
    end
    if is_end then
      call('LTRIM', P .. 'active', 0, -size - 1)
      return absent
    end
  end
  for number, id in ipairs(ids) do
    if call('LREM', P .. 'active', -1, id) == 0 then absent[number] = true end
  end
  return absent
end

local function prune(state, keep)
  local set = P .. state
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
    -- A completed job left its parent when it completed.
    if state == 'failed' then detach(P, id) end
    delete_keys(P, id)
  end
end

-- Ends what ARGV names from `from` on, as far as `token` still holds it: nothing else is written to. Answers a code for
-- each, how many were ended, and whether some of them wait again.
local function end_runs(token, from)
  local ids, keys, locks, children = {}, {}, {}, {}
  local size = 0
  for at = from, #ARGV, STRIDE do
    size = size + 1
    local key = P .. ARGV[at]
    ids[size], keys[size], locks[size] = ARGV[at], key, key .. ':lock'
    children[2 * size - 1], children[2 * size] = key .. ':dependencies', key .. ':unsuccessful'
  end
  local codes = {}
  if size == 0 then return codes, 0, false end
  -- Asked once for all, since the answers are nearly always the same.
  local holders = call('MGET', unpack(locks))
  local have_children = call('EXISTS', unpack(children)) > 0
  local lengths = {}

  -- Why the job cannot be ended, or nil.
  local function refusal(number, outcome)
    local key = keys[number]
    local length = call('HLEN', key)
    if length == 0 then return -1 end
    lengths[number] = length
    if not holders[number] then return -2 end
    if holders[number] ~= token then return -6 end
    if have_children and outcome == 'completed' then
      if call('EXISTS', key .. ':dependencies') == 1 then return -4 end
      if call('EXISTS', key .. ':unsuccessful') == 1 then return -9 end
    end
  end

  local to_end, numbers = {}, {}
  for number, id in ipairs(ids) do
    local code = refusal(number, ARGV[from + (number - 1) * STRIDE + 1])
    codes[number] = code or 0
    if not code then
      to_end[#to_end + 1] = id
      numbers[#numbers + 1] = number
    end
  end
  -- Nothing was written so far, and nothing is where this fails.
  for at in pairs(take_out_of_active(to_end)) do codes[numbers[at]] = -3 end

  local finished = { completed = {}, failed = {} }
  local keeps, is_ready, is_delayed = {}, false, false

  -- Which finished jobs stay; nil for all.
  local function keep_of(text)
    if text == '' then return nil end
    local keep = keeps[text]
    if not keep then
      local count, age, limit = string.match(text, '^(%S+) (%S+) (%S+)$')
      keep = { count = tonumber(count), age = tonumber(age), limit = tonumber(limit) or 1000 }
      keeps[text] = keep
    end
    return keep
  end

  local function finish(number, outcome, text, traces, detail, known_length)
    local id, key = ids[number], keys[number]
    local made = '1'
    -- With as many fields as when it was handed out it has nothing that it had not then, and then it was like most jobs.
    if lengths[number] ~= known_length then
      local job = call('HMGET', key, 'atm', 'parentKey', 'deid')
      if job[1] then made = string.format('%.0f', (tonumber(job[1]) or 0) + 1) end
      if job[2] then
        if outcome == 'completed' then
          tell_parent_done(key, job[2], text)
        else
          tell_parent_failed(key, job[2], call('HGET', key, 'parent'), text)
        end
      end
      if job[3] then release_dedup(P, id, job[3]) end
    end
    if outcome == 'completed' then
      call('XADD', EVENTS, '*', 'event', 'completed', 'jobId', id, 'returnvalue', text, 'prev', 'active')
    else
      emit(P, 'failed', 'jobId', id, 'failedReason', text, 'prev', 'active')
      if tonumber(made) >= attempts_allowed(call('HGET', key, 'opts')) then
        emit(P, 'retries-exhausted', 'jobId', id, 'attemptsMade', made)
      end
    end
    local keep = keep_of(detail)
    if keep and keep.count == 0 then
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
    local members = finished[outcome]
    members[#members + 1] = NOW
    members[#members + 1] = id
    if keep then
      keep.of = keep.of or {}
      keep.of[outcome] = true
    end
  end

  local function put_back(number, outcome, text, traces, detail)
    local id, key = ids[number], keys[number]
    if outcome == 'retry' then
      call('HSET', key, 'failedReason', text)
      if traces ~= '' then call('HSET', key, 'stacktrace', traces) end
      call('HINCRBY', key, 'atm', 1)
    end
    local delay = tonumber(detail) or 0
    if delay > 0 then
      call('HSET', key, 'delay', detail)
      place_delayed(P, id, now + delay)
      emit(P, 'delayed', 'jobId', id, 'delay', now + delay)
      is_delayed = true
      return
    end
    local priority = tonumber(call('HGET', key, 'priority')) or 0
    place_ready(P, id, priority, outcome == 'release' or (detail == 'front' and priority == 0))
    emit(P, 'waiting', 'jobId', id, 'prev', 'active')
    is_ready = true
  end

  local ended, ended_locks = {}, {}
  for _, number in ipairs(numbers) do
    if codes[number] == 0 then
      local at = from + (number - 1) * STRIDE
      local outcome = ARGV[at + 1]
      ended[#ended + 1] = ids[number]
      ended_locks[#ended_locks + 1] = locks[number]
      if outcome == 'completed' or outcome == 'failed' then
        finish(number, outcome, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5]))
      else
        put_back(number, outcome, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
      end
    end
  end
  if #ended > 0 then
    call('DEL', unpack(ended_locks))
    call('SREM', P .. 'stalled', unpack(ended))
    for state, members in pairs(finished) do
      if #members > 0 then call('ZADD', P .. state, unpack(members)) end
    end
    for _, keep in pairs(keeps) do
      for state in pairs(keep.of or {}) do prune(state, keep) end
    end
    if is_delayed then mark_delayed(P) end
  end
  return codes, #ended, is_ready
end

-- Says that nothing is left to do, where that is so.
local function tell_drained()
  if call('EXISTS', P .. 'wait', P .. 'active', P .. 'prioritized') == 0 then emit(P, 'drained') end
end
