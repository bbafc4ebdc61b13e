-- Makes locks last longer.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     token, lock (ms), then ids
-- Returns  the ids whose lock is gone or held by another

local lost = {}
for at = 3, #ARGV do
  local id = ARGV[at]
  local lock = P .. id .. ':lock'
  if call('GET', lock) == ARGV[1] then
    call('SET', lock, ARGV[1], 'PX', ARGV[2])
    call('SREM', P .. 'stalled', id)
  else
    lost[#lost + 1] = id
  end
end
return lost
