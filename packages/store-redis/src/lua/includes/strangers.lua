-- include includes/ready.lua

-- A server of the version before may make tasks ready, and end before anybody can notice it (see storeTime): no claim of every
-- queue would find them. So all lanes are placed again, some at a time, some seconds after one was noticed, each minute for an
-- hour, and when a server starts on a store that has met any. `placing` is the lane to go on with, `placedAt` when lane 1 was.
local QUIET_MS, EVERY_MS, FOR_MS = 5000, 60000, 3600000
local LANES_AT_ONCE = 100

local function isToBePlaced(now, strangerAt, placedAt)
  if now >= placedAt + EVERY_MS then return true end
  return now >= strangerAt + QUIET_MS and placedAt < strangerAt + QUIET_MS
end

-- The lane to begin or to go on with, nil when there is nothing to do.
local function nextToPlace(now)
  local placing, strangerAt, placedAt = unpack(call('HMGET', META, 'placing', 'strangerAt', 'placedAt'))
  if placing then return tonumber(placing) end
  if not strangerAt or not isToBePlaced(now, tonumber(strangerAt), tonumber(placedAt or 0)) then return nil end
  call('HSET', META, 'placedAt', whole(now))
  if now >= strangerAt + FOR_MS then call('HDEL', META, 'strangerAt', 'placedAt') end
  return 1
end

-- True while lanes are left.
local function placeSome(now)
  local from = nextToPlace(now)
  if not from then return false end
  local last = tonumber(call('HGET', META, 'lanes') or 0)
  local to = math.min(from + LANES_AT_ONCE - 1, last)
  for number = from, to do
    local lane = readLane(whole(number))
    if placeLane(lane) then addReadyLane(lane) end
  end
  if to < last then call('HSET', META, 'placing', whole(to + 1)) else call('HDEL', META, 'placing') end
  return to < last
end
