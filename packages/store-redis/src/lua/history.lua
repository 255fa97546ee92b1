#!lua flags=no-writes
-- include parts/lanes.lua

-- ARGV: time, id, first line, number of lines. Reply: time, lanes, both records of the task, then lines of its history.

local now = readTime(ARGV[1])
local task = call('HGET', TASKS, ARGV[2])
if not task then return { whole(now), '' } end
local _, headText = splitTask(task)
laneOf(headOf(headText).lane)
local reply = { whole(now), laneTable(), task, readState(ARGV[2]) or false }
local lines = call('LRANGE', P .. 'history:' .. ARGV[2], ARGV[3], ARGV[3] + ARGV[4] - 1)
for i, line in ipairs(lines) do reply[4 + i] = line end
return reply
