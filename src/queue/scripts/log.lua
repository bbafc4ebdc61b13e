-- Adds lines to the log of a job.
--
-- KEYS[1]  prefix of the queue's keys
-- ARGV     id, how many lines stay (0 = all), then the lines
-- Returns  how many lines there are, or -1 where there is no such job

if call('EXISTS', P .. ARGV[1]) == 0 then return -1 end
local log, keep = P .. ARGV[1] .. ':logs', tonumber(ARGV[2])
for at = 3, #ARGV do call('RPUSH', log, ARGV[at]) end
if keep > 0 then call('LTRIM', log, -keep, -1) end
return call('LLEN', log)
