#!lua flags=no-writes
-- include parts/lanes.lua

-- ARGV: time, ids. Reply: time, lanes, then both records of each task, nil where there is none.

local reply = { whole((readTime(ARGV[1]))), '' }
if #ARGV > 1 then
  local ids = {}
  for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
  local tasks = call('HMGET', TASKS, unpack(ids))
  local states, running = call('HMGET', STATES, unpack(ids)), call('HMGET', RUNNING, unpack(ids))
  for i = 1, #ids do
    reply[2 * i + 1], reply[2 * i + 2] = tasks[i], states[i] or running[i]
    if tasks[i] then
      local _, headText = splitTask(tasks[i])
      laneOf(headOf(headText).lane)
    end
  end
  reply[2] = laneTable()
end
return reply
