#!lua flags=allow-oom
-- include includes/time.lua

-- A server process says that it lives. ARGV: time, node, ttlMs, the names of its workers as JSON, and what claimers ask for there,
-- '' for as it said last. Reply: nothing.

local now = storeTime(ARGV[1])
local NODES, CLAIMERS = P .. 'nodes', P .. 'claimers'
local beats = call('HGETALL', NODES)
for i = 1, #beats, 2 do
  if tonumber(match(beats[i + 1], '^%d+')) <= now then call('HDEL', NODES, beats[i]) end
end
if ARGV[3] == '0' then
  call('HDEL', NODES, ARGV[2])
else
  call('HSET', NODES, ARGV[2], whole(now + ARGV[3]) .. F .. ARGV[4])
end
if ARGV[5] ~= '' then
  -- Servers of the version before know nothing of these, and leave those of the dead.
  for _, node in ipairs(call('HKEYS', CLAIMERS)) do
    if call('HEXISTS', NODES, node) == 0 then call('HDEL', CLAIMERS, node) end
  end
  if ARGV[3] ~= '0' then call('HSET', CLAIMERS, ARGV[2], whole(now) .. F .. ARGV[5]) end
end
return ''
