#!lua flags=allow-oom
-- include includes/time.lua

-- A server process says that it lives. ARGV: time, node, ttlMs, the names of its workers as JSON. Reply: nothing.

local now = storeTime(ARGV[1])
local NODES = P .. 'nodes'
local beats = call('HGETALL', NODES)
for i = 1, #beats, 2 do
  if tonumber(match(beats[i + 1], '^%d+')) <= now then call('HDEL', NODES, beats[i]) end
end
if ARGV[3] == '0' then
  call('HDEL', NODES, ARGV[2])
else
  call('HSET', NODES, ARGV[2], whole(now + ARGV[3]) .. F .. ARGV[4])
end
return ''
