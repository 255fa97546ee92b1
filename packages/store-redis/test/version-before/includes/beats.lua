-- include includes/base.lua

-- Visits each server process whose beat holds: its name, and those of the workers that it answers for, as JSON (`workerKey` of
-- the core).
local function eachBeat(now, visit)
  local beats = call('HGETALL', P .. 'nodes')
  for i = 1, #beats, 2 do
    local untilTime, workers = match(beats[i + 1], '^(%d+)\31(.*)$')
    if tonumber(untilTime) > now then visit(beats[i], workers) end
  end
end
