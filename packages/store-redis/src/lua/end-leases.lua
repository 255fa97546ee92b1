#!lua flags=allow-oom
-- include parts/workers.lua

-- Ends leases of dead workers. ARGV: time, most, the workers as JSON.
-- Reply: readied lanes, lanes, then what ended (see endOverdue).

local now = storeTime(ARGV[1])
promoteDue(now)
local most = tonumber(ARGV[2])
local dead, ended = {}, {}
for i = 3, #ARGV do dead[ARGV[i]] = true end
for _, holder in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
  if #ended < most and dead[match(holder, '\n(.*)$')] then
    local ids = call('ZRANGE', leasesKey(holder), 0, most - #ended - 1)
    if #ids > 0 then
      local states = call('HMGET', RUNNING, unpack(ids))
      for i, id in ipairs(ids) do endOverdue(ended, id, parseState(states[i]), 'expired', 0, true, now) end
    end
    firstLeaseOf(holder)
  end
end
rememberCompany(now)
saveCounts()
table.insert(ended, 1, laneTable())
table.insert(ended, 1, readiedLanes())
return ended
