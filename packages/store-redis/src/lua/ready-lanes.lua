#!lua flags=allow-oom
-- include includes/ready.lua

-- Lanes that have ready tasks. ARGV: time, namespace, how many. Reply: ready lanes that have come to be so now; then names of lanes.

promoteDue(storeTime(ARGV[1]))
saveLanes()
local namespace, most = ARGV[2], tonumber(ARGV[3])

local numbers = {}
for _, queue in ipairs(call('SMEMBERS', P .. 'queues:' .. namespace)) do
  for _, number in ipairs(call('SMEMBERS', P .. 'waiting:' .. namespace .. '\n' .. queue)) do
    if #numbers < most then numbers[#numbers + 1] = number end
  end
  if #numbers == most then break end
end

local reply = { readyLaneNames() }
for from = 1, #numbers, 1000 do
  local some = { unpack(numbers, from, math.min(from + 999, #numbers)) }
  for _, names in ipairs(call('HMGET', P .. 'names', unpack(some))) do reply[#reply + 1] = names end
end
return reply
