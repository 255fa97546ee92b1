#!lua flags=allow-oom
-- include includes/named-claims.lua

-- ARGV: time, namespace, queues or '*', types or '*', limit, leaseMs, worker, node,
-- its name as JSON or ''.
-- Reply: time, ready lanes, lanes, ids, how the tasks differ from a first attempt, the tasks (see claimReady).

local now = storeTime(ARGV[1])
promoteDue(now)
local reply = { whole(now), '', '' }
claimReady(reply, {
  namespace = ARGV[2], queues = ARGV[3], types = ARGV[4], limit = tonumber(ARGV[5]), leaseMs = tonumber(ARGV[6]),
  worker = ARGV[7], node = ARGV[8], request = ARGV[9],
}, now)
saveCounts()
reply[2], reply[3] = readyLaneNames(), laneTable()
return reply
