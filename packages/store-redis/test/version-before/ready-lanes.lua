#!lua flags=allow-oom
-- include includes/ready.lua

-- Lanes that have ready tasks. ARGV: time, namespace, how many. Reply: ready lanes that have come to be so now; then names of lanes.

promoteDue(storeTime(ARGV[1]))
saveCounts()
local namespace, most = ARGV[2], tonumber(ARGV[3])
local reply = { readyLaneNames() }
for _, queue in ipairs(call('SMEMBERS', P .. 'queues:' .. namespace)) do
  for _, number in ipairs(call('SMEMBERS', P .. 'waiting:' .. namespace .. '\n' .. queue)) do
    if #reply > most then return reply end
    reply[#reply + 1] = laneOf(number).names
  end
end
return reply
