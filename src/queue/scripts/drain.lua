-- Removes all that waits, but the next jobs of schedulers. Says nothing about it to anybody.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     whether delayed jobs go too ('1')
-- Returns  how many jobs were removed

local removed = 0

local function drain(state, ids)
  for _, id in ipairs(ids) do
    if not is_of_scheduler(P, id) then
      leave(P, id, state)
      detach(P, id)
      drop_dedup(P, id)
      delete_keys(P, id)
      removed = removed + 1
    end
  end
end

for _, state in ipairs({ 'wait', 'paused' }) do
  local ids = call('LRANGE', P .. state, 0, -1)
  -- All at once where no scheduler has jobs here: taking them out one by one costs the square of their number.
  if call('EXISTS', P .. 'repeat') == 0 then call('DEL', P .. state) end
  drain(state, ids)
end
drain('prioritized', call('ZRANGE', P .. 'prioritized', 0, -1))
if ARGV[1] == '1' then drain('delayed', call('ZRANGE', P .. 'delayed', 0, -1)) end
return removed
