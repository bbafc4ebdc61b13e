-- Jobs of one state. Lists are served from the right, so their first job is at the right end.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     state, first position, last position, whether the newest come first ('1')
-- Returns  for each job: id, its fields and their values. Ids without a job are left out.

local key, first, last, newest_first = P .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local ids
if ARGV[1] == 'wait' or ARGV[1] == 'active' or ARGV[1] == 'paused' then
  if newest_first then
    ids = call('LRANGE', key, first, last)
  else
    local line = call('LRANGE', key, -(last + 1), -(first + 1))
    ids = {}
    for at = #line, 1, -1 do ids[#ids + 1] = line[at] end
  end
else
  ids = call(newest_first and 'ZREVRANGE' or 'ZRANGE', key, first, last)
end
local jobs = {}
for _, id in ipairs(ids) do
  local fields = call('HGETALL', P .. id)
  if #fields > 0 then jobs[#jobs + 1] = { id, fields } end
end
return jobs
