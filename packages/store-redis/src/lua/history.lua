#!lua flags=no-writes
-- include parts/lanes.lua

-- ARGV: time, id, number of lines. Reply: time, lanes, both records of the task, then its first lines of history.

local now = readTime(ARGV[1])
local task = call('HGET', TASKS, ARGV[2])
if not task then return { whole(now), '' } end
local _, headText = splitTask(task)
laneOf(headOf(headText).lane)
local reply = { whole(now), laneTable(), task, readState(ARGV[2]) or false }
for i, line in ipairs(call('LRANGE', P .. 'history:' .. ARGV[2], 0, ARGV[3] - 1)) do reply[4 + i] = line end
return reply
