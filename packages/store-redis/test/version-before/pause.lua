#!lua flags=allow-oom
-- include includes/ready.lua

-- ARGV: time, namespace, queue, '1' to pause. Reply: lanes that a resumed queue has ready tasks in.

local inQueue = ARGV[2] .. '\n' .. ARGV[3]
if ARGV[4] == '1' then
  call('SADD', P .. 'paused', inQueue)
  call('SADD', P .. 'queues:' .. ARGV[2], ARGV[3])
  return ''
end
if call('SREM', P .. 'paused', inQueue) == 1 then
  for _, number in ipairs(call('SMEMBERS', P .. 'waiting:' .. inQueue)) do addReadyLane(laneOf(number)) end
end
return readyLaneNames()
