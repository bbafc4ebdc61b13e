-- Lets finished jobs run again.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     state (failed or completed), whether their attempts count from 0 again ('1'), how many of the oldest, then
--          ids, which count instead where there are any
-- Returns  for each job: its id, and 1 done, -1 no such job, -3 not in that state

local state, anew = ARGV[1], ARGV[2] == '1'
local ids = {}
for at = 4, #ARGV do ids[#ids + 1] = ARGV[at] end
if #ids == 0 and tonumber(ARGV[3]) > 0 then ids = call('ZRANGE', P .. state, 0, tonumber(ARGV[3]) - 1) end

-- A parent that still waits has to wait for it again.
local function attach(key)
  local parent_key = call('HGET', key, 'parentKey')
  if not parent_key then return end
  local base, id = parts_of(parent_key)
  if not base or not call('ZSCORE', base .. 'waiting-children', id) then return end
  call('HDEL', parent_key .. ':processed', key)
  call('HDEL', parent_key .. ':failed', key)
  call('ZREM', parent_key .. ':unsuccessful', key)
  call('SADD', parent_key .. ':dependencies', key)
end

local function retry(id)
  local key = P .. id
  if call('EXISTS', key) == 0 then return -1 end
  if call('ZREM', P .. state, id) == 0 then return -3 end
  call('HDEL', key, 'finishedOn', 'processedOn', state == 'failed' and 'failedReason' or 'returnvalue')
  if anew then call('HDEL', key, 'atm', 'ats') end
  attach(key)
  local job = call('HMGET', key, 'priority', 'opts')
  local priority = tonumber(job[1]) or 0
  local read, options = pcall(cjson.decode, job[2] or '{}')
  place_ready(P, id, priority, priority == 0 and read and type(options) == 'table' and options.lifo == true)
  emit(P, 'waiting', 'jobId', id, 'prev', state)
  return 1
end

local answer = {}
for _, id in ipairs(ids) do answer[#answer + 1] = { id, retry(id) } end
if #ids > 0 then
  mark_ready(P)
  trim_events(P)
end
return answer
