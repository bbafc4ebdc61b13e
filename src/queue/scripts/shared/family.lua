-- What ties a job to others: the parent that waits for it, and the deduplication id that it holds.

-- Splits a job's full key into the prefix of its queue and its id.
local function parts_of(key)
  return string.match(key, '^(.*:)([^:]+)$')
end

-- Makes a parent ready that waits for children no longer. `reason` makes the next worker fail it.
local function release_parent(parent_key, reason)
  local base, id = parts_of(parent_key)
  if not base or call('ZREM', base .. 'waiting-children', id) == 0 then return end
  if reason then call('HSET', parent_key, 'defa', reason) end
  local job = call('HMGET', parent_key, 'priority', 'delay')
  local delay = tonumber(job[2]) or 0
  if delay > 0 and not reason then
    place_delayed(base, id, now + delay)
    emit(base, 'delayed', 'jobId', id, 'delay', now + delay)
    mark_delayed(base)
  else
    place_ready(base, id, tonumber(job[1]) or 0, true)
    emit(base, 'waiting', 'jobId', id, 'prev', 'waiting-children')
    mark_ready(base)
  end
end

local function release_parent_without_children(parent_key)
  if call('SCARD', parent_key .. ':dependencies') == 0 then release_parent(parent_key) end
end

local function tell_parent_done(child_key, parent_key, result)
  if call('SREM', parent_key .. ':dependencies', child_key) == 0 then return end
  call('HSET', parent_key .. ':processed', child_key, result)
  release_parent_without_children(parent_key)
end

-- A child without a flag stays a dependency for ever when it fails.
local function tell_parent_failed(child_key, parent_key, parent_json, reason)
  local read, flags = pcall(cjson.decode, parent_json or '')
  if not read or type(flags) ~= 'table' then return end
  if not (flags.fpof or flags.cpof or flags.idof or flags.rdof) then return end
  if call('SREM', parent_key .. ':dependencies', child_key) == 0 then return end
  if flags.fpof then
    call('ZADD', parent_key .. ':unsuccessful', now, child_key)
    release_parent(parent_key, 'child ' .. child_key .. ' failed')
  elseif flags.cpof then
    call('HSET', parent_key .. ':failed', child_key, reason)
    release_parent(parent_key)
  else
    if flags.idof then call('HSET', parent_key .. ':failed', child_key, reason) end
    release_parent_without_children(parent_key)
  end
end

-- Adds the job that came while the holder of its deduplication id was running.
local function add_next_of(base, dedup_id)
  local key = base .. 'dn:' .. dedup_id
  local job = call('HMGET', key, 'jid', 'name', 'data', 'opts', 'pk', 'pd', 'rjk')
  call('DEL', key)
  local id = job[1]
  if not id then return end
  local read, options = pcall(cjson.decode, job[4] or '{}')
  if not read or type(options) ~= 'table' then options = {} end
  local delay, priority = tonumber(options.delay) or 0, tonumber(options.priority) or 0
  call('SET', base .. 'de:' .. dedup_id, id)
  call('HSET', base .. id, 'name', job[2] or '', 'data', job[3] or '{}', 'opts', job[4] or '{}',
    'timestamp', now, 'delay', delay, 'priority', priority, 'deid', dedup_id)
  if job[5] then
    call('HSET', base .. id, 'parentKey', job[5], 'parent', job[6] or '{}')
    call('SADD', job[5] .. ':dependencies', base .. id)
  end
  if job[7] then call('HSET', base .. id, 'rjk', job[7]) end
  emit(base, 'added', 'jobId', id, 'name', job[2] or '')
  if delay > 0 then
    place_delayed(base, id, now + delay)
    emit(base, 'delayed', 'jobId', id, 'delay', now + delay)
    mark_delayed(base)
  else
    place_ready(base, id, priority, options.lifo == true)
    emit(base, 'waiting', 'jobId', id)
    mark_ready(base)
  end
end

-- A finished job gives its deduplication id back, unless that has a time of its own.
local function release_dedup(base, id, dedup_id)
  local key = base .. 'de:' .. dedup_id
  if call('GET', key) == id and call('PTTL', key) == -1 then
    call('DEL', key)
    add_next_of(base, dedup_id)
  end
end
