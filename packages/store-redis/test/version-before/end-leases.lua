#!lua flags=allow-oom
-- include includes/beats.lua
-- include includes/workers.lua

-- Ends the leases of dead workers that are watched, unless they are alive by now. ARGV: time, most, then of each worker its
-- key in `workers` and its name in beats.
-- Reply: ready lanes, lanes, then what ended (see endOverdue).

local now = storeTime(ARGV[1])
promoteDue(now)
local most = tonumber(ARGV[2])
local ended = {}

local living, answeredFor = {}, {}
eachBeat(now, function(node, workers)
  living[node] = true
  for _, worker in ipairs(cjson.decode(workers)) do answeredFor[worker] = true end
end)

local function endWatched(holder)
  local passed, isMore, usual = 0, true, call('HGET', NODES_OF, holder) or '0'
  while isMore and #ended < most do
    local ids = call('ZRANGE', leasesKey(holder), passed, passed + most - #ended - 1)
    local states = #ids > 0 and call('HMGET', RUNNING, unpack(ids)) or {}
    for i, text in ipairs(states) do
      local s = parseState(text)
      if isWatched(s) and not living[sub(nodeOf(s) or usual, 2)] then
        endOverdue(ended, ids[i], s, 'expired', 0, true, now)
      else
        passed = passed + 1
      end
    end
    isMore = #ids > 0
  end
end

for i = 3, #ARGV, 2 do
  if #ended < most and not answeredFor[ARGV[i + 1]] then
    endWatched(ARGV[i])
    firstLeaseOf(ARGV[i])
  end
end
rememberCompany(now)
saveCounts()
table.insert(ended, 1, laneTable())
table.insert(ended, 1, readyLaneNames())
return ended
