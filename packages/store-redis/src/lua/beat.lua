#!lua flags=allow-oom
-- include includes/time.lua

-- A server process says that it lives. ARGV: time, node, ttlMs, the names of its workers as JSON, and what claimers ask for there,
-- '' for as it said last. Reply: whether types may have defaults, and a number that moves when some were declared.

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

-- Servers of the version before count no declarations: where there were any, types may have defaults, and while there are, the
-- number moves with each call of theirs that is noticed.
local declared, strangers = call('GET', P .. 'declarations'), call('HGET', META, 'strangers')
return { (declared or strangers) and 1 or 0, whole((declared or 0) + (strangers or 0)) }
