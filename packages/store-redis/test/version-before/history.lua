#!lua flags=no-writes
-- include includes/lanes.lua

-- ARGV: time, namespace, id, first line, number of lines. Reply: time, lanes, both records of the task, then lines of its history.

local now, id = readTime(ARGV[1]), ARGV[3]
local task = call('HGET', TASKS, id)
if not task or not liesIn(ARGV[2], headOfTask(task)) then return { whole(now), '' } end
local reply = { whole(now), laneTable(), task, readState(id) or false }
local lines = call('LRANGE', P .. 'history:' .. id, ARGV[4], ARGV[4] + ARGV[5] - 1)
for i, line in ipairs(lines) do reply[4 + i] = line end
return reply
