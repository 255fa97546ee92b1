#!lua flags=allow-oom
-- include includes/ready.lua

-- ARGV: time, namespace, queue, '1' to pause. Reply: lanes that a resumed queue has ready tasks in.

local inQueue = ARGV[2] .. '\n' .. ARGV[3]
local PAUSED, waiting = P .. 'paused', P .. 'waiting:' .. inQueue
if ARGV[4] == '1' then
  call('SADD', PAUSED, inQueue)
  call('SADD', P .. 'queues:' .. ARGV[2], ARGV[3])
  for _, number in ipairs(call('SMEMBERS', waiting)) do removePlace(laneOf(number)) end
elseif call('SREM', PAUSED, inQueue) == 1 then
  for _, number in ipairs(call('SMEMBERS', waiting)) do
    placeLane(laneOf(number))
    addReadyLane(laneOf(number))
  end
end
return readyLaneNames()
