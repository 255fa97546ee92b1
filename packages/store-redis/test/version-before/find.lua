#!lua flags=no-writes
-- include includes/lanes.lua

-- ARGV: time, namespace, ids. Reply: time, lanes, then both records of each task, nil where there is none.

local reply = { whole((readTime(ARGV[1]))), '' }
if #ARGV > 2 then
  local ids = {}
  for i = 3, #ARGV do ids[#ids + 1] = ARGV[i] end
  local tasks = call('HMGET', TASKS, unpack(ids))
  local states, running = call('HMGET', STATES, unpack(ids)), call('HMGET', RUNNING, unpack(ids))
  for i = 1, #ids do
    local isFound = tasks[i] and liesIn(ARGV[2], headOfTask(tasks[i]))
    reply[2 * i + 1], reply[2 * i + 2] = isFound and tasks[i], isFound and (states[i] or running[i])
  end
  reply[2] = laneTable()
end
return reply
