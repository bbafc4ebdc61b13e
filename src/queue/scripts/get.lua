-- Jobs by their ids, and where they are.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     whether their fields are wanted ('1'), then ids
-- Returns  for each id: the state or '', its fields and their values where wanted

local answer = {}
for at = 2, #ARGV do
  local id = ARGV[at]
  answer[#answer + 1] = { state_of(P, id) or '', ARGV[1] == '1' and call('HGETALL', P .. id) or {} }
end
return answer
