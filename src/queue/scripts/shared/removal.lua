-- Deleting a job that is in no state any more.

-- The parent waits for it no longer.
local function detach(base, id)
  local parent_key = call('HGET', base .. id, 'parentKey')
  if parent_key and call('SREM', parent_key .. ':dependencies', base .. id) == 1 then
    release_parent_without_children(parent_key)
  end
end

local function drop_dedup(base, id)
  local dedup_id = call('HGET', base .. id, 'deid')
  if dedup_id and call('GET', base .. 'de:' .. dedup_id) == id then
    call('DEL', base .. 'de:' .. dedup_id, base .. 'dn:' .. dedup_id)
  end
end

local function delete_keys(base, id)
  local key = base .. id
  call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful')
end

-- The pending job of a scheduler that still exists: removing it would end the schedule.
local function is_of_scheduler(base, id)
  local scheduler = call('HGET', base .. id, 'rjk')
  if not scheduler then return false end
  local next_run = call('ZSCORE', base .. 'repeat', scheduler)
  return next_run and id == string.format('repeat:%s:%.0f', scheduler, next_run)
end
