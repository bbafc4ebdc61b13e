-- Makes delayed jobs ready now.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     how many of those that are due first, then ids, which count instead where there are any
-- Returns  for each job: its id, and 1 done, -1 no such job, -3 not delayed

local ids = {}
for at = 2, #ARGV do ids[#ids + 1] = ARGV[at] end
if #ids == 0 and tonumber(ARGV[1]) > 0 then ids = call('ZRANGE', P .. 'delayed', 0, tonumber(ARGV[1]) - 1) end

local function promote(id)
  if call('EXISTS', P .. id) == 0 then return -1 end
  if call('ZREM', P .. 'delayed', id) == 0 then return -3 end
  place_ready(P, id, tonumber(call('HGET', P .. id, 'priority')) or 0, false)
  call('HSET', P .. id, 'delay', 0)
  emit(P, 'waiting', 'jobId', id, 'prev', 'delayed')
  return 1
end

local answer = {}
for _, id in ipairs(ids) do answer[#answer + 1] = { id, promote(id) } end
if #ids > 0 then
  mark_ready(P)
  trim_events(P)
end
return answer
