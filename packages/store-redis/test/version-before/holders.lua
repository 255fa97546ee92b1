#!lua flags=no-writes
-- include includes/beats.lua
-- include includes/leases.lua

-- ARGV: time. Reply: number of living nodes; for each its name and workers as JSON; then for each worker with leases: its
-- namespace and id, a node, the number of its leases there, the first and the last of their scores: see leaseEnd.

local reply = { 0 }
eachBeat(readTime(ARGV[1]), function(node, workers)
  reply[1] = reply[1] + 1
  reply[#reply + 1], reply[#reply + 2] = node, workers
end)

local function tell(holder, node, leases, firstScore, lastScore)
  for _, value in ipairs({ holder, node, leases, firstScore, lastScore }) do reply[#reply + 1] = value end
end

-- A session of any of its leases counts for all that are of the same process, or of none.
local function tellOfEachNode(holder, usual)
  local groups = {}
  eachLease(holder, function(id, text)
    local node, score = nodeOf(parseState(text)) or usual, call('ZSCORE', leasesKey(holder), id)
    local process = sub(node, 2)
    local group = groups[process] or { node = node, leases = 0, firstScore = score }
    groups[process] = group
    if sub(node, 1, 1) == '1' then group.node = node end
    group.leases, group.lastScore = group.leases + 1, score
  end)
  for _, group in pairs(groups) do tell(holder, group.node, group.leases, group.firstScore, group.lastScore) end
end

for _, holder in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
  local key = leasesKey(holder)
  local leases, node = call('ZCARD', key), call('HGET', NODES_OF, holder) or '0'
  if leases > 0 and call('SISMEMBER', SEVERAL_NODES, holder) == 1 then
    tellOfEachNode(holder, node)
  elseif leases > 0 then
    local first, last = call('ZRANGE', key, 0, 0, 'WITHSCORES'), call('ZRANGE', key, -1, -1, 'WITHSCORES')
    tell(holder, node, leases, first[2], last[2])
  end
end
return reply
