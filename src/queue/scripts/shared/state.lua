-- The state that a job is in, or nil when it is in none. Looked for in this order, as other readers of the layout do.
local function state_of(base, id)
  for _, state in ipairs({ 'completed', 'failed', 'delayed', 'prioritized' }) do
    if call('ZSCORE', base .. state, id) then return state end
  end
  for _, state in ipairs({ 'active', 'wait', 'paused' }) do
    if call('LPOS', base .. state, id) then return state end
  end
  if call('ZSCORE', base .. 'waiting-children', id) then return 'waiting-children' end
end

-- Out of the state that it was found in.
local function leave(base, id, state)
  if state == 'active' or state == 'wait' or state == 'paused' then
    return call('LREM', base .. state, 0, id)
  end
  return call('ZREM', base .. state, id)
end
