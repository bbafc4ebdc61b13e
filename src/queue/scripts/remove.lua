-- Removes jobs from whatever state they are in, and all that is known of them.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     which ones go ('' = all that no worker has, '1' = finished ones, '2' = all), then ids
-- Returns  for each job: its id, and 1 removed, 0 locked by a worker, -1 no such job, -3 not finished,
--          -8 a scheduler's next job

local only_finished, also_locked = ARGV[1] == '1', ARGV[1] == '2'

local function remove(id)
  if call('EXISTS', P .. id) == 0 then return -1 end
  if not also_locked and call('EXISTS', P .. id .. ':lock') == 1 then return 0 end
  if is_of_scheduler(P, id) then return -8 end
  local state = state_of(P, id)
  if only_finished and state ~= 'completed' and state ~= 'failed' then return -3 end
  if state then leave(P, id, state) end
  detach(P, id)
  drop_dedup(P, id)
  delete_keys(P, id)
  if also_locked then
    call('DEL', P .. id .. ':lock')
    call('SREM', P .. 'stalled', id)
  end
  emit(P, 'removed', 'jobId', id, 'prev', state or 'unknown')
  return 1
end

local answer = {}
for at = 2, #ARGV do answer[#answer + 1] = { ARGV[at], remove(ARGV[at]) } end
trim_events(P)
return answer
