#!lua flags=no-writes
-- include includes/beats.lua
-- include includes/time.lua

-- ARGV: time. Reply: the time; then for each living node that has said what claimers ask for there: its name, and when it said what.

local now = readTime(ARGV[1])
local reply = { whole(now) }
eachBeat(now, function(node)
  local said = call('HGET', P .. 'claimers', node)
  if said then reply[#reply + 1], reply[#reply + 2] = node, said end
end)
return reply
