#!lua flags=no-writes
-- include parts/leases.lua

-- ARGV: time. Reply: number of living nodes; for each its name and workers as JSON; then for each worker with leases: its
-- namespace and id, its node, the number of its leases, when the first and the last of them end.

local now = readTime(ARGV[1])
local reply = { 0 }
local beats = call('HGETALL', P .. 'nodes')
for i = 1, #beats, 2 do
  local untilTime, workers = match(beats[i + 1], '^(%d+)\31(.*)$')
  if tonumber(untilTime) > now then
    reply[1] = reply[1] + 1
    reply[#reply + 1], reply[#reply + 2] = beats[i], workers
  end
end
for _, holder in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
  local leases = call('ZCARD', leasesKey(holder))
  if leases > 0 then
    reply[#reply + 1] = holder
    reply[#reply + 1] = call('HGET', P .. 'nodes-of', holder) or ''
    reply[#reply + 1] = leases
    for _, at in ipairs({ 0, -1 }) do reply[#reply + 1] = whole(call('ZRANGE', leasesKey(holder), at, at, 'WITHSCORES')[2]) end
  end
end
return reply
