-- How many jobs are in each state.
--
-- KEYS[1]  prefix of the queue's keys
-- Returns  wait, prioritized, delayed, active, completed, failed, waiting-children, paused (the list of version 5),
--          and whether the queue is paused

return {
  call('LLEN', P .. 'wait'),
  call('ZCARD', P .. 'prioritized'),
  call('ZCARD', P .. 'delayed'),
  call('LLEN', P .. 'active'),
  call('ZCARD', P .. 'completed'),
  call('ZCARD', P .. 'failed'),
  call('ZCARD', P .. 'waiting-children'),
  call('LLEN', P .. 'paused'),
  call('HEXISTS', P .. 'meta', 'paused'),
}
